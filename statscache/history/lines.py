"""Messages that were recorded in files: JSON lines, JSON arrays, or pages of datagrepper."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import orjson

from ..errors import ReplayError
from ..message import Message
from .streams import BLOCK, STDIN, Source, unpacked
from .values import LONGEST, values

PAGE = "raw_messages"
"""Under this name a page of datagrepper has its messages."""

BOM = b"\xef\xbb\xbf"

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19
"""orjson makes whole numbers of more than 64 bits inexact."""


class Line(NamedTuple):
    """A message, and where it stands.

    `file` is the file's name; `number`, from 1, the line where the message begins, or the page
    that it is in; `position` how many bytes of the file had been read by then, packed as they are.
    """

    file: str
    number: int
    message: Message
    position: int


def stop(error: ReplayError) -> None:
    """What `read` is given so that it ends at the first problem.

    Raises:
        ReplayError: always.
    """
    raise error


def read(
    path: str | os.PathLike[str], on_error: Callable[[ReplayError], object] = stop
) -> Iterator[Line]:
    """The messages in the file `path`, in their order; `-` is standard input.

    There may be a message a line, arrays of messages, or pages of datagrepper; packed with gzip or
    zstd, or not. A block of the file and a message (or a page) are in memory, and no more.

    `on_error` gets each problem, which names file and line. Unless it raises, what is broken is
    left out, and reading goes on behind it: with the next line where there is a message a line,
    else with the next file.
    """
    for found in _found(os.fspath(path)):
        if isinstance(found, Line):
            yield found
        else:
            on_error(found)


def _found(path: str) -> Iterator[Line | ReplayError]:
    name = "standard input" if path == STDIN else path
    try:
        with Source(path) as source, io.BufferedReader(source, BLOCK) as packed:
            yield from _messages(name, source, packed)
    except IsADirectoryError:
        yield ReplayError(f"{name} is a folder: name the files in it")
    except OSError as error:
        yield ReplayError(
            f"{name} cannot be opened: {error.strerror}; name a file that can be read"
        )


def _messages(
    name: str, source: Source, packed: io.BufferedReader[Any]
) -> Iterator[Line | ReplayError]:
    empty, number = False, 0
    try:
        stream = unpacked(packed)
        begins = stream.peek(1).removeprefix(BOM).lstrip()
        empty = not begins
        for number, message in _document(stream) if _is_document(begins) else _lines(stream):
            empty = False
            if type(message) is dict:
                yield Line(name, number, message, source.position)
            else:
                yield _problem(name, number, message)
    except ReplayError as error:
        yield ReplayError(f"{name}, behind line {number}: {error}")
    else:
        if empty:
            yield ReplayError(f"{name} is empty: there is nothing in it")


def _problem(name: str, number: int, found: object) -> ReplayError:
    reason = found if isinstance(found, ValueError) else "it is JSON, but not an object"
    return ReplayError(f"{name}, line {number}: {reason}; mend it, or leave it out")


def _is_document(begins: bytes) -> bool:
    """Whether values stand on several lines, or more of them in one than a line may hold."""
    first, newline, _ = begins.partition(b"\n")
    if first.startswith(b"[") or first.strip() == b"{":
        return True
    return not newline and f'"{PAGE}"'.encode() in first


def _document(stream: io.BufferedReader[Any]) -> Iterator[tuple[int, Any]]:
    with io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline="\n") as text:
        for number, value in values(text.read, 1):
            yield from ((number, message) for message in _unwrapped(value))


def _lines(stream: io.BufferedReader[Any]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(iter(partial(stream.readline, LONGEST), b""), 1):
        message = _plain(line)
        if message is not None:
            yield number, message
        elif len(line) == LONGEST and not line.endswith(b"\n"):
            yield number, ValueError(f"it is longer than {LONGEST >> 20} MiB")
            _skip_line(stream)
        else:
            text = line.decode("utf-8", "surrogateescape")
            for _, value in values(io.StringIO(text, "\n").read, number):
                yield from ((number, message) for message in _unwrapped(value))


def _plain(line: bytes) -> Message | None:
    """The message, if the line holds one and nothing else, and orjson gives it exactly."""
    try:
        found = orjson.loads(line)
    except ValueError:
        return None
    if type(found) is not dict or PAGE in found or _MANY_DIGITS in line.translate(_DIGITS):
        return None
    return found


def _skip_line(stream: io.BufferedReader[Any]) -> None:
    """Read to the end of the line."""
    while (more := stream.readline(LONGEST)) and not more.endswith(b"\n"):
        pass


def _unwrapped(value: Any) -> list[Any]:
    """The messages of a page, or the message itself."""
    page = value.get(PAGE) if isinstance(value, dict) else None
    return page if isinstance(page, list) else [value]
