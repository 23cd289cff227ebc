"""Bodhi's updates, on messages shaped like those that it sent in 2012, and sends today."""

from __future__ import annotations

import pytest

from statscache.builtin.bodhi import bodhi
from statscache.history.topics import in_full
from statscache.plugins import Schedule

UPDATES, LATENCY = (plugin(Schedule(plugin.interval), {}) for plugin in bodhi)
STABLE = 1_767_225_600
"""2026-01-01 00:00:00 UTC"""

UPDATE = {
    "alias": "FEDORA-2026-02cd019281",
    "builds": [{"epoch": 0, "nvr": "nfs-ganesha-9.1-1.fc44", "release_id": 23, "type": "rpm"}],
    "date_submitted": "2025-12-25 12:00:00",
    "date_stable": None,
    "release": {"dist_tag": "f44", "id_prefix": "FEDORA", "name": "F44", "state": "current"},
    "status": "stable",
    "type": "security",
    "user": {"name": "ada"},
}


def message(event, msg):
    topic = f"org.fedoraproject.prod.bodhi.update.{event}"
    return {"topic": topic, "timestamp": STABLE, "msg_id": "a", "msg": msg}


def took(**changes):
    msg = {"agent": "composer", "update": {**UPDATE, **changes}}
    return list(LATENCY.count(message("complete.stable", msg)))


@pytest.mark.parametrize("event", ["request.testing", "request.unpush", "complete.stable"])
def test_updates_are_counted_by_what_became_of_them_and_by_type(event):
    one = message(event, {"agent": "ada", "update": UPDATE})
    assert list(UPDATES.count(one)) == [(event, "security")]


@pytest.mark.parametrize("msg", [{"update": {"title": "foo"}}, {"update": {"type": None}}, {}, []])
def test_an_update_without_a_type_is_unspecified_as_bodhi_says(msg):
    one = message("request.stable", msg)
    assert list(UPDATES.count(one)) == [("request.stable", "unspecified")]


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("2025-12-25 12:00:00", 561_600),
        ("2025-12-25T12:00:00Z", 561_600),
        ("2025-12-25T12:00:00.5+00:00", 561_599.5),
        (STABLE - 60.5, 60.5),
        (STABLE, 0),
    ],
)
def test_the_time_to_stable_begins_with_the_submission(date, seconds):
    assert took(date_submitted=date) == [("F44", "security", seconds)]


@pytest.mark.parametrize(
    "date", [None, "", "soon", True, [], STABLE + 1, -1, "2026-02-01 00:00:00", float("nan")]
)
def test_without_a_date_before_it_an_update_is_left_out(date):
    assert took(date_submitted=date) == []


def test_an_update_of_no_release_is_unspecified():
    for release in (None, {}, "F44", {"name": None}):
        assert took(release=release) == [("unspecified", "security", 561_600)]


def test_history_is_asked_for_their_topics_only():
    assert in_full(LATENCY.topics) == (
        "org.fedoraproject.prod.bodhi.update.complete.stable",
        "org.fedoraproject.stg.bodhi.update.complete.stable",
    )
    assert in_full(UPDATES.topics)
