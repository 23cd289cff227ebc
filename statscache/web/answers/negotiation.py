"""In which format a request wants its answer: by path suffix, `?format=`, or `Accept`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

JSON = "json"
CSV = "csv"
NDJSON = "ndjson"
HTML = "html"
SVG = "svg"

MEDIA = {
    JSON: ("application/json", "text/json", "application/javascript", "text/javascript"),
    CSV: ("text/csv", "application/csv"),
    NDJSON: ("application/x-ndjson", "application/ndjson", "application/jsonl"),
    HTML: ("text/html", "application/xhtml+xml"),
    SVG: ("image/svg+xml",),
}
"""The media types by which each format is asked for; the first is its own."""


class Choice(NamedTuple):
    """A format, and the media type that the client called it by."""

    format: str
    media: str


def choose(
    suffix: str | None, argument: str | None, accept: str, offered: Sequence[str]
) -> Choice | None:
    """The best of the `offered` formats, which stand in order of preference.

    The path suffix decides, else the argument, else the header. None: none of them is wanted.
    """
    named = suffix or argument
    if named:
        return Choice(named, MEDIA[named][0]) if named in offered else None
    named_media = {pattern for pattern, _ in _ranges(accept)}
    choices = [
        Choice(name, media)
        for name in offered
        for media in MEDIA[name]
        # A wildcard means a format's own name only: JSON is not sent for `text/*`.
        if media == MEDIA[name][0] or media in named_media
    ]
    best = prefer(accept, [choice.media for choice in choices])
    return next((choice for choice in choices if choice.media == best), None)


def prefer(accept: str, media: Iterable[str]) -> str | None:
    """What the header likes best, the first of equals; None: nothing of it.

    The most specific range that matches a media type decides on it (RFC 9110, 12.5.1). Among those
    of equal quality the one that was named more specifically wins.
    """
    ranges = _ranges(accept)
    best = max(media, key=lambda one: _appeal(one, ranges))
    return best if _appeal(best, ranges)[0] > 0 else None


def _ranges(accept: str) -> list[tuple[str, float]]:
    """The media ranges of the header, without their parameters, and the quality of each."""
    parsed = parse_accept_header(accept, MIMEAccept)
    return [(_pattern(text), quality) for text, quality in parsed] or [("*", 1.0)]


def _pattern(text: str) -> str:
    name = text.partition(";")[0].strip().lower()
    # Some old clients write `*` for `*/*`.
    return "*" if name == "*/*" else name


def _appeal(media: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """The quality that `ranges` give to `media`, and how specific the deciding one is: 0 to 2."""
    patterns = ("*", f"{media.partition('/')[0]}/*", media)
    matches = [(patterns.index(name), quality) for name, quality in ranges if name in patterns]
    specificity, quality = max(matches, default=(0, 0.0))
    return quality, specificity
