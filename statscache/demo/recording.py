"""Messages that somebody recorded: a file with one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..message import usable_time
from .traffic import Arrival, retimed


class Survey(NamedTuple):
    """What a recording holds: messages, the seconds they take, a sentence for each bad line."""

    number: int
    seconds: float
    complaints: list[str]


def survey(path: Path, rate: float | None) -> Survey:
    """Read through the recording `path`, which is to be replayed at `rate`."""
    found = Survey(0, 0, [])
    for arrival in replay(path, 0, rate, found.complaints.append):
        found = found._replace(number=found.number + 1, seconds=arrival.at)
    return found


def replay(
    path: Path, start: float, rate: float | None, complain: Callable[[str], None]
) -> Iterator[Arrival]:
    """The messages of the recording `path`, in their order, moved to `start` (epoch seconds).

    `rate` is messages a second, or None for the distances they were recorded with. Empty lines
    are passed over; `complain` gets a sentence for each other line that is no message.
    """
    recorded = _read(path, complain)
    return retimed(recorded, start) if rate is None else _paced(recorded, start, rate)


def _read(path: Path, complain: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield _message(line.strip())
            except ValueError as error:
                complain(f"line {number} is left out: {error}")


def _paced(recorded: Iterable[Mapping[str, Any]], start: float, rate: float) -> Iterator[Arrival]:
    """Each is stamped with its new time; one without a usable timestamp stays without."""
    for number, message in enumerate(recorded):
        at = start + number / rate
        stamped = usable_time(message.get("timestamp")) is not None
        yield Arrival(at, {**message, "timestamp": int(at)} if stamped else dict(message))


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg}: character {error.colno})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("it is JSON, but not an object")
    return message
