"""The headers of a page: its number, how many there are, and links to the others (RFC 8288)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlencode

from ..query.arguments import Arguments
from ..query.cursors import Cursor, encode
from ..query.query import Query
from ..rows.rows import Page


def headers(url: str, arguments: Arguments, query: Query, page: Page, total: int) -> dict[str, str]:
    """`Link`, `X-Link-Number` and `X-Link-Count`.

    Args:
        url: of the statistic, without arguments.
        arguments: those that every link repeats; their bounds of time are absolute.
        total: how many rows all the pages hold.
    """
    found = links(url, arguments, query, page, total).items()
    return {
        "Link": ", ".join(f'<{link}>; rel="{relation}"' for relation, link in found),
        "X-Link-Number": str(query.page),
        "X-Link-Count": str(_pages(query, page, total)),
    }


def links(url: str, arguments: Arguments, query: Query, page: Page, total: int) -> dict[str, str]:
    """The URLs of other pages by their relation to this one; see `headers`."""
    return {
        relation: f"{url}?{_arguments(arguments, target, cursor)}".removesuffix("?")
        for relation, target, cursor in _links(query, page, total, _pages(query, page, total))
    }


def _pages(query: Query, page: Page, total: int) -> int:
    return max(-(-total // query.rows_per_page), query.page + 1 if page.more else 0)


def _links(
    query: Query, page: Page, total: int, pages: int
) -> Iterator[tuple[str, Query, Cursor | None]]:
    """The relations, each with the query of its page and where that begins."""
    first = query._replace(page=1)
    yield "first", first, None
    if query.page > 1 and pages:
        before = query._replace(page=max(1, min(query.page - 1, pages)))
        cursor = _previous(query, page)
        yield "prev", before, cursor
        yield "previous", before, cursor
    if page.more:
        yield "next", query._replace(page=query.page + 1), _next(query, page)
    last = query._replace(page=max(1, pages))
    yield "last", last, _last(last, total)


def _previous(query: Query, page: Page) -> Cursor | None:
    """None, the number alone, for the first page and where there are no rows to start from."""
    if query.page == 2 or not page.rows:
        return None
    return Cursor(True, page.place(0), query.rows_per_page)


def _next(query: Query, page: Page) -> Cursor:
    return Cursor(False, page.place(-1), query.rows_per_page)


def _last(last: Query, total: int) -> Cursor | None:
    """Read from the end, unless the end is not that of the rows but that of the limit."""
    if last.page == 1 or (last.limit is not None and total >= last.limit):
        return None
    # By the remainder: where rows go meanwhile, the total may be less than what was passed.
    return Cursor(True, None, (total - 1) % last.rows_per_page + 1)


def _arguments(arguments: Arguments, query: Query, cursor: Cursor | None) -> str:
    if query.each:
        return urlencode(arguments, doseq=True, quote_via=quote)
    values = {**arguments, "page": [str(query.page)]}
    values.pop("cursor", None)
    if cursor:
        values["cursor"] = [encode(cursor, query)]
    return urlencode(values, doseq=True, quote_via=quote)
