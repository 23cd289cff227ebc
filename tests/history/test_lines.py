"""Recorded messages, read back: every form they are kept in, and everything that can be wrong."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import message

from statscache.errors import ReplayError
from statscache.history import lines
from statscache.history.lines import read
from statscache.history.streams import BLOCK, size

LIMIT = lines.LONGEST

FORMS: dict[str, Callable[[list[Any]], str]] = {
    "lines": lambda some: "".join(json.dumps(one) + "\n" for one in some),
    "lines as they are": lambda some: (
        "\n".join(json.dumps(one, ensure_ascii=False) for one in some)
        .encode("utf-8", "backslashreplace")
        .decode()
    ),
    "dos": lambda some: "\ufeff" + "".join(json.dumps(one) + "\r\n\r\n" for one in some),
    "one behind the other": lambda some: "".join(map(json.dumps, some)),
    "array": json.dumps,
    "indented array": lambda some: json.dumps(some, indent=2),
    "array with a line for each": lambda some: "[\n" + ",\n".join(map(json.dumps, some)) + "\n]\n",
    "arrays": lambda some: "".join(json.dumps([one]) + "\n" for one in some),
    "indented": lambda some: "".join(json.dumps(one, indent=4) + "\n" for one in some),
    "page": lambda some: json.dumps(page(some)),
    "indented pages": lambda some: "\n".join(json.dumps(page([one]), indent=1) for one in some),
    "pages": lambda some: "".join(json.dumps(page([one])) + "\n" for one in some),
    "pages that join": lambda some: "".join(json.dumps(page([one])) for one in some),
    "array of pages": lambda some: json.dumps([page(some), page([])]),
}
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "gzip in two": lambda data: gzip.compress(data[:9], mtime=0) + gzip.compress(data[9:], mtime=0),
    "zstd in two": lambda data: (
        zstandard.ZstdCompressor().compress(data[:9])
        + zstandard.ZstdCompressor(write_content_size=False).compress(data[9:])
    ),
}


def page(some: list[Any]) -> dict[str, Any]:
    return {"arguments": {"page": 1}, "count": len(some), "raw_messages": some, "total": 9}


def recorded(path: str | Path) -> tuple[list[Any], list[str]]:
    """The messages and the complaints of someone who goes on."""
    complaints: list[str] = []
    found = [line.message for line in read(path, lambda error: complaints.append(str(error)))]
    return found, complaints


@pytest.fixture
def file(tmp_path):
    """Writes a file; gives its path."""

    def write(content: bytes | str, name: str = "messages") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


# -- what was recorded is read back --------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=()))
numbers = st.integers() | st.floats(allow_nan=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inside: st.lists(inside) | st.dictionaries(texts, inside),
    max_leaves=8,
)
messages = st.dictionaries(
    texts.filter(lambda name: name != "raw_messages"), anything, min_size=1, max_size=4
)


@settings(max_examples=80)
@given(
    st.lists(messages, min_size=1, max_size=5),
    st.sampled_from([*FORMS]),
    st.sampled_from([*PACKINGS]),
)
def test_whatever_was_written_is_read_back(some, form, packing):
    # Two lone surrogates that make a pair come back as one character.
    some = json.loads(json.dumps(some))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "messages"
        path.write_bytes(PACKINGS[packing](FORMS[form](some).encode()))
        found, complaints = recorded(path)
    assert complaints == []
    assert json.dumps(found) == json.dumps(some)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packing", PACKINGS)
def test_more_than_a_block_is_read_back(form, packing, file):
    some = [message(n, pad="é" * (n % 700)) for n in range(1_200)]
    text = FORMS[form](some)
    assert len(text) > 2 * BLOCK
    path = file(PACKINGS[packing](text.encode()))
    assert recorded(path) == (some, [])


def test_each_message_says_where_it_stands(file):
    path = file(f'\n{json.dumps(page([{"a": 1}, {"a": 2}]))}\r\n\n{{"b": 3}}\n\n{{"c": 4}}')
    found = list(read(path))
    assert [(line.number, line.message) for line in found] == [
        (2, {"a": 1}),
        (2, {"a": 2}),
        (4, {"b": 3}),
        (6, {"c": 4}),
    ]
    assert {line.file for line in found} == {str(path)}


def test_in_an_array_the_line_is_where_the_message_begins(file):
    path = file('[\n  {\n    "a": "\\n"\n  },\n\n  {"b":\n 1}, {"c": 2}]')
    assert [(line.number, line.message) for line in read(path)] == [
        (2, {"a": "\n"}),
        (6, {"b": 1}),
        (7, {"c": 2}),
    ]


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**40, 1234567890123456789012])
def test_long_numbers_stay_whole(file, number):
    assert recorded(file(f'{{"a": {number}}}\n{{"b": {-number}}}\n')) == (
        [{"a": number}, {"b": -number}],
        [],
    )


# -- how far it is -------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", PACKINGS)
def test_the_position_grows_up_to_the_size_on_disk(file, packing):
    noise = [message(n, pad=os.urandom(300).hex()) for n in range(3_000)]
    path = file(PACKINGS[packing](FORMS["lines"](noise).encode()))
    positions = [line.position for line in read(path)]
    assert positions == sorted(positions)
    assert positions[0] < positions[-1] == size(str(path)) == path.stat().st_size


# -- standard input ------------------------------------------------------------------------------

SCRIPT = """
import sys
from statscache.history.lines import read
from statscache.history.streams import size
print(size("-"), flush=True)
for line in read("-", lambda error: print(error)):
    print(line.file, line.number, line.message, flush=True)
"""


@pytest.mark.parametrize("packing", PACKINGS)
def test_standard_input_is_read_from_a_file_or_a_pipe(file, packing):
    data = PACKINGS[packing](b'{"a": 1}\n{"b": 2}\n')
    command = [sys.executable, "-c", SCRIPT]
    told = "standard input 1 {'a': 1}\nstandard input 2 {'b': 2}\n"
    with file(data).open("rb") as opened:
        done = subprocess.run(command, stdin=opened, capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(data)}\n{told}"
    piped = subprocess.run(command, input=data, capture_output=True, check=True)
    assert piped.stdout.decode() == f"None\n{told}"


def test_a_pipe_that_brings_it_in_drops_is_read_as_it_comes():
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline() == "None\n"
        running.stdin.write('{"a": 1}\n{"b"')
        running.stdin.flush()
        assert running.stdout.readline() == "standard input 1 {'a': 1}\n"
        said, _ = running.communicate(": 2}\n", timeout=60)
        assert said == "standard input 2 {'b': 2}\n"


# -- what is wrong -------------------------------------------------------------------------------

BROKEN = {
    '{"a": 1': "ends in the middle of a message",
    '{"a": "': "ends in the middle of a message",
    '{"a": 1}}': "not JSON",
    '{"a": 1} x': "not JSON",
    "{'a': 1}": "not JSON",
    '{"a" 1, "b": "c", "d": "e"}': "not JSON",
    "<html>": "not JSON",
    '{"a": "\udcff"}': "not UTF-8",
    "\udcff\udcfe{": "not UTF-8",
    '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}": "nested too deeply",
    '{"a": ' + "1" * 5_000 + "}": "not JSON that can be read",
    "1": "not an object",
    '"text"': "not an object",
    '{"raw_messages": [1]}': "not an object",
}


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_line_is_named_and_left_out_or_the_end(file, broken):
    before, line, after = b'{"a": 1}\n', broken.encode("utf-8", "surrogateescape"), b'\n{"b": 2}'
    path = file(before + line + after)
    found, (complaint,) = recorded(path)
    assert {"b": 2} in found
    assert found[0] == {"a": 1}
    assert complaint.startswith(f"{path}, line 2: it ")
    assert BROKEN[broken] in complaint
    assert "leave it out" in complaint
    reader = read(path)
    assert next(reader).message == {"a": 1}
    with pytest.raises(ReplayError, match="line 2"):
        list(reader)


def test_a_torn_last_line_is_named(file):
    path = file('{"a": 1}\n{"b": 2}\n{"topic": "x')
    assert recorded(path) == (
        [{"a": 1}, {"b": 2}],
        [f"{path}, line 3: it ends in the middle of a message; mend it, or leave it out"],
    )


def test_an_array_that_breaks_ends_there(file):
    for text, reason in {
        '[{"a": 1},\n {"b": }, {"c": 3}]': "line 2: it is not JSON",
        '[{"a": 1},\n {"b": 2': "line 2: it ends in the middle of a message",
        '[{"a": 1},\n': "line 2: it ends in the middle of an array",
    }.items():
        found, (complaint,) = recorded(file(text))
        assert found == [{"a": 1}]
        assert reason in complaint


def test_what_is_not_utf_8_in_an_array_is_left_out_alone(file):
    found, (complaint,) = recorded(file(b'[{"a": 1},\n{"b": "\xff"},\n{"c": "\xc3\xa9"}]'))
    assert found == [{"a": 1}, {"c": "é"}]
    assert "line 2: it is not UTF-8" in complaint


@pytest.mark.parametrize(
    "content",
    [b"", b"\n \r\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)],
    ids=["nothing", "blank lines", "a mark", "packed nothing"],
)
def test_a_file_without_messages_is_named(file, content):
    path = file(content)
    found, (complaint,) = recorded(path)
    assert found == []
    assert str(path) in complaint
    assert "is empty" in complaint


@pytest.mark.parametrize("none", [page([]), []])
def test_to_say_that_there_are_no_messages_is_no_problem(file, none):
    assert recorded(file(json.dumps(none))) == ([], [])


def test_what_is_no_file_is_named(tmp_path):
    assert recorded(tmp_path) == ([], [f"{tmp_path} is a folder: name the files in it"])
    absent = tmp_path / "absent"
    _, (complaint,) = recorded(absent)
    assert complaint == (
        f"{absent} cannot be opened: No such file or directory; name a file that can be read"
    )
    assert size(str(absent)) is None


PACKED = {
    packing: PACKINGS[packing](FORMS["lines"]([message(n) for n in range(40)]).encode())
    for packing in ("gzip", "zstd", "gzip in two", "zstd in two")
}


@pytest.mark.parametrize("packing", PACKED)
@given(data=st.data())
def test_a_packed_file_that_was_cut_off_gives_what_is_there_and_says_so(packing, data):
    packed = PACKED[packing]
    whole = [message(n) for n in range(40)]
    cut = data.draw(st.integers(4, len(packed) - 1))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "messages"
        path.write_bytes(packed[:cut])
        found, complaints = recorded(path)
    assert found == whole[: len(found)]
    if "two" not in packing:
        assert "cut off" in complaints[0]
    assert len(complaints) == 1


@pytest.mark.parametrize("packing", PACKED)
@settings(max_examples=60)
@given(data=st.data())
def test_a_packed_file_that_is_damaged_never_ends_in_another_error(packing, data):
    packed = bytearray(PACKED[packing])
    packed[data.draw(st.integers(4, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "messages"
        path.write_bytes(packed)
        _, complaints = recorded(path)
    assert all(str(path) in complaint for complaint in complaints)


def test_what_stands_behind_a_packed_file_is_named(file):
    for packed in (PACKED["gzip"], PACKED["zstd"]):
        found, (complaint,) = recorded(file(packed + b"garbage"))
        assert len(found) == 40
        assert "damaged here" in complaint
        assert "behind line 40" in complaint


def test_without_the_package_zstd_is_named_with_the_cure(file):
    path = file(PACKED["zstd"])
    script = f"import sys; sys.modules['zstandard'] = None; sys.argv[1:] = []\n{SCRIPT}"
    with path.open("rb") as opened:
        done = subprocess.run(
            [sys.executable, "-c", script], stdin=opened, capture_output=True, text=True, check=True
        )
    assert "pip install 'statscache[zstd]'" in done.stdout
    assert "standard input" in done.stdout


# -- room ----------------------------------------------------------------------------------------

BOUNDED = """
import resource, sys
from statscache.history.lines import read
def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
complaints = []
before = most()
found = sum(1 for _ in read(sys.argv[1], complaints.append))
print(found, len(complaints), most() - before)
for complaint in complaints: print(complaint)
"""


def reading(path: Path) -> tuple[int, int, int, str]:
    """How many messages, complaints and MiB of memory it takes; and the complaints."""
    command = [sys.executable, "-c", BOUNDED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    numbers, _, complaints = done.stdout.partition("\n")
    found, problems, room = map(int, numbers.split())
    return found, problems, room, complaints


@pytest.mark.slow
@pytest.mark.parametrize("begins", ['{"a": "', '[{"a": "'])
def test_a_line_of_gigabytes_is_bounded(tmp_path, begins):
    path = tmp_path / "messages.zst"
    with zstandard.open(path, "wb") as packed:
        packed.write(b'{"first": 1}\n' if begins[0] == "{" else b"[")
        packed.write(begins.lstrip("[").encode())
        for _ in range(1 << 10):
            packed.write(b"x" * (1 << 20))
        packed.write(b'"}\n{"last": 1}\n' if begins[0] == "{" else b'"}]')
    found, problems, room, complaints = reading(path)
    assert problems == 1
    assert "longer than 32 MiB" in complaints
    assert found == (2 if begins[0] == "{" else 0)
    assert room < 400


@pytest.mark.slow
@pytest.mark.parametrize("form", ["lines", "array", "pages that join"])
def test_memory_does_not_grow_with_the_file(tmp_path, form):
    path = tmp_path / "messages.gz"
    some = [message(n, pad="x" * 900) for n in range(100)]
    once = FORMS[form](some).removeprefix("[").removesuffix("]")
    with gzip.open(path, "wt", compresslevel=1) as packed:
        if form == "array":
            packed.write("[")
        for number in range(800):
            packed.write(", " if form == "array" and number else "")
            packed.write(once)
        if form == "array":
            packed.write("]")
    found, problems, room, _ = reading(path)
    assert (found, problems) == (80_000, 0)
    assert room < 30
