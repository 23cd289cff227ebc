"""Messages that a plugin could not digest, set aside with the traceback."""

from __future__ import annotations

import json

import pytest
from guests import letters
from samples import NOW, message, name

from statscache.message import Entry, decode, entry
from statscache.store import Store, deadletters
from statscache.store.deadletters import MOST_TRACEBACK

LIMITS = {"maximum_future": 60.0, "maximum_bytes": 10_000}


def made(number: int = 1, **changes: object) -> Entry:
    return entry(message(number, **changes), NOW, **LIMITS)


def error(text: str = "no") -> ValueError:
    """One that was raised."""
    try:
        raise ValueError(text)
    except ValueError as raised:
        return raised


def set_aside(store: Store, ident: str = "a-1s", *entries: Entry) -> None:
    with store.writing() as connection:
        for one in entries or [made()]:
            deadletters.add(connection, ident, one, error(), NOW)


def test_a_message_is_kept_as_it_was(store: Store) -> None:
    messages = [None, {"a": [1.5, True]}, "\0", "\ud83d alone", 2**70]
    set_aside(store, "a-1s", *(made(number, msg=msg) for number, msg in enumerate(messages)))
    kept = [json.loads(letter["body"])["msg"] for letter in letters(store, "a-1s").values()]
    assert kept == messages


def test_an_entry_that_is_read_back_is_the_same_message(store: Store) -> None:
    entries = [made(number, msg=msg) for number, msg in enumerate([2**70, "\ud83d", 0.1])]
    set_aside(store, "a-1s", *entries)
    with store.reading() as connection:
        for number, one in zip(deadletters.numbers(connection), entries, strict=True):
            found = deadletters.read(connection, number)
            assert found is not None
            assert found.entry._replace(body=one.body) == one
            assert decode(found.entry.body) == decode(one.body)


def test_a_dead_letter_says_what_happened_and_when(store: Store) -> None:
    with store.writing() as connection:
        deadletters.add(connection, "a-1s", made(), error("nul \0, half \ud83d"), NOW + 1)
    (letter,) = letters(store, "a-1s").values()
    assert (letter["message_id"], letter["topic"]) == (name(1), message()["topic"])
    assert (letter["time"], letter["arrived"]) == (NOW - 60, NOW)
    assert (letter["set_aside"], letter["attempts"]) == (NOW + 1, 1)
    assert letter["error"] == r"ValueError: nul \x00, half \ud83d"
    assert "raise ValueError(text)" in letter["traceback"]
    assert letter["traceback"].endswith("ValueError: nul \\u0000, half \\ud83d\n")


def test_an_exception_that_says_much_is_kept_in_part(store: Store) -> None:
    with store.writing() as connection:
        deadletters.add(connection, "a-1s", made(), error(f"begin{'x' * 10**6}end"), NOW)
    (letter,) = letters(store, "a-1s").values()
    assert len(letter["traceback"]) <= MOST_TRACEBACK + 10
    assert letter["traceback"].startswith("Traceback")
    assert "begin" in letter["traceback"]
    assert letter["traceback"].endswith("end\n")


def test_one_message_can_be_a_dead_letter_of_several(store: Store) -> None:
    for ident in ("a", "b"):
        set_aside(store, ident)
    assert letters(store, "a").keys() == letters(store, "b").keys() == {name(1)}


def test_a_letter_that_failed_again_keeps_the_newer_error(store: Store) -> None:
    set_aside(store)
    with store.writing() as connection:
        (first,) = deadletters.of(connection, "a-1s")
        assert deadletters.fail_again(connection, first, error("worse"))
        other = first._replace(id=first.id + 1)
        assert not deadletters.fail_again(connection, other, error("nobody"))
    (letter,) = letters(store, "a-1s").values()
    assert (letter["attempts"], letter["error"]) == (2, "ValueError: worse")
    assert letter["traceback"].endswith("ValueError: worse\n")
    assert letter["set_aside"] == NOW


def test_a_letter_that_is_rewritten_keeps_nothing_of_what_its_error_said(store: Store) -> None:
    set_aside(store)
    with store.writing() as connection:
        (first,) = deadletters.of(connection, "a-1s")
        deadletters.rewrite(connection, first, b"{}")
        assert not deadletters.fail_again(connection, first, error("of before"))
        (now,) = deadletters.of(connection, "a-1s")
    assert now == first._replace(body="{}", error="ValueError", traceback="(erased)")


def test_a_letter_is_taken_away_once(store: Store) -> None:
    set_aside(store, "a-1s", *map(made, range(3)))
    with store.writing() as connection:
        first, second, third = deadletters.numbers(connection)
        assert deadletters.remove(connection, [first, third]) == 2
        assert deadletters.remove(connection, [first, second]) == 1
        assert deadletters.read(connection, first) is None


@pytest.fixture
def several(store: Store) -> Store:
    """Three letters of `b`, of which one is the newest, and one of `a`."""
    for ident, number in [("b", 0), ("b", 1), ("a", 2), ("b", 3)]:
        set_aside(store, ident, made(number))
    return store


def test_letters_are_counted_for_each_statistic(several: Store) -> None:
    with several.reading() as connection:
        assert list(deadletters.totals(connection).items()) == [("a", 1), ("b", 3)]
        assert [deadletters.count(connection, ident) for ident in "abc"] == [1, 3, 0]
        assert list(deadletters.numbers(connection).values()) == ["b", "b", "a", "b"]


def test_the_newest_come_first(several: Store) -> None:
    with several.reading() as connection:
        first, *_ = ids = list(deadletters.numbers(connection))
        assert [one.id for one in deadletters.newest(connection, ["a", "b"], 3)] == ids[:0:-1]
        assert [one.ident for one in deadletters.newest(connection, ["a"], 3)] == ["a"]
        assert deadletters.newest(connection, [], 3) == []
        assert deadletters.newest(connection, ["b"], 9)[-1].id == first
