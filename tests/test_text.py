from __future__ import annotations

import re
import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from statscache.text import (
    DIGEST_LENGTH,
    KEY_LENGTH,
    TRACE_LINES,
    TRACE_WIDTH,
    key,
    one_line,
    storable,
    trace,
)

any_text = st.text(st.characters(exclude_categories=()))
database_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


@given(database_text)
def test_what_databases_take_is_left_as_it_is(text):
    assert storable(text) == text


@given(any_text)
@example("\0")
@example("\ud800")
@example("grün \udfff \0 \U0001f600")
def test_any_text_becomes_what_databases_take(text):
    stored = storable(text)
    stored.encode()
    assert "\0" not in stored
    with sqlite3.connect(":memory:") as connection:
        assert connection.execute("SELECT ?", (stored,)).fetchone() == (stored,)
    connection.close()


@given(any_text)
@example("\0" * 300)
def test_what_was_made_storable_or_a_key_stays_so(text):
    assert storable(storable(text)) == storable(text)
    assert key(key(text)) == key(text)


def test_nul_and_lone_surrogates_are_written_as_python_writes_them():
    assert storable("a\0b\ud83dc") == r"a\u0000b\ud83dc"
    assert storable("\U0001f600") == "\U0001f600"


@given(any_text.map(lambda text: text * 40))
def test_a_key_has_at_most_255_characters(text):
    assert len(key(text)) <= KEY_LENGTH


@given(st.integers(KEY_LENGTH - 3, 10_000), st.sampled_from("aé\0\ud800\U0001f600"))
def test_long_texts_that_differ_only_at_the_end_have_different_keys(length, character):
    long = character * length
    assert len({key(long), key(long + "a"), key(long + "b"), key(long + "A")}) == 4


def test_a_long_key_is_cut_and_ends_in_a_hash_of_the_whole():
    assert key("x" * KEY_LENGTH) == "x" * KEY_LENGTH
    cut = key("x" * (KEY_LENGTH + 1))
    assert len(cut) == KEY_LENGTH
    assert re.fullmatch(rf"x+~[0-9a-f]{{{DIGEST_LENGTH}}}", cut)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), ("ß", "ss"), ("é", "e\u0301"), ("a", "a "), ("\0", "\1"), ("\ud800", "\ud801")],
)
def test_keys_are_never_folded(one, other):
    assert key(one) != key(other)


def test_a_key_may_be_a_number():
    assert key(5) == "5"


@given(any_text, st.integers(2, 300))
@example("\n", 5)
@example("\x1b[31m", 200)
@example("\u2028\u202e\ud800", 200)
def test_one_line_is_one_short_line_without_control_characters(text, length):
    line = one_line(text, length)
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
    assert len(line) <= length


def test_one_line_leaves_plain_text_alone_and_marks_what_it_cuts():
    assert one_line("grün 'ist' schön") == "grün 'ist' schön"
    assert one_line("a\nb\0") == r"a\nb\x00"
    assert one_line("x" * 200) == "x" * 200
    assert one_line("x" * 201) == "x" * 199 + "…"


def test_one_line_of_five_megabytes_is_quick_and_short():
    assert one_line("\n" * 5_000_000) == (r"\n" * 100)[:199] + "…"


# -- tracebacks ----------------------------------------------------------------------------------


def failure(error):
    try:
        raise error
    except BaseException as caught:
        return caught


@given(any_text)
@example("\n2026-01-01 00:00:00 CRITICAL statscache.engine: forged")
@example("\r\n\x85\u2028\x1b[2K\u202e\ud800\0")
def test_every_line_of_a_traceback_is_indented_and_printable(text):
    lines = trace(failure(ValueError(text))).split("\n")
    assert lines[0] == "  Traceback (most recent call last):"
    assert any(line.startswith("  ValueError") for line in lines)
    assert all(line.startswith("  ") and line.isprintable() for line in lines)


@pytest.mark.parametrize("text", ["x" * 5_000_000, "x\n" * 2_500_000])
def test_a_traceback_in_a_log_is_not_longer_than_somebody_reads(text):
    lines = trace(failure(ValueError(text))).split("\n")
    assert len(lines) <= TRACE_LINES + 1
    assert max(map(len, lines)) <= TRACE_WIDTH + 2


def test_a_long_traceback_keeps_its_beginning_and_its_end():
    lines = trace(failure(ValueError("first\n" + "x\n" * 1000 + "last"))).split("\n")
    assert "  ValueError: first" in lines
    assert "  ..." in lines
    assert lines[-1] == "  last"
