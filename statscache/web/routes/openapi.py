"""`GET /api/openapi.json`: all requests and answers, in the words of OpenAPI 3.1.

https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, request

from ...charts import KINDS
from ...models import BaseModel, CountModel
from ...models.columns import python_type
from ...plugins import BasePlugin
from ..answers import chart, problem_types, writing
from ..answers.answers import as_json
from ..answers.description import COLUMNS, describe
from ..answers.negotiation import CSV, HTML, JSON, MEDIA, NDJSON, SVG
from ..live import telling
from ..query import arguments as args
from ..query import filters, picture, query, shape
from ..serving import serving
from . import events, export, latest
from .coverage import ARGUMENTS as OF_COVERAGE

Described = dict[str, Any]
"""A piece of the description."""

JSONP = "application/javascript"
MOMENT = {"type": "string", "examples": ["-24h", "2026-01-31T12:00:00Z", "1767225600"]}
FLAG = {"type": "string", "enum": ["0", "1"]}
NUMBER = {"type": "integer", "minimum": 1, "maximum": 10**12 - 1}
PIXELS = {"type": "integer", "minimum": 10, "maximum": 4_000}

PARAMETERS: dict[str, tuple[Described, str]] = {
    "start": (MOMENT, "From this moment on, which is included."),
    "stop": (MOMENT, "Up to this moment, which is included; now where it is not given."),
    "before": (MOMENT, "Before this moment, which is not included."),
    "order": ({"type": "string", "enum": ["desc", "asc"]}, "The newest first, or the oldest."),
    "limit": (NUMBER, "So many rows at the most, on all pages together."),
    "rows_per_page": (NUMBER, "Rows of a page; the operator sets a maximum."),
    "page": (NUMBER, "The number of the page. Better follow the links."),
    "cursor": ({"type": "string"}, "Where a page begins; from a Link header."),
    "fields": (
        {"type": "array", "items": {"type": "string"}},
        "The columns to show; what is summed is summed over those that are left out.",
    ),
    "time": ({"type": "string", "enum": ["s", "ms", "iso"]}, "How timestamps are written."),
    "links": (FLAG, "1: each row brings links to its messages."),
    "every": ({"type": "string", "examples": ["1d", "week", "month"]}, "Longer windows."),
    "tz": ({"type": "string", "examples": ["Europe/Berlin"]}, "Whose days, weeks and months."),
    "pivot": ({"type": "string"}, "One row a window, one column for each key of this column."),
    "fill": ({"type": "integer"}, "This number where nothing happened."),
    "open": (FLAG, "0: without the windows that are not over yet."),
    "top": (
        {"type": "integer", "minimum": 1, "maximum": shape.MOST_KEYS},
        "Only so many keys, those with most; the rest together as `other`.",
    ),
    "kind": ({"type": "string", "enum": [*KINDS]}, "Of a chart, which is SVG."),
    "width": (PIXELS, "Of a chart; each kind has its own limits."),
    "height": (PIXELS, "Of a chart; each kind has its own limits."),
    "callback": ({"type": "string"}, "JSONP: the JSON comes in a call of this function."),
    "detail": (FLAG, "1: with what there is to know about each."),
    "stale": (NUMBER, "Seconds; whoever is further behind is not ready."),
}
"""Every argument but `format` and the columns: its schema, and what it does."""

TEXT: Described = {"schema": {"type": "string"}}
REVISIONS: Described = {"type": "object", "additionalProperties": {"type": "integer"}}
INDEX = ("detail", "format", "callback")
METRICS: Described = {
    "description": "In Prometheus's text format, or as OpenMetrics.",
    "content": {"text/plain": TEXT, "application/openmetrics-text": TEXT},
}
ROWS = {JSON, CSV, NDJSON, HTML}
HEADERS = {
    "ETag": "Changes whenever the rows do.",
    "X-Statscache-Complete-Until": "Epoch seconds: all that arrived before is in the rows.",
    "X-Statscache-Rebuilding": "Old rows are shown; the share of the new ones, 0 to 1.",
}
PAGING_HEADERS = {
    "Link": "The other pages (RFC 8288).",
    "X-Link-Number": "The number of this page.",
    "X-Link-Count": "How many pages there are.",
}

blueprint = Blueprint("openapi", __name__, url_prefix="/api")


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The description of this very server."""
    args.parse(request.query_string, ())
    return Response(as_json(describe_api(request.script_root)), mimetype=MEDIA[JSON][0])


def describe_api(prefix: str) -> Described:
    """The whole; `prefix` is the path under which the application stands, or empty."""
    ready = {"type": "object", "properties": {"ready": {"type": "boolean"}}}
    coverage = _formats({"type": "object"}, {JSON, CSV, HTML})
    paths = {
        "/api/": _get("index", "Which statistics there are", _index(), INDEX),
        "/api/coverage": _get("coverage", "When the daemon listened", coverage, OF_COVERAGE),
        "/api/events": _several(),
        "/api/openapi.json": _get("openapi", "This description", _json({"type": "object"})),
        "/live": _get("live", "Whether the process answers", _json({"type": "object"})),
        "/ready": _get("ready", "Whether it can answer, and how stale", _json(ready), ("stale",)),
        "/metrics": _get("metrics", "For Prometheus", METRICS),
    }
    for plugin in serving().plugins.values():
        paths |= _statistic(plugin)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "statscache",
            "version": version("statscache"),
            "summary": "Statistics of a message bus",
            "description": "Only GET, HEAD and OPTIONS are understood: nothing can be changed.",
        },
        "servers": [{"url": prefix or "/"}],
        "paths": paths,
        "components": {
            "parameters": {name: _parameter(name, *each) for name, each in PARAMETERS.items()},
            "responses": {_name(status): _problem(status) for status in problem_types.TYPES},
            "schemas": {"Problem": PROBLEM},
        },
    }


def _statistic(plugin: BasePlugin) -> dict[str, Described]:
    """The paths of one statistic."""
    path, told = f"/api/{plugin.ident}", describe(plugin, serving().config, None)
    paths = {}
    if plugin.layout is not None:
        paths[f"{path}/layout"] = _get(
            f"{plugin.ident} layout",
            "What a dashboard should know",
            _json({}),
            ("format", "callback"),
        )
    if plugin.model is None:
        return paths
    whole = {} if writing.own(plugin.model, JSON) else _rows(plugin.model)
    about = {"summary": told["summary"], "description": told["description"]}
    columns = _filters(plugin.model)
    common, rows = query.ARGUMENTS, ROWS
    if chart.can_draw(plugin):
        common, rows = common.union(picture.ARGUMENTS), {*ROWS, SVG}
    if not issubclass(plugin.model, CountModel):
        common -= {*shape.SUMMING}
    ways = {
        "": (rows, common, HEADERS | PAGING_HEADERS),
        "/latest": (ROWS, {*latest.ARGUMENTS, "fields"}, HEADERS),
        "/export": ({CSV, NDJSON}, common & export.ARGUMENTS | {"fields"}, HEADERS),
    }
    for suffix, (formats, names, headers) in ways.items():
        answer = _formats(whole, formats, headers)
        described = _get(f"{plugin.ident}{suffix}", told["name"], answer, names, columns)
        paths[path + suffix] = {"get": {**described["get"], **about, "tags": [told["name"]]}}
    paths[f"{path}/events"] = _events(plugin, about, columns)
    if plugin.newest_of_each:
        paths[path]["get"]["description"] += (
            f" Without arguments of pages, order or time: the newest {plugin.newest_of_each} rows "
            "of each key or category, on one page."
        )
    return paths


def _events(plugin: BasePlugin, about: Described, columns: list[Described]) -> Described:
    """The path of the stream of a statistic."""
    answer = _stream("`reset`, and messages with rows that have changed", _change(plugin.model))
    described = _get(f"{plugin.ident}/events", str(plugin.name), answer, events.ARGUMENTS, columns)
    return _resumed({"get": {**described["get"], **about, "tags": [str(plugin.name)]}})


def _several() -> Described:
    """The path of the stream of which statistics change."""
    named = _parameter(
        events.IDENT,
        {"type": "array", "items": {"type": "string", "enum": events.keeping()}},
        "Statistics to hear of; without it all that keep rows.",
    )
    what = "`reset`, and messages with the revisions of statistics that have changed"
    answer = _stream(what, {"required": ["changed"], "properties": {"changed": REVISIONS}})
    return _resumed(_get("events", "Which statistics change", answer, (), [named]))


def _change(model: type[BaseModel]) -> Described:
    """What an event tells of rows, or of how to tell them apart."""
    told = {"rows": _rows(model), "gone": _rows(model), "before": {"type": ["number", "string"]}}
    key = {"type": "array", "items": {"type": "string"}}
    properties = {"revision": {"type": "integer"}, "key": key, **told}
    either = [{"required": ["key", "why"]}, {"required": ["rows", "gone"]}]
    return {"required": ["revision"], "properties": properties, "oneOf": either}


def _stream(what: str, told: Described) -> Described:
    """An answer without an end; the schema is that of each event, as OpenAPI 3.1 has no other."""
    why = {"enum": [telling.NEW, telling.LOST], "description": "Of a `reset` only."}
    content = {"type": "object", **told, "properties": {**told["properties"], "why": why}}
    data = {"type": "string", "contentMediaType": MEDIA[JSON][0], "contentSchema": content}
    event = {
        "type": "object",
        "required": ["id", "data"],
        "properties": {"event": {"const": "reset"}, "id": {"type": "string"}, "data": data},
    }
    return {
        "description": f"Server-Sent Events: {what}.",
        "content": {events.MEDIA: {"schema": event}},
    }


def _resumed(described: Described) -> Described:
    """The same with the header that tells how far a reader has heard."""
    heard = {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "How far the reader has heard: the id of an event.",
        "schema": {"type": "string"},
    }
    way = described["get"]
    return {"get": {**way, "parameters": [*way["parameters"], heard]}}


def _get(
    name: str,
    summary: str,
    answer: Described,
    arguments: Collection[str] = (),
    columns: Collection[Described] = (),
) -> Described:
    """One path; `name` tells it from the others."""
    formats = [one for one in MEDIA if MEDIA[one][0] in answer["content"]]
    parameters = [
        {"$ref": f"#/components/parameters/{one}"} for one in sorted({*arguments} - {"format"})
    ]
    if "format" in arguments:
        choice = {"type": "string", "enum": formats}
        parameters.append(_parameter("format", choice, "Goes before the Accept header."))
    if "callback" in arguments:
        answer["content"][JSONP] = TEXT
    responses: Described = {"200": answer}
    if "ETag" in answer.get("headers", {}):
        responses["304"] = {"description": "The rows are those that the client has."}
    for status in problem_types.TYPES:
        responses[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    return {
        "get": {
            "operationId": name.replace("/", "-").replace(" ", "-"),
            "summary": summary,
            "parameters": [*parameters, *columns],
            "responses": responses,
        }
    }


def _parameter(name: str, schema: Described, meaning: str) -> Described:
    described: Described = {"name": name, "in": "query", "description": meaning, "schema": schema}
    if schema.get("type") == "array":
        described |= {"style": "form", "explode": True}
    return described


def _filters(model: type[BaseModel]) -> list[Described]:
    """The columns as arguments."""
    return [
        _parameter(
            name,
            {"type": "array", "items": {"type": "string"}},
            "Rows where the column has this value, or one of these.",
        )
        for name in filters.columns(model)
        if name not in PARAMETERS
    ]


def _rows(model: type[BaseModel]) -> Described:
    """Rows; which members they have depends on `fields`, and with `pivot` the keys are members."""
    members = {name: _value(kind) for name, kind in model.column_types().items()}
    members["timestamp"] = {
        "type": ["number", "string"],
        "description": "Start of the window, UTC.",
    }
    members["links"] = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
    row = {"type": "object", "properties": members, "additionalProperties": True}
    return {"type": "array", "items": row}


def _value(kind: sa.types.TypeEngine[Any]) -> Described:
    for types, names in _NAMES.items():
        if issubclass(python_type(kind), types):
            return {"type": [*names, "null"]}
    return {}


_NAMES: Mapping[tuple[type, ...], tuple[str, ...]] = {
    (bool,): ("boolean",),
    # Beyond 64 bits JSON readers would lose digits: such a number is a text.
    (int,): ("integer", "string"),
    (float, Decimal): ("number",),
    (datetime,): ("number",),
    (str, date): ("string",),
}


def _index() -> Described:
    members: Described = {name: {} for name in COLUMNS}
    detailed = {"type": "array", "items": {"type": "object", "properties": members}}
    idents = {"type": "array", "items": {"type": "string"}}
    whole = {"type": "object", "properties": {"statistics": detailed, "skipped": {}}}
    return _formats({"anyOf": [idents, whole]}, {JSON, CSV, HTML})


def _formats(
    schema: Described, formats: Collection[str], headers: Mapping[str, str] | None = None
) -> Described:
    """An answer in each of `formats`."""
    content: Described = {MEDIA[one][0]: TEXT for one in sorted(formats)}
    if JSON in formats:
        content[MEDIA[JSON][0]] = {"schema": schema}
    described: Described = {"description": "In the format that is asked for.", "content": content}
    if headers:
        described["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}}
            for name, meaning in headers.items()
        }
    return described


def _json(schema: Described) -> Described:
    return _formats(schema, {JSON})


def _problem(status: int) -> Described:
    kind = problem_types.TYPES[status]
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {
        "application/problem+json": {"schema": schema},
        MEDIA[HTML][0]: TEXT,
    }
    return {"description": f"{kind.when} {kind.cure}", "content": content}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "").replace("-", "")


PROBLEM: Described = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        **{
            member: {"description": meaning}
            for kind in problem_types.TYPES.values()
            for member, meaning in kind.members
        },
    },
}
