"""Text that every database stores, indexes and sorts alike.

SQLite and PostgreSQL refuse lone surrogates, PostgreSQL also NUL and over-long index keys.
Keys are therefore escaped, and cut with a hash of the whole, so that equal keys stay equal and
different ones stay different. (Only a text that spells such an escape out is taken for it, so that
a key as it is shown, asked for again, is the same key.)
"""

from __future__ import annotations

import hashlib
import re
import traceback

KEY_LENGTH = 255
DIGEST_LENGTH = 16

_CUT = re.compile(rf"~[0-9a-f]{{{DIGEST_LENGTH}}}\Z")

TRACE_LINES = 200
TRACE_WIDTH = 1_000
"""How much of a traceback a log gets: lines, and characters of each."""


def storable(text: str) -> str:
    r"""`text` with what no database stores (NUL, lone surrogates) written as `\uXXXX`."""
    if text.isascii() and "\0" not in text:
        return text
    escaped = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return escaped.replace("\0", "\\u0000")


def key(value: object) -> str:
    """`value` as the text of a key: storable and at most 255 characters.

    A longer one is cut and ends in `~` and 16 hexadecimal digits of the SHA-256 of the whole.
    """
    text = storable(value if isinstance(value, str) else str(value))
    if len(text) <= KEY_LENGTH:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
    return f"{text[: KEY_LENGTH - DIGEST_LENGTH - 1]}~{digest}"


def is_cut(text: str) -> bool:
    """Whether `text` is a key that `key` has cut."""
    return len(text) == KEY_LENGTH and _CUT.search(text) is not None


def printable(text: str, keep: str = "") -> str:
    """`text` with what could forge a line or steer a terminal escaped, except what is in `keep`."""
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


def one_line(text: str, length: int = 200) -> str:
    """`text` for a log line: no control characters that could forge another line, and short."""
    line = printable(text[: length + 1])
    return line if len(line) <= length else line[: length - 1] + "…"


def sentence(error: BaseException, length: int = 500) -> str:
    """What `error` is and says, for a log line; it may be one that cannot even say so."""
    said = "".join(traceback.format_exception_only(error)).strip()
    return one_line(said.removeprefix(f"{type(error).__module__}."), length)


def trace(error: BaseException) -> str:
    """The traceback of `error`, to stand below a log line.

    Every line of it is indented: what a message brought into it cannot pass for one of ours.
    """
    lines = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
    if len(lines) > TRACE_LINES:
        lines[TRACE_LINES // 2 : -TRACE_LINES // 2] = ["..."]
    return "\n".join(f"  {one_line(line, TRACE_WIDTH)}" for line in lines)
