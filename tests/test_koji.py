"""Koji's builds, on messages shaped like those of its plugin for the bus."""

from __future__ import annotations

import pytest

from statscache.builtin.koji import koji
from statscache.history.topics import in_full
from statscache.plugins import Schedule

HOURLY, DAILY = (plugin(Schedule(plugin.interval), {}) for plugin in koji)
BUILD = {
    "attribute": "state",
    "build_id": 612_324,
    "epoch": None,
    "instance": "primary",
    "name": "ansible",
    "new": 1,
    "old": 0,
    "owner": "ada",
    "release": "1.fc44",
    "task_id": 8_973_154,
    "version": "1.8.3",
}


def found(msg):
    topic = "org.fedoraproject.prod.buildsys.build.state.change"
    one = {"topic": topic, "timestamp": 1_767_225_600, "msg_id": "a", "msg": msg}
    assert list(HOURLY.count(one)) == list(DAILY.count(one))
    return list(DAILY.count(one))


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (0, "building"),
        (1, "complete"),
        (2, "deleted"),
        (3, "failed"),
        (4, "canceled"),
        (5, "other"),
        (-1, "other"),
        (True, "other"),
        ("1", "other"),
        (None, "other"),
    ],
)
def test_states_have_koji_s_names(number, state):
    assert found({**BUILD, "new": number}) == [("fc44", state)]


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("1.fc44", "fc44"),
        ("0.3.rc1.fc43", "fc43"),
        ("2.20260101git1a2b3c4.fc44.1", "fc44"),
        ("1.el7", "el7"),
        ("3.el10_1", "el10"),
        ("1.module_el8+1234+5678abcd", "el8"),
        ("1.eln152", "eln"),
        ("20260101.0", "other"),
        ("1.felix3", "other"),
        ("", "other"),
        (None, "other"),
        (7, "other"),
    ],
)
def test_the_release_is_told_by_that_of_the_build(text, release):
    assert found({**BUILD, "release": text}) == [(release, "complete")]


def test_secondary_instances_build_the_same_once_more_and_are_left_out():
    assert found({**BUILD, "instance": "s390"}) == []
    assert found({"new": 3, "release": "1.fc18"}) == [("fc18", "failed")]


def test_history_is_asked_for_its_topics_only():
    assert in_full(DAILY.topics) == tuple(sorted(DAILY.topics))
