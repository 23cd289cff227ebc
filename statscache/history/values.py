"""The JSON values in a text that comes in pieces, whatever stands between them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

LONGEST = 32 << 20
"""Characters of a value, at the most."""

PIECE = 1 << 18

TORN = 12
"""What breaks so few characters before the end of a piece may be whole with the next one."""

_BETWEEN = re.compile(r"[\s,\[\]\ufeff]*")
_decode = json.JSONDecoder().raw_decode


def values(read: Callable[[int], str], line: int) -> Iterator[tuple[int, Any]]:
    """Each value with the line where it begins, the first of the text being `line`.

    Arrays are taken apart: what is in them counts as if it stood alone. `read` gives up to so many
    characters, and none at the end; bytes that are not UTF-8 are surrogates in them. A ValueError
    in place of a value says what is wrong with it; nothing follows where it is not even JSON.
    """
    text, at, arrays, ended = "", 0, 0, False
    while True:
        between = _between(text, at)
        at += len(between)
        line += between.count("\n")
        arrays += between.count("[") - between.count("]")
        if at < len(text):
            try:
                value, end = _decode(text, at)
            except (ValueError, RecursionError) as error:
                if ended or not _may_go_on(error, len(text), at):
                    yield line, _reason(error, text, at)
                    return
            else:
                yield line, value if _is_utf8(text[at:end]) else ValueError("it is not UTF-8")
                line += text.count("\n", at, end)
                at = end
                continue
        elif ended:
            break
        more = read(max(PIECE, len(text) - at))
        text, at, ended = text[at:] + more, 0, not more
    if arrays > 0:
        yield line, ValueError("it ends in the middle of an array")


def _between(text: str, at: int) -> str:
    found = _BETWEEN.match(text, at)
    return found.group() if found else ""


def _may_go_on(error: Exception, length: int, at: int) -> bool:
    """Whether the value that begins `at` is perhaps only not there yet in whole."""
    if length - at > LONGEST or not isinstance(error, json.JSONDecodeError):
        return False
    return _is_unterminated(error) or error.pos >= length - TORN


def _is_unterminated(error: json.JSONDecodeError) -> bool:
    return error.msg.startswith("Unterminated")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reason(error: Exception, text: str, at: int) -> ValueError:
    """What is wrong with the value that begins `at`, which could not be decoded."""
    if isinstance(error, RecursionError):
        return ValueError("it is nested too deeply")
    if not isinstance(error, json.JSONDecodeError):
        return ValueError(f"it is not JSON that can be read ({error})")
    if not _is_utf8(text[at : error.pos + 1]):
        return ValueError("it is not UTF-8")
    if len(text) - at > LONGEST:
        return ValueError(f"it is longer than {LONGEST >> 20} MiB")
    if _is_unterminated(error) or not text[error.pos :].strip():
        return ValueError("it ends in the middle of a message")
    return ValueError(f"it is not JSON ({error.msg})")
