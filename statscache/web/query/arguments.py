"""The arguments of a request: what stands behind the question mark, taken apart and checked."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import parse_qsl

from werkzeug.exceptions import RequestURITooLarge

from ...errors import QueryError
from ...text import one_line

Arguments = dict[str, list[str]]
"""The values of each argument, in the order in which they were given."""

MAXIMUM_LENGTH = 8192
"""Characters; the Link header repeats the arguments five times and has to stay below 64 KiB."""

IGNORED = "_"
"""What some clients append to get round caches."""

_WHOLE = re.compile(r"\d{1,12}", re.ASCII)


def parse(query: bytes, single: Collection[str], repeatable: Collection[str] = ()) -> Arguments:
    """The arguments in `query`, which holds none but `single` and `repeatable` ones.

    Raises:
        QueryError: it is no UTF-8; an argument is unknown, repeated or empty.
        RequestURITooLarge: it is longer than `MAXIMUM_LENGTH`.
    """
    if len(query) > MAXIMUM_LENGTH:
        raise RequestURITooLarge(f"The query is longer than {MAXIMUM_LENGTH} characters.")
    arguments: Arguments = {}
    for name, value in _pairs(query):
        arguments.setdefault(name, []).append(value)
    for name, values in arguments.items():
        _check(name, values, single, repeatable)
    return arguments


def one(arguments: Arguments, name: str) -> str | None:
    """The value of an argument that may be given once, or None where it is not given."""
    return arguments[name][0] if name in arguments else None


def whole(arguments: Arguments, name: str) -> int | None:
    """The same as a whole number from 1 on.

    Raises:
        QueryError: it is not one, or has more than 12 digits.
    """
    text = one(arguments, name)
    if text is None:
        return None
    if not _WHOLE.fullmatch(text) or int(text) == 0:
        raise QueryError(name, text, "a whole number from 1 on, of at most 12 digits")
    return int(text)


def choice(arguments: Arguments, name: str, allowed: Collection[str], default: str) -> str:
    """The same as one of the words `allowed`.

    Raises:
        QueryError: it is none of them.
    """
    text = one(arguments, name)
    if text is None:
        return default
    if text not in allowed:
        raise QueryError(name, text, " or ".join(allowed))
    return text


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        text = query.decode("ascii", "replace")
        raise QueryError("the query", text, "UTF-8, percent-encoded") from None


def _check(
    name: str, values: list[str], single: Collection[str], repeatable: Collection[str]
) -> None:
    if name == IGNORED or name in repeatable:
        return
    if name not in single:
        names = ", ".join([*sorted(single), *sorted(repeatable)])
        raise QueryError(one_line(name), values[0], f"no such argument; there are: {names}")
    if len(values) > 1:
        raise QueryError(name, "&".join(values), "one value; it is given more than once")
    if not values[0]:
        raise QueryError(name, "", "a value, or leave the argument out")
