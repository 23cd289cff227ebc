"""The one host that keeps the history: a question, an answer, and never a step beyond it."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from email.utils import mktime_tz, parsedate_tz
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from ..errors import HistoryAwayError, HistoryError, TooLongError
from ..text import one_line

ENDPOINT = "statscache.datagrepper.endpoint"

CONNECT = 10.0
"""Seconds that making a connection may take."""

CHUNK = 1 << 18
"""Bytes that are read at once, at the most."""

PASSING = frozenset({408, 425, 429})
"""Refusals that pass, as all from 500 on do."""

Query = Sequence[tuple[str, str | int]]


def public(url: str) -> str:
    """`url` without the name and the password that may stand in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class Host:
    """Answers to GET requests below a base URL; certificates are verified. Threads may share it.

    `requests` is how many were made.

    Args:
        base: such as `https://apps.fedoraproject.org/datagrepper`, without a slash at its end.
        connections: to the host at the same time, at the most.
        timeout: seconds that an answer may take, from the question to its last byte.
        maximum_bytes: of an answer.
        now: epoch seconds.
    """

    def __init__(
        self,
        base: str,
        *,
        connections: int,
        timeout: float,
        maximum_bytes: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.base = public(base)
        self.requests = 0
        self._counting = threading.Lock()
        self._timeout = timeout
        self._maximum_bytes = maximum_bytes
        self._now = now
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=connections,
            block=True,
            cert_reqs=ssl.CERT_REQUIRED,
            # Whoever has no preference is sent HTML, and the type asked for is the type sent.
            headers={"Accept": "application/json", "User-Agent": "statscache"},
        )

    def get(self, path: str, query: Query) -> bytes | None:
        """The body of the answer, or None where there is no such `path` (404).

        Raises:
            HistoryAwayError: no answer, a broken one, or one that says to come back.
            HistoryError: a refusal, a redirect, or a certificate that cannot be trusted.
            TooLongError: more than `maximum_bytes`.
        """
        url = self.base + path
        with self._counting:
            self.requests += 1
        try:
            response = self._pool.request(
                "GET",
                f"{url}?{urlencode(query)}",
                redirect=False,
                retries=False,
                preload_content=False,
                pool_timeout=self._timeout,
                timeout=urllib3.Timeout(connect=min(CONNECT, self._timeout), read=self._timeout),
            )
        except HTTPError as error:
            raise self._failure(url, error) from None
        try:
            if response.status == 200:
                return self._read(url, response)
            if response.status != 404:
                raise self._refusal(url, response)
            return None
        except HTTPError as error:
            raise self._failure(url, error) from None
        finally:
            # Left open for the next question only where nothing of this answer can still come.
            response.close()
            response.release_conn()

    def _read(self, url: str, response: BaseHTTPResponse) -> bytes:
        """The whole body. Each byte may be in time and all together too late, so both count."""
        deadline = self._now() + self._timeout
        parts, length = [], 0
        while part := response.read1(CHUNK, decode_content=False):
            parts.append(part)
            length += len(part)
            if length > self._maximum_bytes:
                raise TooLongError(f"{url}: an answer of more than {self._maximum_bytes} bytes")
            if self._now() > deadline:
                raise HistoryAwayError(f"no whole answer within {self._timeout:g} s")
        response.release_conn()
        return b"".join(parts)

    def _refusal(self, url: str, response: BaseHTTPResponse) -> HistoryError:
        status = response.status
        if status >= 500 or status in PASSING:
            pause = self._retry_after(response.headers.get("Retry-After"))
            return HistoryAwayError(f"it answered {status}", pause)
        if 300 <= status < 400:
            target = urljoin(url, response.headers.get("Location", ""))
            return HistoryError(
                f"{url}: sends elsewhere, to {one_line(target)}, and no redirect is followed; "
                f"set {ENDPOINT} to the base URL of a datagrepper that answers itself"
            )
        return HistoryError(
            f"{url}: refused the question ({status}); "
            f"check that {ENDPOINT} names a datagrepper that may be asked from here"
        )

    def _retry_after(self, value: str | None) -> float:
        """Seconds from now; the header gives them, or a date (RFC 9110, section 10.2.3)."""
        if value and value.isascii() and value.isdigit():
            return float(value)
        date = parsedate_tz(value) if value else None
        return max(0.0, mktime_tz(date) - self._now()) if date else 0.0

    def _failure(self, url: str, error: HTTPError) -> HistoryError:
        reason = error.args[0] if error.args else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return HistoryError(
                f"{url}: its certificate cannot be trusted ({reason.verify_message}); "
                f"let SSL_CERT_FILE name the authority that signed it, or correct {ENDPOINT}"
            )
        return HistoryAwayError(f"no answer ({one_line(str(error))})")
