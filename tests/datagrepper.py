"""A stand-in for datagrepper 1.1.0: real HTTP on loopback, with its pitfalls, and faults to order.

What it does is what the real one was seen to do; `golden/datagrepper` holds what its answers
look like.
"""

from __future__ import annotations

import html
import json
import ssl
import sys
import threading
import time
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import orjson

PREFIX = "/datagrepper"
SEARCH, RAW = "/v2/search", "/raw"

Message = dict[str, Any]


class BadRequestError(Exception):
    """What is answered with 400."""


class Row(NamedTuple):
    """A message as the archive keeps it: `time` in epoch seconds, with microseconds."""

    time: float
    id: str
    topic: str
    search: bytes
    raw: Message


class Answer(NamedTuple):
    rows: list[bytes]
    total: int
    pages: int
    arguments: Mapping[str, Any]

    def encode(self) -> bytes:
        counts = {"total": self.total, "pages": self.pages, "count": len(self.rows)}
        rest = orjson.dumps(counts | {"arguments": self.arguments})
        return b'{"raw_messages":[' + b",".join(self.rows) + b"]," + rest[1:]


class Archive:
    """Messages in the order of their time. Any thread may add to it."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._rows: list[Row] = []
        self._times: list[float] = []
        self._seen: set[tuple[str, float]] = set()
        self._lock = threading.Lock()
        self.add(*messages)

    def add(self, *messages: Message) -> None:
        """Keep what was sent, in fedmsg's shape. An id may come again at another time."""
        made = (_row(message) for message in messages)
        with self._lock:
            for row in made:
                if (row.id, row.time) not in self._seen:
                    self._seen.add((row.id, row.time))
                    self._rows.append(row)
            self._rows.sort(key=lambda row: row.time)
            self._times = [row.time for row in self._rows]

    def search(self, path: str, query: Mapping[str, list[str]], shuffle: Random) -> Answer:
        first = {name: values[0] for name, values in query.items()}
        start, end, delta = _timerange(*(first.get(name) for name in ("start", "end", "delta")))
        page, rows_per_page = int(first.get("page", 1)), int(first.get("rows_per_page", 25))
        order, topics = first.get("order", "desc"), query.get("topic", [])
        if page < 1:
            raise BadRequestError("page must be > 0")
        if rows_per_page > 100:
            raise BadRequestError("rows_per_page must be <= 100")
        if order not in ("asc", "desc"):
            raise BadRequestError("order must be either 'desc' or 'asc'")
        if rows_per_page < 0:
            raise ValueError("LIMIT must not be negative")
        with self._lock:
            found = self._between(start, end) if start and end else self._rows
        if topics:
            found = [row for row in found if row.topic in topics]
        shown = found
        if rows_per_page:
            shown = _slice(found, (page - 1) * rows_per_page, rows_per_page, order, shuffle)
        arguments = {
            "start": start,
            "delta": delta,
            "end": end,
            **{key: [] for key in ("users", "packages", "categories")},
            "topics": topics,
            "contains": [],
            **{f"not_{key}": [] for key in ("users", "packages", "categories", "topics")},
            "page": page,
            "rows_per_page": rows_per_page,
            "order": order,
            "meta": [],
        }
        pages = -(-len(found) // rows_per_page) if rows_per_page else 1
        render = _raw if path == RAW else _search
        return Answer([render(row) for row in shown], len(found), pages, arguments)

    def _between(self, start: float, end: float) -> list[Row]:
        """Both ends are included."""
        return self._rows[bisect_left(self._times, start) : bisect_right(self._times, end)]


def _slice(rows: list[Row], offset: int, number: int, order: str, shuffle: Random) -> list[Row]:
    """A page. Messages of the same time come in any order, and another one for each page."""
    if order == "desc":
        rows = rows[::-1]
    wanted = rows[offset : offset + number]
    if not wanted:
        return []
    sign = -1 if order == "desc" else 1
    first = bisect_left(rows, sign * wanted[0].time, key=lambda row: sign * row.time)
    last = bisect_right(rows, sign * wanted[-1].time, key=lambda row: sign * row.time)
    same = rows[first:last]
    shuffle.shuffle(same)
    same.sort(key=lambda row: sign * row.time)
    return same[offset - first : offset - first + number]


def _timerange(
    start: str | None, end: str | None, delta: str | None
) -> tuple[float | None, float | None, float | None]:
    """The range that datagrepper makes of what was asked: an end alone starts at 0."""
    numbers = [None if text is None else float(text) for text in (start, end, delta)]
    first, last, length = numbers
    if first is None and last is None and length is None:
        return None, None, None
    if last is None:
        last = time.time() if first is None or length is None else first + length
    if first is None:
        first = 0 if length is None else last - length
        return first, last, length
    return first, last, last - first


def _row(message: Message) -> Row:
    """`message` as datanommer stores it: what has no time was sent now, what has no id gets one."""
    stamp = message.get("timestamp")
    sent = datetime.now(UTC) if stamp is None else datetime.fromtimestamp(stamp, UTC)
    name = message.get("msg_id") or f"{sent.year}-{uuid4()}"
    headers = dict(message.get("headers") or {})
    headers.setdefault("sent-at", sent.isoformat())
    search = {
        "body": message["msg"],
        "headers": headers,
        "id": name,
        "priority": headers.get("priority", 0),
        "queue": None,
        "topic": message["topic"],
    }
    raw = {
        "i": message.get("i", 0),
        "msg_id": name,
        "topic": message["topic"],
        "timestamp": sent.timestamp() // 1,
        "certificate": message.get("certificate"),
        "signature": message.get("signature"),
        "username": message.get("username"),
        "crypto": message.get("crypto"),
        "msg": message["msg"],
        "headers": message.get("headers"),
        "source_name": "datanommer",
        "source_version": "1.4.4",
        "users": [],
        "packages": [],
    }
    return Row(sent.timestamp(), name, message["topic"], _dumps(search), raw)


def _dumps(message: Message) -> bytes:
    try:
        return orjson.dumps(message)
    except TypeError:
        return json.dumps(message).encode()


def _search(row: Row) -> bytes:
    return row.search


def _raw(row: Row) -> bytes:
    return _dumps(row.raw)


class Datagrepper:
    """Serves an archive at `url` until it is closed.

    Args:
        fault: the name of one of `FAULTS`, or such a function.
        every: of how many questions one meets the fault.
        times: how often that question meets it, before it is answered.
        paths: what there is to ask; the rest is 404.
        before: called with the number of each request, from 1, before it is answered.
        restless: whether messages of the same time change their order with each request.
        context: for TLS.

    `asked` has the path and the arguments of each request.
    """

    def __init__(
        self,
        archive: Archive,
        fault: str | Fault | None = None,
        *,
        every: int = 1,
        times: float = 1,
        paths: Sequence[str] = (SEARCH, RAW),
        before: Callable[[int], None] | None = None,
        restless: bool = True,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.archive = archive
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.connections = 0
        self._fault = FAULTS[fault] if isinstance(fault, str) else fault
        self._every = every
        self._times = times
        self.paths = paths
        self._before = before
        self._restless = restless
        self._questions: dict[str, int] = {}
        self._met: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}{PREFIX}"

    def __enter__(self) -> Datagrepper:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._server.error:
            raise self._server.error

    def answer(self, asked: Asked) -> None:
        """Answer a request, or fail to."""
        with self._lock:
            self.asked.append((asked.path, asked.query))
            number = len(self.asked)
            nth = self._questions.setdefault(asked.question, len(self._questions))
            times = self._met[nth]
            self._met[nth] += 1
        if self._before:
            self._before(number)
        if asked.path not in self.paths:
            return asked.send_page(404, "Not Found")
        seed = asked.question.encode() + (str(number).encode() if self._restless else b"")
        try:
            answer = self.archive.search(asked.path, asked.query, Random(zlib.crc32(seed)))
        except BadRequestError as error:
            return asked.send_page(400, "Bad Request", str(error))
        except (ValueError, OverflowError):
            return asked.send_page(500, "Internal Server Error")
        if self._fault and times < self._times and nth % self._every == 0:
            return self._fault(asked, answer)
        if asked.accepted.startswith("text/html"):
            return asked.send_page(200, f"{answer.total} messages", answer.encode().decode())
        return asked.send(200, answer.encode(), asked.accepted)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    error: BaseException | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up, or does not trust the certificate, is no news; the rest is a bug."""
        error = sys.exception()
        if not isinstance(error, OSError):
            self.error = error


class Asked(BaseHTTPRequestHandler):
    """One request, and the ways to answer it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    datagrepper: Datagrepper

    def setup(self) -> None:
        super().setup()
        with self.datagrepper._lock:
            self.datagrepper.connections += 1

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.question = self.path
        self.path = parts.path.removeprefix(PREFIX).rstrip("/")
        self.query = parse_qs(parts.query, keep_blank_values=True)
        self.datagrepper.answer(self)

    @property
    def accepted(self) -> str:
        """The type that is asked for is the type that is sent."""
        accept = self.headers.get("Accept", "*/*")
        return "application/json" if accept == "*/*" else accept

    def send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.write(self.head(status, kind, Content_Length=str(len(body)), **headers) + body)

    def send_page(self, status: int, title: str, text: str = "", **headers: str) -> None:
        page = f"<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n"
        page += f"<h1>{title}</h1>\n<p>{html.escape(text)}</p>\n"
        self.send(status, page.encode(), "text/html; charset=utf-8", **headers)

    def head(self, status: int, kind: str, **headers: str) -> bytes:
        lines = [f"HTTP/1.1 {status} {self.responses[status][0]}", f"Content-Type: {kind}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def write(self, data: bytes) -> None:
        self.wfile.write(data)

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


def _handler(datagrepper: Datagrepper) -> type[Asked]:
    return type("AskedHere", (Asked,), {"datagrepper": datagrepper})


Fault = Callable[[Asked, Answer], None]
"""Answers a request in a way of its own."""


def bad_gateway(asked: Asked, answer: Answer) -> None:
    """As the proxy in front of the real one after 60 seconds."""
    asked.send_page(502, "Bad Gateway")


def server_error(asked: Asked, answer: Answer) -> None:
    asked.send_page(500, "Internal Server Error")


def busy(asked: Asked, answer: Answer) -> None:
    asked.send_page(503, "Service Unavailable", Retry_After="7")


def elsewhere(asked: Asked, answer: Answer) -> None:
    asked.send_page(302, "Found", Location="http://elsewhere.example.org/datagrepper/raw")


def cut(asked: Asked, answer: Answer) -> None:
    """The connection breaks in the middle of an answer whose length was told."""
    body = answer.encode()
    head = asked.head(200, asked.accepted, Content_Length=str(len(body)))
    asked.write(head + body[: len(body) // 2])
    asked.hang_up()


def torn(asked: Asked, answer: Answer) -> None:
    """The same, where the end of the connection is the end of the answer."""
    body = answer.encode()
    head = asked.head(200, asked.accepted, Connection="close")
    asked.write(head + body[: len(body) // 2])
    asked.hang_up()


def silent(asked: Asked, answer: Answer) -> None:
    asked.hang_up()


def slow(asked: Asked, answer: Answer) -> None:
    time.sleep(1)
    asked.send(200, answer.encode(), asked.accepted)


def dripping(asked: Asked, answer: Answer) -> None:
    """Byte for byte, each in time, for two seconds."""
    body = answer.encode()
    asked.write(asked.head(200, asked.accepted, Content_Length=str(len(body))))
    for byte in body[:40]:
        asked.write(bytes([byte]))
        time.sleep(0.05)
    asked.hang_up()


def empty(asked: Asked, answer: Answer) -> None:
    asked.send(200, b"", asked.accepted)


def maintenance(asked: Asked, answer: Answer) -> None:
    asked.send_page(200, "Down for maintenance")


def null(asked: Asked, answer: Answer) -> None:
    asked.send(200, b"null", asked.accepted)


def error_in_json(asked: Asked, answer: Answer) -> None:
    asked.send(200, b'{"error":"canceling statement","arguments":{}}', asked.accepted)


def half_a_page(asked: Asked, answer: Answer) -> None:
    _changed(asked, answer._replace(rows=answer.rows[: len(answer.rows) // 2]))


def total_too_high(asked: Asked, answer: Answer) -> None:
    _changed(asked, answer._replace(total=answer.total + 1))


def total_too_low(asked: Asked, answer: Answer) -> None:
    _changed(asked, answer._replace(total=max(0, answer.total - 1)))


def total_far_too_high(asked: Asked, answer: Answer) -> None:
    _changed(asked, answer._replace(total=10**12))


def rows_twice(asked: Asked, answer: Answer) -> None:
    """The number is right, but some are there twice, and some are not."""
    half = answer.rows[: len(answer.rows) // 2]
    _changed(asked, answer._replace(rows=(half * 3)[: len(answer.rows)]))


def page_before(asked: Asked, answer: Answer) -> None:
    """What a cache has kept of the page before, or of another range."""
    page = max(1, int(answer.arguments["page"]) - 1)
    start = answer.arguments["start"] + (page == answer.arguments["page"])
    query = asked.query | {"page": [str(page)], "start": [str(start)]}
    _changed(asked, asked.datagrepper.archive.search(asked.path, query, Random(0)))


def _changed(asked: Asked, answer: Answer) -> None:
    asked.send(200, answer.encode(), asked.accepted)


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        *(bad_gateway, server_error, busy, elsewhere, cut, torn, silent, slow, dripping, empty),
        *(maintenance, null, error_in_json, half_a_page, total_too_high, total_too_low),
        *(total_far_too_high, rows_twice, page_before),
    )
}
