"""Where signatures are checked, what is not authentic is refused and counted."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import fedmsg.crypto
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from harness import wait_until
from reckoning import volumes
from traffic import traffic

SERVICE = "shell-bus01.example.org"
"""The name of a certificate: a service on a host."""

ANOTHERS_TOPIC = "org.fedoraproject.prod.git.receive"
"""Only the git server may publish it."""


class Authority(NamedTuple):
    """Who vouches for the certificates of a bus."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


@pytest.mark.slow
def test_only_what_is_authentic_is_counted(bus, hub, tmp_path):
    ours = write_keys(tmp_path / "ours", new_authority("ours"))
    theirs = write_keys(tmp_path / "theirs", new_authority("theirs"))
    hub.configure(
        {
            "validate_signatures": True,
            "ca_cert_location": str(ours / "ca.crt"),
            "crl_location": None,
            "routing_policy": {ANOTHERS_TOPIC: ["git-bus01.example.org"]},
        }
    )
    hub.listen()
    bus.wait_for(subscribers=1)
    sent = [each for each in traffic(100, 6, time.time()) if each["topic"] != ANOTHERS_TOPIC]
    good = [sign(message, ours) for message in sent]
    bad = [
        sent[0],
        {**good[0], "msg": {"forged": True}},
        {**good[0], "signature": good[1]["signature"]},
        {**good[0], "topic": "org.fedoraproject.prod.forged"},
        sign(sent[0], theirs),
        sign({**sent[0], "topic": ANOTHERS_TOPIC}, ours),
    ]

    bus.send(*bad, *good, *bad)
    bus.send_frames(b"another.topic", json.dumps(good[0]).encode())

    wait_until(lambda: hub.journaled("SELECT number FROM refused") == [2 * len(bad) + 1])
    wait_until(lambda: hub.volumes("volume-1s") == volumes(good, "volume-1s"))
    assert hub.journaled("SELECT reason FROM refused") == ["not authentic"]
    (line,) = hub.complaints
    assert line.startswith(
        "WARNING statscache.engine.intake: a message was refused: not authentic: "
    )


def new_authority(name: str) -> Authority:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    builder = certificate(name, key).issuer_name(subject(name))
    authority = x509.BasicConstraints(ca=True, path_length=0)
    signed = builder.add_extension(authority, critical=True).sign(key, hashes.SHA256())
    return Authority(key, signed)


def write_keys(folder, authority):
    """A directory as fedmsg wants it: the authority, and the key and certificate of SERVICE."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    builder = certificate(SERVICE, key).issuer_name(authority.certificate.subject)
    signed = builder.sign(authority.key, hashes.SHA256())
    folder.mkdir()
    (folder / "ca.crt").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (folder / f"{SERVICE}.crt").write_bytes(signed.public_bytes(Encoding.PEM))
    (folder / f"{SERVICE}.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return folder


def certificate(name, key) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def subject(name) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def sign(message, ssldir):
    """A copy as fedmsg publishes it."""
    return fedmsg.crypto.sign(dict(message), ssldir=str(ssldir), certname=SERVICE)
