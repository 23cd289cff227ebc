"""JSON: a list of objects, one a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from .value import SECONDS, plain


def objects(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], time: str = SECONDS
) -> Iterator[str]:
    """Each row as the text of an object, keys in the order of `columns`.

    `time` is how moments are written; see `value`.
    """
    return (orjson.dumps(one).decode() for one in _plain(columns, rows, time))


def dumps(columns: Sequence[str], rows: Iterable[Sequence[Any]], time: str = SECONDS) -> str:
    """The rows as a JSON array of such objects."""
    return orjson.dumps([*_plain(columns, rows, time)]).decode()


def _plain(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], time: str
) -> Iterator[dict[str, Any]]:
    for row in rows:
        values = [plain(value, time) for value in row]
        yield dict(zip(columns, values, strict=True))
