"""Which requests are let in: none with a long body, and not too many of one client."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Collection
from contextlib import suppress

from flask import Flask, Response, request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from .answers.problems import respond

BODY_BYTES = 4_096
"""No request needs a body."""

NETWORK = 64
"""Bits of an address of IPv6 that tell clients apart: the rest is everyone's to choose."""


def install(app: Flask, rate: str | None, exempt: Collection[str]) -> None:
    """Look at each request of `app` before it is answered.

    Args:
        rate: how many of one client, such as `100/minute`; None is any number.
        exempt: blueprints that may be asked at any rate.
    """
    app.before_request(_refuse_long_body)
    if rate is not None:
        limiter, item = MovingWindowRateLimiter(MemoryStorage()), parse(rate)

        def refuse_hasty() -> Response | None:
            return None if request.blueprint in exempt else _refuse_hasty(limiter, item)

        app.before_request(refuse_hasty)


def _refuse_long_body() -> Response | None:
    endless = "Transfer-Encoding" in request.headers and request.content_length is None
    if endless or (request.content_length or 0) > BODY_BYTES:
        return respond(413, f"The body may have {BODY_BYTES} bytes; no request needs one.")
    return None


def _refuse_hasty(limiter: MovingWindowRateLimiter, item: RateLimitItem) -> Response | None:
    client = _client(request.remote_addr or "")
    if limiter.hit(item, client):
        return None
    wait = max(1, math.ceil(limiter.get_window_stats(item, client).reset_time - time.time()))
    response = respond(429, f"More than {item} of one client; try again in {wait} seconds.")
    response.headers["Retry-After"] = str(wait)
    return response


def _client(address: str) -> str:
    with suppress(ValueError):
        found = ipaddress.ip_address(address)
        if found.version == 6:
            return str(ipaddress.ip_network((found, NETWORK), strict=False))
    return address
