"""The host as it really is: slow, broken, elsewhere, or not the one it says it is."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

import datagrepper
import pytest
from clock import Clock
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from datagrepper import RAW, SEARCH, Archive
from samples import message

from statscache.errors import HistoryAwayError, HistoryError, TooLongError
from statscache.history.host import Host


def host(url, **changes):
    settings = {"connections": 2, "timeout": 20, "maximum_bytes": 1 << 20, "now": Clock().now}
    return Host(url, **settings | changes)


def serve(fault=None, **changes):
    return datagrepper.Datagrepper(Archive([message()]), fault, **changes)


def test_it_answers_and_says_what_is_not_there():
    with serve(paths=[SEARCH]) as served:
        asked = host(served.url)
        assert b'"total":1' in asked.get(SEARCH, [("page", 1)])
        assert asked.get(RAW, []) is None
        path, query = served.asked[0]
        assert (path, query) == (SEARCH, {"page": ["1"]})


def test_one_connection_serves_many_questions():
    with serve() as served:
        asked = host(served.url)
        for _ in range(20):
            asked.get(SEARCH, [])
        assert served.connections == 1


def test_arguments_are_quoted():
    with serve() as served:
        host(served.url).get(SEARCH, [("topic", "a&b=ü"), ("topic", "c")])
        assert served.asked[0][1] == {"topic": ["a&b=ü", "c"]}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_away(status):
    def refuse(asked, answer):
        asked.send_page(status, "No")

    with serve(refuse) as served, pytest.raises(HistoryAwayError, match=f"answered {status}"):
        host(served.url).get(SEARCH, [])


@pytest.mark.parametrize("status", [400, 401, 403, 410, 414])
def test_a_refusal_names_the_setting(status):
    def refuse(asked, answer):
        asked.send_page(status, "No")

    with serve(refuse) as served, pytest.raises(HistoryError) as refused:
        host(served.url).get(SEARCH, [])
    assert not isinstance(refused.value, HistoryAwayError)
    assert f"({status})" in str(refused.value)
    assert "statscache.datagrepper.endpoint" in str(refused.value)


NOW = Clock().now()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
        *((odd, 0) for odd in ("-5", "soon", "", "7.5", "²", "Wed, 99 Foo 2026 00:00:00 GMT")),
    ],
)
def test_a_host_says_when_to_come_back_in_seconds_or_by_a_date(value, seconds):
    def busy(asked, answer):
        asked.send(503, b"", "text/plain", Retry_After=value)

    with serve(busy) as served, pytest.raises(HistoryAwayError) as away:
        host(served.url).get(SEARCH, [])
    assert away.value.retry_after == seconds


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status):
    def away(asked, answer):
        asked.send(status, b"", "text/html", Location=other.url + SEARCH)

    with serve() as other, serve(away) as served:
        with pytest.raises(HistoryError, match=f"to {other.url}.*endpoint"):
            host(served.url).get(SEARCH, [])
        assert other.asked == []


@pytest.mark.parametrize("fault", ["cut", "silent"])
def test_a_connection_that_breaks_is_no_answer(fault):
    with serve(fault) as served:
        asked = host(served.url)
        with pytest.raises(HistoryAwayError, match="no answer"):
            asked.get(SEARCH, [])
        assert asked.get(SEARCH, [])


@pytest.mark.parametrize("fault", ["cut", "torn", "silent", "bad_gateway", "elsewhere", "empty"])
def test_a_connection_is_given_back_whatever_came(fault):
    with serve(fault, times=3) as served:
        asked = host(served.url, connections=1, maximum_bytes=100)
        for path in [SEARCH, SEARCH, SEARCH, "/nowhere", "/nowhere", SEARCH, SEARCH]:
            with suppress(HistoryError):
                asked.get(path, [])
        assert len(served.asked) == 7


def test_nobody_there_is_no_answer():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(HistoryAwayError, match=r"no answer.*refused"):
            host(f"http://127.0.0.1:{taken.getsockname()[1]}").get(SEARCH, [])


@pytest.mark.parametrize(("fault", "said"), [("slow", "timed out"), ("dripping", "within 0.2 s")])
def test_an_answer_that_takes_too_long_is_none(fault, said):
    with serve(fault) as served, pytest.raises(HistoryAwayError, match=said):
        Host(served.url, connections=1, timeout=0.2, maximum_bytes=1 << 20).get(SEARCH, [])


def test_an_answer_that_is_too_long_is_not_read():
    with serve() as served, pytest.raises(TooLongError, match="more than 100 bytes"):
        host(served.url, maximum_bytes=100).get(SEARCH, [])


def test_a_password_in_the_address_is_neither_sent_nor_told():
    assert host("https://ada:secret@example.org/datagrepper").base == (
        "https://example.org/datagrepper"
    )


def certificate(folder, name):
    """A server's context with a self-signed certificate for `name`, and its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path


LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path):
    context, _ = certificate(tmp_path, LOOPBACK)
    with serve(context=context) as served, pytest.raises(HistoryError) as refused:
        host(served.url).get(SEARCH, [])
    assert not isinstance(refused.value, HistoryAwayError)
    assert "self-signed certificate" in str(refused.value)
    assert "SSL_CERT_FILE" in str(refused.value)
    assert served.asked == []


def test_an_authority_of_ones_own_is_trusted_once_it_is_named(tmp_path, monkeypatch):
    context, path = certificate(tmp_path, LOOPBACK)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with serve(context=context) as served:
        assert host(served.url).get(SEARCH, [])


def test_the_certificate_of_another_host_is_not_trusted(tmp_path, monkeypatch):
    context, path = certificate(tmp_path, x509.DNSName("elsewhere.example.org"))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with serve(context=context) as served, pytest.raises(HistoryError, match="mismatch"):
        host(served.url).get(SEARCH, [])
