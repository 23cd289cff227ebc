"""How the commands print: texts as they are, and nothing cut off where nobody looks."""

from __future__ import annotations

import sys

from rich.console import Console

WIDE = 10_000
"""Columns."""


def console(stderr: bool = False) -> Console:
    """What tables are printed to: standard output, where brackets and colons mean nothing.

    Or standard error.
    """
    width = None if (sys.stderr if stderr else sys.stdout).isatty() else WIDE
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def number(many: int, what: str) -> str:
    """`1 row`, `1,000 rows`."""
    return f"{many:,} {what}{'' if many == 1 else 's'}"
