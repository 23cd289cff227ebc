"""JSON: a list of objects, one a row; timestamps are epoch seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from .value import plain


def dumps(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The rows as a JSON array of objects, keys in the order of `columns`."""
    objects = [dict(zip(columns, map(plain, row), strict=True)) for row in rows]
    return orjson.dumps(objects).decode()
