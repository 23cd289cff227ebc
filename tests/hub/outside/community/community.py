"""Two statistics as the documentation shows how to write them."""

from __future__ import annotations

from datetime import timedelta

from statscache.plugins import Count

STATES = {0: "building", 1: "complete", 3: "failed"}


class BuildsByState(Count):
    """Koji builds entering each state."""

    name, by, interval = "builds by state", ("state",), timedelta(hours=1)
    topics = ("org.fedoraproject.prod.buildsys.build.state.change",)

    def count(self, message):
        yield STATES.get(message["msg"]["new"], "other")


class PushesByPerson(Count):
    """Pushes to each repository by each person."""

    name, by, interval = "pushes by person", ("person", "repository"), timedelta(seconds=5)
    topics = ("org.fedoraproject.*.git.receive",)

    def count(self, message):
        commit = message["msg"]["commit"]
        yield commit["username"], commit["repo"]
