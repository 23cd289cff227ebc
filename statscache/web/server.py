"""The application on a port, by a server that production can use."""

from __future__ import annotations

import logging
import signal
import socket
from typing import NoReturn

import waitress
from flask import Flask

from ..errors import ConfigError
from .live.holding import Channel

THREADS = 8

CONNECTIONS = 1_000
"""At the same time, at the most; further ones wait."""

IDLE_SECONDS = 60
"""After that a connection is closed on which nothing moves, in either direction."""

UNTAKEN_SECONDS = 60
"""After that a client is given up that takes nothing of what was sent."""

UNSENT_BYTES = 1 << 20
"""Of one answer: whoever makes it waits until the client has taken some."""

HEADER_BYTES = 32 << 10
BODY_BYTES = 64 << 10


def serve(app: Flask, host: str = "127.0.0.1", port: int = 8080, proxies: int = 0) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those in hand and return.

    Says where it listens. Port 0 picks a free one. Where there are `proxies` before it, the
    application is told what they say in the headers `X-Forwarded-...`.

    Raises:
        ConfigError: nobody can listen at that address.
    """
    listening = _listen(host, port)
    server = waitress.create_server(
        app,
        sockets=[listening],
        threads=THREADS,
        ident="statscache",
        clear_untrusted_proxy_headers=not proxies,
        connection_limit=CONNECTIONS,
        backlog=CONNECTIONS,
        asyncore_use_poll=True,
        channel_timeout=IDLE_SECONDS,
        outbuf_high_watermark=UNSENT_BYTES,
        cleanup_interval=min(IDLE_SECONDS, 10),
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=BODY_BYTES,
    )
    server.channel_class = Channel
    # Hundreds of live readers that come back at once, after a restart, are no news.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    print(f"Serving on {_url(*listening.getsockname()[:2])}", flush=True)
    server.run()


def _listen(host: str, port: int) -> socket.socket:
    try:
        if port not in range(65_536):
            raise OSError("ports are numbers from 0 to 65535")
        family, *_, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server((str(address[0]), port), family=family)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}, port {port}: {error}; choose others with --host and --port"
        ) from error
    # The server waits for ever while a client does not read its answer: the kernel does not.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_SECONDS * 1000)
    return listening


def _stop(*_: object) -> NoReturn:
    """What the server takes as the sign to finish."""
    raise SystemExit


def _url(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/"
