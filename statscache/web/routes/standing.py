"""`GET /web/health`: how everything stands, for people; no message is shown."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from ...errors import SchemaError
from ...store import progress, standing
from ..answers.problems import respond
from ..query import arguments as args
from ..serving import serving
from . import coverage

GAPS = 20

blueprint = Blueprint("standing", __name__, url_prefix="/web")


@blueprint.get("/health", strict_slashes=False)
def index() -> Response:
    """The daemon, what each statistic lags behind, what was set aside, refused and missed."""
    args.parse(request.query_string, ())
    here = serving()
    try:
        with here.store.reading() as connection:
            found, known = standing.read(connection), progress.read_all(connection)
    except SchemaError as error:
        return respond(503, f"{str(error).capitalize()}.")
    spans, _ = coverage.read(coverage.Wanted(None, None, GAPS))
    body = render_template(
        "health.html",
        found=found,
        known={ident: known.get(ident) for ident in here.plugins},
        with_rows=[ident for ident, plugin in here.plugins.items() if plugin.model],
        now=here.now(),
        gaps=spans[coverage.GAPS],
        listened=spans[coverage.LISTENED][:1],
        skipped=here.skipped,
    )
    return Response(body)
