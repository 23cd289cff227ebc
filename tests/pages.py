"""README and docs, and the blocks of code on them.

A block with a caption is a file of that name. `...` stands for anything, and in a block of the
class `live` any number stands for any other.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
README = ROOT / "README.rst"
PAGES = [README, *sorted(ROOT.glob("docs/*.rst"))]

DIRECTIVE = re.compile(
    r"^(?P<indent> *)\.\. code-block::(?P<language>.*)\n"
    r"(?P<options>(?: +:.*\n)*)"
    r"(?P<text>(?:\n|(?P=indent) +.*\n)+)",
    re.MULTILINE,
)


class Block(NamedTuple):
    """A block of code; `name` is that of the file that it is, or empty."""

    page: Path
    line: int
    language: str
    name: str
    live: bool
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def has_plugins(self) -> bool:
        return bool(re.search(r"\((Count|Distinct|Histogram|BasePlugin|AsyncPlugin)\):", self.text))


def blocks(page: Path) -> list[Block]:
    source = page.read_text()
    return [
        Block(
            page=page,
            line=source.count("\n", 0, found.start()) + 1,
            language=found["language"].strip(),
            name="".join(re.findall(r":caption: (.*)", found["options"])),
            live=":class: live" in found["options"],
            text=textwrap.dedent(found["text"]).strip("\n") + "\n",
        )
        for found in DIRECTIVE.finditer(source)
    ]


BLOCKS = [block for page in PAGES for block in blocks(page)]


def prose(page: Path) -> str:
    """What is not a block of code."""
    return DIRECTIVE.sub("", page.read_text())


def literals(text: str) -> set[str]:
    """What stands between double backquotes."""
    return set(re.findall(r"``(.+?)``(?!`)", text))
