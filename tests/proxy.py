"""A way to a PostgreSQL server that can break off just after a COMMIT."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType

import sqlalchemy as sa

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""The message of the wire protocol by which psycopg2 commits."""


class Proxy:
    """Listens on loopback and passes on to the Unix socket of the server at `uri`.

    `cut_after_commits(n)` lets it break off the next n connections that commit: the server
    has committed then, and the client does not hear of it.
    """

    def __init__(self, uri: str) -> None:
        url = sa.make_url(uri)
        self._target = f"{url.query['host']}/.s.PGSQL.{url.port or 5432}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        query = {key: value for key, value in url.query.items() if key != "host"}
        moved = url.set(host=host, port=port, query=query)
        self.uri = moved.render_as_string(hide_password=False)
        self.cuts = 0
        self._left = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._listener.close()

    def cut_after_commits(self, number: int) -> None:
        with self._lock:
            self._left = number

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Pass on, in turns: PostgreSQL's protocol is question and answer."""
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        threading.Thread(target=self._answer, args=(server, client), daemon=True).start()
        with client, server, suppress(OSError):
            while data := client.recv(1 << 16):
                cut = COMMIT in data and self._cuts()
                if cut:
                    client.shutdown(socket.SHUT_WR)
                server.sendall(data)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def _cuts(self) -> bool:
        with self._lock:
            if not self._left:
                return False
            self._left -= 1
            self.cuts += 1
            return True
