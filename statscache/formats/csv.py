"""CSV as RFC 4180 says: quoted where needed, a header first, CRLF at the end of each line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .value import SECONDS, flat


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def lines(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], time: str = SECONDS
) -> Iterator[str]:
    """The header, then a line a row; a None is an empty field, and what has parts is JSON.

    `time` is how moments are written; see `value`.
    """
    writer = csv.writer(_Line())
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([flat(value, time) for value in row])


def dumps(columns: Sequence[str], rows: Iterable[Sequence[Any]], time: str = SECONDS) -> str:
    """The whole as one text."""
    return "".join(lines(columns, rows, time))
