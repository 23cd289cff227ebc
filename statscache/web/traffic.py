"""Every request, from its beginning to the last byte of its answer: it is counted and logged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from ..errors import ConfigError
from . import access
from .access import Answered

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Names the directory in which the processes of one web application share what they count."""

ROUTE = "statscache.route"
METHODS = ("GET", "HEAD", "OPTIONS")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
"""Seconds."""


class Requests:
    """Counts the requests of one application, over all its processes.

    Raises:
        ConfigError: the environment names a directory to share, and there is none.
    """

    def __init__(self) -> None:
        self._shared = os.environ.get(SHARED)
        if self._shared and not Path(self._shared).is_dir():
            raise ConfigError(
                f"{SHARED} is {self._shared}, which is no directory: make it, and empty it before "
                "each start"
            )
        self._own = CollectorRegistry()
        self.in_flight = Gauge(
            "statscache_http_requests_in_flight",
            "Requests that are being answered.",
            registry=self._own,
            multiprocess_mode="livesum",
        )
        self.live_readers = Gauge(
            "statscache_live_readers",
            "Who listens to what changes.",
            registry=self._own,
            multiprocess_mode="livesum",
        )
        self._total = Counter(
            "statscache_http_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=self._own,
        )
        self._seconds = Histogram(
            "statscache_http_request_duration_seconds",
            "Seconds from the request to the last byte of its answer.",
            ("route",),
            registry=self._own,
            buckets=BUCKETS,
        )

    def count(self, answered: Answered) -> None:
        """Note an answer: by the template of its route, for a client can make up any path."""
        route = answered.environ.get(ROUTE, "none")
        method = answered.environ.get("REQUEST_METHOD", "")
        known = method if method in METHODS else "other"
        self._total.labels(route, known, str(answered.status)).inc()
        self._seconds.labels(route).observe(answered.seconds)

    def registry(self) -> CollectorRegistry:
        """What was counted by all processes, for one scrape."""
        registry = CollectorRegistry()
        if self._shared:
            MultiProcessCollector(registry, self._shared)  # type: ignore[no-untyped-call]
        else:
            registry.register(self._own)
        return registry


class Traffic:
    """The application `app`, watched; `now` gives epoch seconds."""

    def __init__(self, app: WSGIApplication, requests: Requests, now: Callable[[], float]) -> None:
        self._app = app
        self._requests = requests
        self._now = now

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = _Answer(environ, self._requests, self._now())
        try:
            return answer.of(self._app, start_response)
        except BaseException:
            answer.close()
            raise


class _Answer:
    """The body of an answer on its way; over at its end, or where the server closes it before."""

    def __init__(self, environ: WSGIEnvironment, requests: Requests, began: float) -> None:
        self._environ = environ
        self._requests = requests
        self._began = began
        self._clock = time.perf_counter()
        self._status = 500
        self._sent = 0
        self._body: Iterable[bytes] = ()
        self._is_over = False
        requests.in_flight.inc()

    def of(self, app: WSGIApplication, start_response: StartResponse) -> _Answer:
        """That which `app` gives."""

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            self._status = int(status[:3])
            return start_response(status, headers, *error)

        self._body = app(self._environ, start)
        return self

    def __iter__(self) -> Iterator[bytes]:
        for part in self._body:
            self._sent += len(part)
            yield part
        self._end()

    def close(self) -> None:
        try:
            getattr(self._body, "close", lambda: None)()
        finally:
            self._end()

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._requests.in_flight.dec()
        seconds = time.perf_counter() - self._clock
        answered = Answered(self._environ, self._status, self._sent, self._began, seconds)
        self._requests.count(answered)
        access.write(answered)


def note_route() -> None:
    """Before a request is answered: leave word of its route, by the template, for its end."""
    if request.url_rule:
        request.environ[ROUTE] = request.url_rule.rule
