"""JSON in a function call, for pages that load answers by a script element."""

from __future__ import annotations

import re

from ...errors import QueryError

MAXIMUM_LENGTH = 128

_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*", re.ASCII)
# These two end a line in scripts of before 2019.
_LINE_ENDS = str.maketrans({"\u2028": "\\u2028", "\u2029": "\\u2029"})


def check(callback: str) -> str:
    """`callback`, if it is a plain JavaScript name such as `jQuery1234_567` or `app.show`.

    Raises:
        QueryError: it is anything else, or longer than 128 characters.
    """
    if len(callback) > MAXIMUM_LENGTH or not _NAME.fullmatch(callback):
        raise QueryError(
            "callback", callback, f"a JavaScript name of at most {MAXIMUM_LENGTH} characters"
        )
    return callback


def wrap(callback: str, body: str) -> str:
    """The script that calls `callback` with the JSON text `body`."""
    # The comment keeps the caller from choosing the first bytes of the answer.
    return f"/**/{callback}({body.translate(_LINE_ENDS)});"
