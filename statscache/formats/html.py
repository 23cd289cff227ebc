"""HTML: rows as a table, to be put into a page."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from .value import ISO, flat


def dumps(columns: Sequence[str], rows: Iterable[Sequence[Any]], links: str | None = None) -> str:
    """A `<table>`: moments in UTC in a `<time>`, numbers in groups of three digits and of the
    class `number`, all else escaped.

    The column `links`, if there is one, holds URLs, each by the text that leads to it.
    """
    rows = list(rows)
    firsts = rows[0] if rows else [None] * len(columns)
    head = "".join(map(_head, columns, firsts))
    body = "".join(f"<tr>{_cells(columns, row, links)}</tr>\n" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _head(column: str, first: Any) -> str:
    number = ' class="number"' if _is_number(first) else ""
    return f'<th scope="col"{number}>{html.escape(column)}</th>'


def _cells(columns: Sequence[str], row: Sequence[Any], links: str | None) -> str:
    pairs = zip(columns, row, strict=True)
    return "".join(_links(value) if name == links else _cell(value) for name, value in pairs)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        moment = flat(value, ISO)
        shown = moment.replace("T", " ").removesuffix("Z")
        return f'<td class="short"><time datetime="{moment}">{shown}</time></td>'
    value = flat(value)
    if _is_number(value):
        return f'<td class="number">{f"{value:,}".removesuffix(".0")}</td>'
    return f"<td>{'' if value is None else html.escape(str(value))}</td>"


def _is_number(value: Any) -> bool:
    return isinstance(flat(value), int | float) and not isinstance(value, bool | datetime)


def _links(urls: dict[str, str]) -> str:
    escaped = ((html.escape(url), html.escape(text)) for text, url in urls.items())
    links = " ".join(f'<a href="{url}" rel="nofollow">{text}</a>' for url, text in escaped)
    return f'<td class="short">{links}</td>'
