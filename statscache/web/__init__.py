"""The REST application: a process of its own, which only reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from .. import hubconfig, registry
from ..config import Config
from ..store import Store
from . import api, coverage, pages, problems
from .counts import Counts
from .serving import EXTENSION, Serving

EXPOSED = "Link, X-Link-Number, X-Link-Count, X-Statscache-Complete-Until, X-Statscache-Rebuilding"
PREFLIGHT_SECONDS = 86_400


def create_app(
    config: Mapping[str, Any] | Config | None = None,
    *,
    found: registry.Registry | None = None,
    now: Callable[[], float] = time.time,
) -> Flask:
    """The WSGI application.

    Args:
        config: settings; without them those of `fedmsg.d/` are read.
        found: the statistics to serve; without them those that are installed.
        now: the clock, in epoch seconds.

    Raises:
        ConfigError: a setting is unknown or has a value that cannot be used.
        StoreError: the database cannot be opened.
    """
    if config is None:
        config = hubconfig.read()
    elif not isinstance(config, Config):
        config = Config(config, foreign=registry.names())
    if found is None:
        found = registry.load(config)
    app = Flask(__name__, static_folder=None)
    app.extensions[EXTENSION] = Serving(
        config=config,
        plugins=dict(sorted(found.instances(config).items())),
        skipped=found.skipped,
        store=Store(config["statscache.sqlalchemy.uri"]),
        counts=Counts(now),
        now=now,
    )
    app.register_blueprint(coverage.blueprint)
    app.register_blueprint(api.blueprint)
    app.add_url_rule("/", view_func=_home)
    app.add_url_rule("/favicon.ico", view_func=_favicon)
    app.after_request(_add_headers)
    for written in (pages.days, pages.duration, pages.prose, pages.utc):
        app.add_template_filter(written)
    problems.install(app)
    return app


def _home() -> AnyResponse:
    return redirect(url_for("api.index"))


def _favicon() -> Response:
    return Response(status=204)


def _add_headers(response: Response) -> Response:
    """Everybody may read, from any page; nobody takes an answer for what it is not."""
    response.vary.add("Accept")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = EXPOSED
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = "*"
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'"
        )
    return response
