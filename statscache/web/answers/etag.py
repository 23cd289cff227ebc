"""Whether a client has the answer already: entity tags, `304`, and how long an answer is fresh.

The tag of an answer with rows is made of what decides on it: the tag of the stored rows, which is
another after each change, and the query, its bounds replaced by the first and the last moment that
has rows. So it stays while time passes and nothing comes in, and no row has to be read for it. It
is read in the same state of the database as the rows.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version

from flask import Response, request
from sqlalchemy.engine import Connection
from werkzeug.http import quote_etag, unquote_etag

from ...plugins import BasePlugin
from ...registry import OURS, Registry, Statistic
from ...store import checkpoints
from ...store.progress import Progress
from ...times import EPOCH
from ..query.query import Query
from ..rows import edges
from ..rows.rows import Model
from ..serving import Source, serving
from .negotiation import HTML, Choice

FRESH = "max-age=1, stale-while-revalidate=4"
"""Whoever stands between may be late by as much as a bucket: five seconds at the most."""

NEVER = "no-store"

_BYTES = 12


def source(registry: Registry, statistic: Statistic) -> Source:
    """What of the installed software shapes the answers of the statistic."""
    releases = (_release(name) for name in (OURS, statistic.distribution))
    made_by = (*releases, statistic.plugin.__module__, str(statistic.plugin.version))
    return Source(" ".join(made_by), registry.sharing(statistic))


def of_rows(
    connection: Connection,
    plugin: BasePlugin,
    model: Model,
    query: Query,
    choice: Choice,
    known: Progress,
    also: object = None,
) -> str | None:
    """The entity tag of what `query` asks of `plugin`, read from `model`, in that format.

    `also` is what else decides on the answer.

    None where that cannot be told without the rows: they have no tag of their own, or the answer
    is a page for people, which shows more than rows.
    """
    if choice.format == HTML or known.tag is None:
        return None
    source = serving().sources[plugin.ident]
    others = checkpoints.tags(connection, source.sharing) if source.sharing else {}
    aside = model is not plugin.model
    history = serving().config["statscache.datagrepper.endpoint"]
    asked = query._replace(start=None, stop=EPOCH, before=None)
    arguments = [request.args.get(name) for name in ("cursor", "callback")]
    parts = (
        *(known.tag, sorted(others.items()), aside, source.made_by, history),
        *(edges.read(connection, model, query), edges.windows(query)),
        *(asked, choice, arguments, request.base_url, also),
    )
    return _weak(repr(parts).encode())


def not_modified(tag: str | None) -> Response | None:
    """The answer `304`, if the client says that it has what `tag` is of."""
    known, _ = unquote_etag(tag)
    if known is None or not request.if_none_match.contains_weak(known):
        return None
    response = Response(status=304)
    del response.headers["Content-Type"]
    return response


def finish(response: Response) -> Response:
    """The same with what caches want to know, where it does not say so itself.

    A whole answer that has no tag gets one of its content.
    """
    if "Cache-Control" in response.headers:
        return response
    response.headers["Cache-Control"] = FRESH if response.status_code in (200, 304) else NEVER
    whole = response.status_code == 200 and not response.is_streamed
    if whole and "ETag" not in response.headers and request.method in ("GET", "HEAD"):
        response.headers["ETag"] = _weak(response.get_data())
        response.make_conditional(request)
    return response


def _weak(content: bytes) -> str:
    return quote_etag(hashlib.blake2b(content, digest_size=_BYTES).hexdigest(), weak=True)


def _release(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return distribution
