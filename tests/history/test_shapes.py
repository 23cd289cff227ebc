from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from samples import NOW, message

from statscache.errors import RefusedError
from statscache.history import as_fedmsg
from statscache.message import entry, message_id
from statscache.plugins import packages, users

GOLDEN = Path(__file__).parent.parent / "golden" / "datagrepper"
NAME = "7e1a2f1c-3b52-4a0e-9d2f-0f3f6a5f1c11"


def recorded(name):
    return json.loads((GOLDEN / name).read_text())


def sent(**changes):
    """A message as fedora-messaging writes it."""
    return {
        "topic": "org.fedoraproject.prod.a.b",
        "body": {"x": 1},
        "id": NAME,
        "headers": {"sent-at": "2026-01-01T00:00:00+00:00"},
        **changes,
    }


def test_what_datagrepper_finds_is_what_was_sent():
    build, push = recorded("messages.json")
    found = [as_fedmsg(one) for one in recorded("search.json")["raw_messages"]]
    # It does not tell `i` and `username`, and gives the time as a header to all.
    assert found[0] == {key: value for key, value in build.items() if key != "i"}
    shown = {"headers": {"sent-at": "2026-01-01T00:01:00.250000+00:00"}}
    del push["i"], push["username"]
    assert found[1] == push | shown


def test_what_datagrepper_gives_in_the_old_way_is_what_was_sent_to_the_second():
    build, push = recorded("messages.json")
    found = [as_fedmsg(one) for one in recorded("raw.json")["raw_messages"]]
    assert found == [build, push | {"timestamp": 1767225660}]


def test_a_message_of_the_bus_stays_as_it_is_but_for_its_signature():
    signed = message() | {"certificate": "x", "signature": "y", "crypto": "x509", "meta": {}}
    assert as_fedmsg(signed) == message()


def test_a_message_that_says_nothing_is_still_one():
    assert as_fedmsg({"topic": "a", "timestamp": 5}) == {"topic": "a", "msg": None, "timestamp": 5}


def test_what_is_given_is_not_changed():
    given = [sent(), message(), *recorded("raw.json")["raw_messages"]]
    before = copy.deepcopy(given)
    for one in given:
        as_fedmsg(one)["x"] = 1
    assert given == before


def test_people_and_packages_are_read_from_the_headers_of_either_shape():
    for name in ("search.json", "raw.json"):
        build = as_fedmsg(recorded(name)["raw_messages"][0])
        assert (users(build), packages(build)) == ({"ada"}, {"kernel"})


@pytest.mark.parametrize(
    ("sent_at", "timestamp"),
    [
        ("2026-01-01T00:00:00+00:00", NOW),
        ("2026-01-01T00:00:00Z", NOW),
        ("2026-01-01T02:00:00+02:00", NOW),
        ("2026-01-01T00:00:00", NOW),
        ("2026-01-01T00:00:00.125+00:00", NOW + 0.125),
        ("1926-01-01T00:00:00+00:00", -1388534400),
        ("2126-01-01T00:00:00+00:00", 4922899200),
    ],
)
def test_the_time_is_that_of_the_header(sent_at, timestamp):
    made = as_fedmsg(sent(headers={"sent-at": sent_at}))
    assert made["timestamp"] == timestamp
    assert isinstance(made["timestamp"], int) == (timestamp == timestamp // 1)


@pytest.mark.parametrize("headers", [{}, {"sent-at": None}, {"sent-at": 5}, {"sent-at": "x"}, None])
def test_a_message_without_a_time_has_none(headers):
    assert "timestamp" not in as_fedmsg(sent(headers=headers))
    assert "timestamp" not in as_fedmsg(message(timestamp=None))


def test_a_bridge_makes_no_other_message_of_it():
    stamp = int(NOW)
    live = message_id(message(msg_id=f"2026-{NAME}"), stamp)
    bridged = message_id(message(msg_id=f"2025-{NAME}"), stamp)
    archived = [as_fedmsg(sent(id=NAME)), as_fedmsg(sent(id=f"2026-{NAME}"))]
    old = as_fedmsg(message(msg_id=f"2026-{NAME}", source_name="datanommer"))
    assert {live, bridged, *(message_id(one, stamp) for one in [*archived, old])} == {NAME}


def test_a_message_without_an_id_is_the_same_in_either_shape():
    live = message(msg_id=None)
    old = as_fedmsg({**live, "timestamp": float(live["timestamp"]), "source_name": "datanommer"})
    new = as_fedmsg(
        {
            "topic": live["topic"],
            "body": live["msg"],
            "headers": {"sent-at": "2025-12-31T23:59:00+00:00"},
        }
    )
    names = {entry(one, NOW, maximum_future=0, maximum_bytes=9999).id for one in (live, old, new)}
    assert len(names) == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        *((raw, "not a JSON object") for raw in (None, 5, "x", [], [message()])),
        *((message(topic=topic), "no topic") for topic in (None, "", 5, ["x"])),
        ({}, "no topic"),
        (sent(topic=None), "no topic"),
    ],
)
def test_what_is_no_message_is_refused(raw, reason):
    with pytest.raises(RefusedError) as refused:
        as_fedmsg(raw)
    assert refused.value.reason == reason
