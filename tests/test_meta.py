"""The door to fedmsg.meta, walked with a small package of processors built here.

`fedmsg.meta` keeps its processors in a global, so each walk is a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from textwrap import dedent

import pytest

from statscache.meta import processors_in

PROCESSORS = """
from fedmsg.meta.base import BaseProcessor


class Library(BaseProcessor):
    __name__ = "library"
    __description__ = __obj__ = "the lending library"
    __link__ = __docs__ = "https://library.example.org"

    def usernames(self, msg, **config):
        return {msg["msg"].pop("reader"), None, "", config["librarian"]}


class Builds(Library):
    __name__ = "buildsys"


class Kitchen(Library):
    __name__ = "kitchen"

    def usernames(self, msg, **config):
        return {msg["msg"]["cook"]}

    def packages(self, msg, **config):
        return set()
"""

WALK = """
import json, sys, warnings
warnings.simplefilter("ignore")
from statscache import meta
from statscache.plugins import subjects

subjects.ask(meta.source({"topic_prefix": "org.example", "librarian": "grace"}))
for message in json.load(sys.stdin):
    answer = sorted(subjects.users(message)), sorted(subjects.packages(message)), message["msg"]
    print(json.dumps(answer))
"""


@pytest.fixture
def ask(tmp_path):
    """What users and packages give in a process where the processors are installed."""
    (tmp_path / "library_meta.py").write_text(PROCESSORS)
    info = tmp_path / "library_meta-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: library-meta\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        dedent(
            """
            [fedmsg.meta]
            library = library_meta:Library
            builds = library_meta:Builds
            kitchen = library_meta:Kitchen
            """
        )
    )

    def walk(topic, msg):
        path = os.pathsep.join([str(tmp_path), *sys.path])
        message = {"topic": f"org.example.prod.{topic}", "msg": msg, "username": "apache"}
        run = subprocess.run(
            [sys.executable, "-c", WALK],
            input=json.dumps([message]),
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        users, packages, msg_afterwards = json.loads(run.stdout)
        assert msg_afterwards == msg
        return users, packages

    return walk


def test_a_processor_is_asked_with_the_configuration(ask):
    users, _ = ask("library.lent", {"reader": "ada", "agent": "edsger"})

    assert users == ["ada", "grace"]


def test_what_a_processor_does_not_answer_is_left_to_the_table(ask):
    users, packages = ask("buildsys.tag", {"reader": "ada", "owner": "edsger", "name": "cairo"})

    assert users == ["ada", "grace"]
    assert packages == ["cairo"]


def test_a_processor_that_fails_leaves_the_message_to_the_table(ask):
    users, _ = ask("kitchen.opened", {"agent": "ada"})

    assert users == ["ada"]


def test_a_message_that_no_processor_handles_is_left_to_the_table(ask):
    assert ask("git.lookaside.new", {"agent": "ada", "name": "cairo"}) == (["ada"], ["cairo"])


def test_the_processors_of_fedmsg_itself_are_not_asked(ask):
    """They would give the unix account."""
    assert ask("logger.log", {"log": "apache was here"}) == ([], [])


def test_only_processors_that_fedmsg_does_not_bring_itself_count():
    own = EntryPoint("logger", "fedmsg.meta.logger:LoggerProcessor", "fedmsg.meta")
    other = EntryPoint("library", "library_meta:Library", "fedmsg.meta")

    assert not processors_in([])
    assert not processors_in([own])
    assert processors_in([own, other])
