"""NDJSON: JSON objects, each on a line of its own, so that a reader need not wait for the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from . import json
from .value import SECONDS


def lines(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], time: str = SECONDS
) -> Iterator[str]:
    """A line a row, as in JSON; no header, so that nothing stands for no rows."""
    return (f"{text}\n" for text in json.objects(columns, rows, time))


def dumps(columns: Sequence[str], rows: Iterable[Sequence[Any]], time: str = SECONDS) -> str:
    """The whole as one text."""
    return "".join(lines(columns, rows, time))
