"""`GET /web/start` and `GET /web/reference`: how to ask, with this server in the examples."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from flask import Blueprint, Response, render_template, request, url_for

from ..answers import chart, view
from ..query import arguments as args
from ..serving import serving
from . import openapi

FIRST = ("volume-by-category-1h", "volume-1h")
"""The statistics that examples are of, if they are there."""

blueprint = Blueprint("guide", __name__, url_prefix="/web")


@blueprint.get("/start", strict_slashes=False)
def start() -> Response:
    """The first questions, to be copied."""
    args.parse(request.query_string, ())
    plugins = serving().plugins
    drawn = [ident for ident, one in plugins.items() if one.model and chart.can_draw(one)]
    example = next((ident for ident in (*FIRST, *drawn) if ident in plugins), None)
    here = {}
    if example is not None:
        rows = url_for("statistic.page", name=example)
        export = url_for("export.index", name=example, suffix="csv")
        here = {
            "all": view.curl(url_for("api.index")),
            "rows": view.curl(f"{rows}?start=-1d&limit=5"),
            "csv": view.curl(f"{export}?start=-1d"),
            "latest": view.curl(url_for("latest.index", name=example)),
            "notebook": urljoin(request.host_url, f"{export}?start=-7d&time=iso"),
            "image": urljoin(request.host_url, f"{rows}.svg?start=-7d"),
            "path": f"{rows}.svg?start=-7d",
        }
    return Response(render_template("start.html", example=example, **here))


@blueprint.get("/reference", strict_slashes=False)
def reference() -> Response:
    """Every path and argument, out of the description that programs read."""
    args.parse(request.query_string, ())
    described = openapi.describe_api(request.script_root)
    paths = {path: way["get"] for path, way in described["paths"].items()}
    statistics = _by_statistic(paths)
    of_one = {path for one in statistics.values() for path in one["ways"]}
    common = {path: one for path, one in paths.items() if path not in of_one}
    return Response(
        render_template(
            "reference.html",
            info=described["info"],
            prefix=request.script_root,
            common={path: {**one, "names": _names(one)} for path, one in common.items()},
            statistics=statistics,
            parameters=described["components"]["parameters"],
            problems=described["components"]["responses"],
        )
    )


def _names(way: dict[str, Any]) -> list[tuple[str, bool]]:
    """The arguments of a path; whether they are described for all paths at once."""
    return [
        (one["$ref"].rpartition("/")[2], True) if "$ref" in one else (one["name"], False)
        for one in way["parameters"]
    ]


def _by_statistic(paths: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By ident: its paths, columns to filter by, and formats."""
    found: dict[str, dict[str, Any]] = {}
    for ident in serving().plugins:
        whole = paths.get(f"/api/{ident}")
        if whole is None:
            continue
        ways = [path for path in paths if path in (f"/api/{ident}", *_further(ident))]
        columns = [name for name, is_common in _names(whole) if not is_common and name != "format"]
        formats = [*whole["responses"]["200"]["content"]]
        arguments = [name for name, is_common in _names(whole) if is_common]
        found[ident] = {
            "ways": ways,
            "columns": columns,
            "formats": formats,
            "arguments": arguments,
            "summary": whole["summary"],
        }
    return found


def _further(ident: str) -> list[str]:
    return [f"/api/{ident}/{way}" for way in ("latest", "export", "events", "layout")]
