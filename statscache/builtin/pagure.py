"""What people do in Pagure: tickets, pull requests, pushes, and what belongs to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from ..plugins import Count, topic_parts, users

Message = dict[str, Any]

NOBODY = "pagure"
"""Acts where Pagure does something by itself."""

WITH_PROJECT = ("pullrequest", "issue", "request")
"""What may hold the project where the message does not."""


def contributors(message: Message) -> frozenset[str]:
    """Who did what the message tells of; nobody set a flag, but a machine did."""
    if ".flag." in topic_parts(message).event:
        return frozenset()
    return users(message) - {NOBODY}


def project(message: Message) -> str | None:
    """`rpms/kernel`, `fedocal`: a fork is what it is a fork of, so that it names nobody."""
    msg = message.get("msg")
    if not isinstance(msg, dict):
        return None
    inner = [msg[name] for name in WITH_PROJECT if isinstance(msg.get(name), dict)]
    for found in (msg.get("project"), msg.get("repo"), *(one.get("project") for one in inner)):
        if isinstance(found, dict) and isinstance(found.get("name"), str):
            namespace = found.get("namespace")
            return f"{namespace}/{found['name']}" if namespace else found["name"]
    return None


class PagureContributions(Count):
    """What people did in Pagure: tickets, pull requests, comments, pushes, each act once.

    Flags are left out, which CI sets, and so is what Pagure does by itself.
    """

    name, interval = "pagure contributions", timedelta(days=1)
    topics = ("io.pagure.*", "org.fedoraproject.*.pagure.*")
    unit = "contributions"
    reads_only = True

    def count(self, message: Message) -> Iterable[Any]:
        return [()] if contributors(message) else []


class PagureContributionsByProject(PagureContributions):
    """What people did in Pagure, by project; what is about no project is left out.

    Forks count for the project that they are forks of.
    """

    name, by = "pagure contributions, by project", ("project",)

    def count(self, message: Message) -> Iterator[str]:
        found = project(message)
        if found and contributors(message):
            yield found


class PagureContributionsByUser(PagureContributions):
    """What people did in Pagure, by who did it."""

    name, by = "pagure contributions, by user", ("user",)
    personal = ("user",)

    def count(self, message: Message) -> Iterable[str]:
        return contributors(message)


pagure = [PagureContributions, PagureContributionsByProject, PagureContributionsByUser]
