"""SVG: elements, escaped, and how much room text takes."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ..text import printable, storable

NARROW, WIDE = frozenset(" .,:;|!'()[]/ijlft-"), frozenset("mwMW@%…\u2013")
FULL_WIDTH = 0x1100
"""From here on characters are as wide as high."""


def element(tag: str, content: str = "", /, **attributes: object) -> str:
    """An element with `content`, which is SVG itself; `class_`, `text_anchor` lose underscores."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    written = "".join(f' {name}="{_attribute(value)}"' for name, value in named.items())
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def text(content: str, x: float, y: float, class_: str, **attributes: object) -> str:
    """A line of text, its baseline at `y`."""
    named = {"class_": class_} if class_ else {}
    return element("text", escape(content), **named, x=x, y=y, **attributes)


def path(commands: Iterable[str], class_: str, **attributes: object) -> str:
    """What the commands draw; nothing where there are none."""
    drawn = "".join(commands)
    named = {"class_": class_} if class_ else {}
    return element("path", **named, d=drawn, **attributes) if drawn else ""


def escape(content: str) -> str:
    """Any text at all as the content of an element: what XML has no name for is spelled out."""
    # Most are, and long paths.
    return html.escape(content if content.isprintable() else printable(storable(content)))


def short(value: float) -> str:
    """A coordinate: no finer than anybody sees."""
    return f"{value:.1f}".removesuffix(".0")


def width(content: str, size: float) -> float:
    """About how many pixels a text is wide, rather more than less."""
    return size * sum(map(_wide, content))


def clipped(content: str, size: float, room: float) -> str:
    """The text, or as much of it as there is room for."""
    content = printable(storable(content))
    if width(content, size) <= room:
        return content
    # None is narrower than two fifths of its height.
    content = content[: max(0, int(room / size * 2.5))]
    while content and width(f"{content}…", size) > room:
        content = content[:-1]
    return f"{content}…"


def _wide(character: str) -> float:
    """The width of a character as a part of its height, in the widest of usual fonts."""
    if character in NARROW:
        return 0.4
    if character in WIDE or character.isupper():
        return 0.78
    return 0.62 if ord(character) < FULL_WIDTH else 1.05


def distinct(names: Sequence[str], size: float, room: float) -> list[str]:
    """The names, each `clipped`; from the front where they would look alike otherwise."""
    found = [clipped(one, size, room) for one in names]
    # What is left of one may be less than what is left of another.
    cut = sorted(one[:-1] if one.endswith("…") else f"{one}…" for one in found)
    if any(other.startswith(one) for one, other in pairwise(cut)):
        return [clipped(one[::-1], size, room)[::-1] for one in names]
    return found


def _attribute(value: object) -> str:
    return short(value) if isinstance(value, float) else escape(str(value))
