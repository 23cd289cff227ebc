"""Answers compressed with gzip, as far as a client wants it; a stream stays one."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from flask import Response, request

LEAST = 500
"""Bytes: below, the answer fits into one packet anyway."""

LEVEL = 4
"""From 5 on it takes twice the time for a twentieth of the size."""

_GZIP = zlib.MAX_WBITS | 16
_BODILESS = (204, 304)
_LIVE = "text/event-stream"
"""Each event leaves at once, by itself."""

_ENDINGS = ("json", "javascript", "xml")


def compress(response: Response) -> Response:
    """The same answer, its body compressed where that is worth it and the client wants it.

    Its entity tag is weak and stays: it is of the rows, however they are packed.
    """
    response.vary.add("Accept-Encoding")
    if not (_is_wanted() and _is_worth_it(response)):
        return response
    response.content_encoding = "gzip"
    if response.is_streamed:
        whole = response.response
        if hasattr(whole, "close"):
            response.call_on_close(whole.close)
        response.response = _packed(response.iter_encoded())
        response.headers.pop("Content-Length", None)
    else:
        response.set_data(zlib.compress(response.get_data(), LEVEL, _GZIP))
    return response


def _is_wanted() -> bool:
    """Whether the client takes gzip, and does not like the plain answer better."""
    accepted = request.accept_encodings
    return 0 < accepted.quality("gzip") >= accepted.quality("identity")


def _is_worth_it(response: Response) -> bool:
    kind = response.mimetype or ""
    if response.status_code in _BODILESS or response.content_encoding or kind == _LIVE:
        return False
    if not (kind.startswith("text/") or kind.endswith(_ENDINGS)):
        return False
    if response.is_streamed:
        # A length that was given tells a whole answer from half of it.
        return response.content_length is None
    return len(response.get_data()) >= LEAST


def _packed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The first chunk leaves at once. What breaks off lacks the end, and is no whole file."""
    packer = zlib.compressobj(LEVEL, wbits=_GZIP)
    flush = zlib.Z_SYNC_FLUSH
    for chunk in chunks:
        packed = packer.compress(chunk)
        if flush:
            packed, flush = packed + packer.flush(flush), 0
        if packed:
            yield packed
    yield packer.flush()
