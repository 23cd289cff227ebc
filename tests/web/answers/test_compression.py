"""Compressed answers, whole ones and streams."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import pytest
from flask import Flask, Response

from statscache.web.answers.compression import LEAST, compress

from ..conftest import serving

LONG = "/api/builds-by-state-1h?rows_per_page=1000"
BODY = "a line of text\n" * 100


def fetch(client, url, encoding="gzip", **headers):
    return client.get(url, headers={"Accept-Encoding": encoding, **headers})


@pytest.mark.parametrize(
    "url", [LONG, f"{LONG}&format=csv", f"{LONG}&callback=f", "/api/?detail=1"]
)
def test_long_answers_come_smaller_and_say_the_same(client, url):
    plain, packed = client.get(url), fetch(client, url)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    assert packed.headers["Content-Length"] == str(len(packed.data))
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"]


def test_short_ones_come_as_they_are(client):
    answer = fetch(client, "/api/builds-by-state-1h?limit=1")
    assert len(answer.data) < LEAST
    assert "Content-Encoding" not in answer.headers


def test_long_problems_are_compressed_too(client):
    answer = fetch(client, f"/api/builds-by-state-1h?{'x' * 50}={'y' * 400}")
    assert answer.status_code == 400
    assert b'"argument"' in gzip.decompress(answer.data)


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("gzip", True),
        ("GZIP, deflate, br", True),
        ("*", True),
        ("identity;q=0.5, gzip;q=1.0", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("identity, gzip;q=0.5", False),
        ("br, zstd", False),
        ("", False),
    ],
)
def test_the_client_decides(client, accepted, wanted):
    answer = fetch(client, LONG, accepted)
    assert (answer.headers.get("Content-Encoding") == "gzip") == wanted
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_a_head_has_the_header_of_the_answer_and_no_body(client):
    whole = fetch(client, LONG)
    head = client.head(LONG, headers={"Accept-Encoding": "gzip"})
    assert head.data == b""
    for name in ("Content-Encoding", "Content-Length", "ETag", "Vary"):
        assert head.headers[name] == whole.headers[name]


def test_what_has_not_changed_has_no_body_to_compress(client):
    answer = fetch(client, LONG, **{"If-None-Match": client.get(LONG).headers["ETag"]})
    assert answer.status_code == 304
    assert answer.data == b""
    assert "Content-Encoding" not in answer.headers
    assert "Accept-Encoding" in answer.headers["Vary"]


class Streaming:
    """An application that streams `pieces`, and notes how many have been asked for."""

    def __init__(self, pieces: int, fails: bool = False, mimetype: str = "text/csv") -> None:
        self.made = 0
        self.closed = False
        self._pieces = pieces
        self._fails = fails
        app = Flask(__name__)
        app.add_url_rule("/", view_func=lambda: Response(self._stream(), mimetype=mimetype))
        app.after_request(compress)
        self.client = app.test_client()

    def _stream(self) -> Iterator[str]:
        try:
            for _ in range(self._pieces):
                self.made += 1
                yield BODY
            if self._fails:
                raise ZeroDivisionError
        finally:
            self.closed = True

    def get(self) -> Iterator[bytes]:
        answer = self.client.get("/", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "Content-Length" not in answer.headers
        self.answer = answer
        return iter(answer.response)


def test_a_stream_stays_one_and_its_first_piece_leaves_at_once():
    app = Streaming(3)
    pieces = app.get()
    unpacked = zlib.decompressobj(wbits=31)
    assert unpacked.decompress(next(pieces)) == BODY.encode()
    assert app.made == 1
    assert unpacked.decompress(b"".join(pieces)) == 2 * BODY.encode()
    assert unpacked.eof


def test_a_stream_that_breaks_off_is_no_whole_file():
    pieces, found = Streaming(3, fails=True).get(), list[bytes]()
    with pytest.raises(ZeroDivisionError):
        found.extend(pieces)
    with pytest.raises(EOFError):
        gzip.decompress(b"".join(found))


def test_a_stream_that_nobody_wants_any_more_is_closed():
    app = Streaming(3)
    next(app.get())
    assert not app.closed
    app.answer.close()
    assert app.closed


def test_pictures_are_left_alone():
    app = Streaming(3, mimetype="image/png")
    answer = app.client.get("/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    answer.close()


def test_an_export_comes_compressed(client, app):
    url = "/api/builds-by-state-1h/export.csv"
    plain, packed = client.get(url), fetch(client, url)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert serving(app).exports.acquire(blocking=False)
    serving(app).exports.release()
