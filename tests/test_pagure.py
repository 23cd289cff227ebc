"""The statistics of Pagure, on messages shaped like those of its services."""

from __future__ import annotations

import pytest

from statscache.builtin.pagure import pagure
from statscache.plugins import Schedule

ALL, BY_PROJECT, BY_USER = (plugin(Schedule(plugin.interval), {}) for plugin in pagure)

TICKETS = {"name": "releng", "namespace": None, "fullname": "releng", "url_path": "releng"}
KERNEL = {"name": "kernel", "namespace": "rpms", "fullname": "rpms/kernel", "parent": None}
FORK = {**KERNEL, "fullname": "forks/eve/rpms/kernel", "parent": KERNEL, "user": {"name": "eve"}}
OLD = {"name": "fedocal", "user": {"name": "ada", "fullname": "Ada", "emails": []}}

DIST_GIT = "org.fedoraproject.prod.pagure"
CASES = [
    # topic, msg, project
    ("io.pagure.prod.pagure.issue.new", {"issue": {"id": 1}, "project": TICKETS}, "releng"),
    ("io.pagure.prod.pagure.project.new", {"project": OLD}, "fedocal"),
    (f"{DIST_GIT}.pull-request.comment.added", {"pullrequest": {"project": KERNEL}}, "rpms/kernel"),
    (f"{DIST_GIT}.git.receive", {"repo": KERNEL, "branch": "rawhide"}, "rpms/kernel"),
    (f"{DIST_GIT}.project.forked", {"project": FORK}, "rpms/kernel"),
    (f"{DIST_GIT}.request.assigned.added", {"request": {"project": KERNEL}}, "rpms/kernel"),
    ("io.pagure.prod.pagure.group.edit", {"group": {"name": "releng"}}, None),
]


def message(topic, msg):
    return {"topic": topic, "timestamp": 1_767_225_600, "msg_id": "a", "msg": msg}


def found(plugin, one):
    return list(plugin.count(one))


@pytest.mark.parametrize(("topic", "msg", "project"), CASES)
def test_an_act_counts_once_for_its_project_and_for_who_did_it(topic, msg, project):
    one = message(topic, {"agent": "ada", **msg})
    assert found(ALL, one) == [()]
    assert found(BY_PROJECT, one) == ([project] if project else [])
    assert found(BY_USER, one) == ["ada"]


@pytest.mark.parametrize(
    ("event", "agent"),
    [
        ("pull-request.flag.added", "zuul"),
        ("commit.flag.updated", "ada"),
        ("pull-request.updated", "pagure"),
        ("pull-request.updated", None),
    ],
)
def test_flags_and_what_pagure_does_by_itself_are_no_contributions(event, agent):
    one = message(f"{DIST_GIT}.{event}", {"agent": agent, "pullrequest": {"project": KERNEL}})
    assert [found(plugin, one) for plugin in (ALL, BY_PROJECT, BY_USER)] == [[], [], []]


def test_they_want_the_messages_of_every_pagure(make_engine):
    engine = make_engine(*pagure)
    for statistic in engine.registry.enabled.values():
        assert statistic.wants("io.pagure.prod.pagure.issue.new")
        assert statistic.wants("org.fedoraproject.stg.pagure.git.receive")
        assert not statistic.wants("org.fedoraproject.prod.git.receive")
