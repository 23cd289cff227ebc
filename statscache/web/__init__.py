"""The REST application: a process of its own, which only reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Semaphore
from typing import Any

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from .. import hubconfig, registry
from ..config import Config
from ..store import Store
from . import admission
from .answers import chart, compression, etag, pages, problems
from .answers.shared import Shared
from .live.telling import Teller
from .live.watcher import Watcher
from .routes import (
    coverage,
    dashboard,
    events,
    export,
    guide,
    health,
    index,
    latest,
    metrics,
    openapi,
    page,
    standing,
    static,
    statistic,
)
from .rows.counts import Counts
from .serving import EXTENSION, Serving
from .traffic import Requests, Traffic, note_route

EXPOSED = (
    "ETag, Link, Retry-After, X-Link-Number, X-Link-Count, X-Statscache-Complete-Until, "
    "X-Statscache-Rebuilding"
)
PREFLIGHT_SECONDS = 86_400

ROUTES = (
    *(coverage, index, statistic, latest, export, events, health, metrics, openapi),
    *(dashboard, page, standing, guide, static),
)
"""Each has a blueprint."""

POLICIES = {
    "text/html": "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'",
    "image/svg+xml": "default-src 'none'; style-src 'unsafe-inline'",
}
"""What a browser may load for them: nothing but from here, and no script that stands in them."""

WATCHERS = (health.blueprint.name, metrics.blueprint.name)
"""What is asked at any rate, by machines."""


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
        ConfigError: a setting, or the environment, has something that cannot be used.
        StoreError: the database cannot be opened.
    """
    if config is None:
        config = hubconfig.read()
    elif not isinstance(config, Config):
        config = Config(config, foreign=registry.names(config))
    if found is None:
        found = registry.load(config)
    app = Flask(__name__, static_folder=None)
    plugins = dict(sorted(found.instances(config).items()))
    store = Store(config["statscache.sqlalchemy.uri"], within=config["statscache.app.timeout"])
    requests = Requests()
    app.extensions[EXTENSION] = Serving(
        config=config,
        plugins=plugins,
        sources={ident: etag.source(found, one) for ident, one in found.enabled.items()},
        skipped=found.skipped,
        store=store,
        counts=Counts(now),
        requests=requests,
        exports=Semaphore(export.AT_ONCE),
        live=Watcher(store, Teller(plugins, config, now).tell, requests.live_readers),
        dashboard=Shared(now),
        now=now,
    )
    for route in ROUTES:
        app.register_blueprint(route.blueprint)
    app.add_url_rule("/favicon.ico", view_func=_favicon)
    # Backwards: the last of them is called first.
    app.after_request(compression.compress)
    app.after_request(_add_headers)
    app.after_request(etag.finish)
    for written in (pages.date, pages.days, pages.duration, pages.prose, pages.utc, pages.window):
        app.add_template_filter(written)
    app.add_template_filter(chart.reading)
    app.add_template_global(static.asset)
    problems.install(app)
    app.before_request(note_route)
    admission.install(app, config["statscache.app.rate_limit"], WATCHERS)
    _surround(app, config["statscache.app.proxies"])
    return app


def _surround(app: Flask, proxies: int) -> None:
    """Watch over all traffic; believe what so many proxies say of who asks, and for what."""
    parts: Serving = app.extensions[EXTENSION]
    inner = Traffic(app.wsgi_app, parts.requests, parts.now)
    trusted = dict.fromkeys(("x_for", "x_proto", "x_host", "x_port", "x_prefix"), proxies)
    app.wsgi_app = ProxyFix(inner, **trusted)  # type: ignore[method-assign]


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
    if policy := POLICIES.get(response.mimetype or ""):
        response.headers["Content-Security-Policy"] = policy
    return response
