"""A recorded bus: what is read of the file, what is left out and why, and when it is replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from statscache.demo import recording
from statscache.demo.recording import Survey

START = 2_000_000_000


@pytest.fixture
def write(tmp_path: Path):
    def lines(*lines: bytes) -> Path:
        file = tmp_path / "messages.jsonl"
        file.write_bytes(b"\n".join(lines))
        return file

    return lines


def line(number: int, **rest: Any) -> bytes:
    message = {
        "topic": f"a.b.c.{number}",
        "msg": {"ä": number},
        "timestamp": 1_400_000_000 + number,
    }
    return json.dumps({**message, **rest}, ensure_ascii=False).encode()


def complaints(file: Path) -> list[str]:
    return recording.survey(file, None).complaints


def test_every_object_is_replayed_in_its_order_and_with_its_distances(write):
    file = write(line(0), line(2), line(5))
    replayed = list(recording.replay(file, START, None, pytest.fail))
    assert [at - START for at, _ in replayed] == [0, 2, 5]
    assert [message["timestamp"] - START for _, message in replayed] == [0, 2, 5]
    assert [message["msg"] for _, message in replayed] == [{"ä": 0}, {"ä": 2}, {"ä": 5}]


def test_a_rate_sets_another_pace_and_the_stamps_go_with_it(write):
    file = write(line(0), line(40_000, timestamp=None), line(80_000))
    replayed = list(recording.replay(file, START, 0.5, pytest.fail))
    assert [at - START for at, _ in replayed] == [0, 2, 4]
    assert [message["timestamp"] for _, message in replayed] == [START, None, START + 4]


def test_a_survey_tells_how_many_messages_there_are_and_how_long_they_take(write):
    file = write(line(0), b"no", line(30))
    assert recording.survey(file, None)[:2] == (2, 30)
    assert recording.survey(file, 10)[:2] == (2, 0.1)
    assert recording.survey(write(), None) == Survey(0, 0, [])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{'topic': 1}", "it is not JSON (Expecting property name"),
        (b'{"topic": "a.b', "it is not JSON (Unterminated string starting at: character 11)"),
        (b"\xff\xfe{}", "it is not UTF-8"),
        (b"[1, 2]", "it is JSON, but not an object"),
        (b"null", "it is JSON, but not an object"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"1" * 5_000, "Exceeds the limit"),
    ],
    ids=range(7),
)
def test_a_bad_line_is_named_by_its_number_and_the_rest_goes_on(write, bad, reason):
    file = write(line(0), b"", bad, b"  ", line(1))
    (complaint,) = complaints(file)
    assert complaint.startswith(f"line 3 is left out: {reason}")
    assert recording.survey(file, None).number == 2


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("end", [b"\r", b""])
def test_a_file_that_was_written_on_windows_is_read_too(write, mark, end):
    assert complaints(write(mark + line(0) + end, line(1) + end)) == []
