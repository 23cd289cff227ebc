"""A page of datagrepper's answer, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from ..errors import HistoryAwayError


class Page(NamedTuple):
    """Messages as datagrepper writes them, and how many all pages together have."""

    messages: list[Any]
    total: int


def read(body: bytes, asked: Mapping[str, int]) -> Page:
    """The page in `body`; `asked` are the numbers that were asked for.

    Raises:
        HistoryAwayError: no such page: a torn answer, an error page, an answer to another question.
    """
    answer = _decode(body)
    if not isinstance(answer, dict):
        raise HistoryAwayError("the answer is no JSON object")
    messages, total = answer.get("raw_messages"), answer.get("total")
    if not isinstance(messages, list) or not isinstance(total, int) or isinstance(total, bool):
        raise HistoryAwayError("the answer has no raw_messages or no total")
    if answer.get("count", len(messages)) != len(messages):
        raise HistoryAwayError(f"the answer has {len(messages)} messages and counts others")
    arguments = answer.get("arguments")
    for name, value in asked.items():
        given = arguments.get(name) if isinstance(arguments, dict) else None
        if isinstance(given, int | float) and given != value:
            raise HistoryAwayError(f"the answer is to another question: {name} {given:g}")
    return Page(messages, total)


def _decode(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        # datagrepper writes what Python's encoder does: NaN and lone surrogates too.
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise HistoryAwayError("the answer is not JSON, or not all of it") from None
