"""The table of well-known fields: where messages keep the accounts and packages they are about.

Compiled from what the services of Fedora, CentOS, Pagure and Anitya have sent since 2012. Left out
on purpose: names in running text, IRC nicknames (meetbot), binary packages (mdapi, signed RPMs),
scratch builds, and unix accounts (a message's own `username`, `commit.agent`).
"""

from __future__ import annotations

from typing import NamedTuple

from . import names
from .paths import Path, parse


class Fields(NamedTuple):
    """Where the messages of `event`, and of the events below it, keep their names."""

    event: str
    users: tuple[Path, ...]
    packages: tuple[Path, ...]


def fields(category: str, event: str) -> Fields:
    """The first row of `category` whose event fits `event`; `OTHERS` where there is none."""
    for row in TABLE.get(category, ()):
        if not row.event or f"{event}.".startswith(f"{row.event}."):
            return row
    return OTHERS


def _row(event: str = "", *, users: str = "", packages: str = "") -> Fields:
    return Fields(event, parse(users, names.accounts), parse(packages, names.packages))


OTHERS = _row(users="agent")
"""For categories and events that are not in the table: by convention `agent` acted."""

_IN_FEDORA = "packages.{distro==Fedora}.package_name"
_KOJI_BUILD = (
    "subject.{type==koji_build}.item:build {subject_type==koji_build}.subject_identifier:build"
)

# The notation of the paths is explained in paths.py.
TABLE: dict[str, tuple[Fields, ...]] = {
    "allpackages": (_row(users="username", packages="{namespace=rpms}.repo"),),
    "anitya": (
        _row(
            "project.map",
            users="message.agent",
            packages="message.{distro==Fedora}.new message.{distro==Fedora}.prev",
        ),
        _row(users="message.agent", packages=f"{_IN_FEDORA} message.{_IN_FEDORA}"),
    ),
    "ansible": (_row(users="userid"),),
    "askbot": (_row(users="agent newly_mentioned_users"),),
    "bodhi": (
        _row(
            "buildroot_override",
            users="agent override.submitter",
            packages="override.nvr:build override.build:build override.build.nvr:build",
        ),
        _row("masher.start", users="agent", packages="updates:title"),
        _row("stack", users="agent", packages="stack.packages.name"),
        _row(
            "update.comment",
            users="agent comment.author comment.user comment.update_submitter comment.update.user",
            packages="comment.update_title:title comment.update.{builds=}.title:title"
            " comment.update.builds.{type=rpm}.nvr:build",
        ),
        _row(
            users="agent update.user update.submitter",
            packages="update.{builds=}.title:title update.builds.{type=rpm}.nvr:build"
            " {ctype==rpm}.updates:build",
        ),
    ),
    "bugzilla": (
        _row(
            users="usernames event.who comment.author bug.creator",
            packages="bug.component:component",
        ),
    ),
    "buildsys": (
        _row("build", users="owner", packages="name"),
        _row("package", packages="package"),
        _row("rpm", packages="build.name"),
        _row("tag", users="owner user", packages="name"),
        _row("task", users="owner"),
        _row("untag", users="owner user", packages="name"),
    ),
    "ci": (
        _row(
            users="username artifact.issuer",
            packages="{namespace=rpms}.repo artifact.{type==koji-build}.component",
        ),
    ),
    "copr": (_row(users="user owner", packages="pkg:copr"),),
    "faf": (_row(users="maintainers", packages="components"),),
    "fas": (_row(users="agent user msg.agent msg.user"),),
    "fedbadges": (_row(users="user person.nickname"),),
    "fedora_elections": (_row(users="agent fas_user"),),
    "fedoracollege": (_row(users="username"),),
    "fedoratagger": (
        _row(
            users="user rating.user vote.user",
            packages="package.name rating.package.name vote.tag.package:tagged",
        ),
    ),
    "fmn": (_row(users="openid"),),
    "git": (
        _row("branch", users="agent", packages="name"),
        _row("lookaside", users="agent", packages="name"),
        _row("pkgdb2branch", users="agent", packages="branchedPackages unbranchedPackages"),
        _row("receive", users="agent commit.username", packages="commit.{namespace=rpms}.repo"),
    ),
    "github": (_row(users="fas_usernames.*"),),
    "greenwave": (_row(packages=_KOJI_BUILD),),
    "hotness": (
        _row(
            users="trigger.msg.owner",
            packages=f"trigger.msg.{_IN_FEDORA} trigger.msg.message.{_IN_FEDORA}"
            " trigger.msg.name trigger.msg.package.name trigger.msg.package_listing.package.name",
        ),
    ),
    "infragit": (_row(users="commit.username"),),
    "irc": (_row(users="agent recipient"),),
    "koschei": (_row("package", packages="name"),),
    "mbs": (_row(users="owner"),),
    "meetbot": (_row(),),
    "nagios": (_row(users="host_ack_author service_ack_author"),),
    "nuancier": (_row(users="agent candidate.submitter"),),
    "odcs": (_row(users="compose.owner"),),
    "openqa": (_row(users="user"),),
    "pagure": (
        _row(
            users="agent commit.email",
            packages="project.{namespace==rpms}.name pullrequest.project.{namespace==rpms}.name"
            " repo.{namespace==rpms}.name",
        ),
    ),
    "pkgdb": (
        _row(
            users="agent acl.fas_name username",
            packages="{namespace=rpms}.package package.{namespace=rpms}.name"
            " package_listing.package.{namespace=rpms}.name"
            " package_listings.package.{namespace=rpms}.name"
            " acl.packagelist.package.{namespace=rpms}.name"
            " action.info.{pkg_namespace=rpms}.pkg_name action.package.{namespace=rpms}.name"
            " info.{pkg_namespace=rpms}.pkg_name",
        ),
    ),
    "planet": (_row(users="username"),),
    "rats": (_row(users="agent", packages="pull_request.project.{namespace==rpms}.name"),),
    "summershum": (_row(users="original.agent", packages="original.name"),),
    "taskotron": (_row(packages="task.{type==koji_build}.item:build"),),
    "trac": (_row(users="agent commit.username page.author ticket.owner ticket.reporter"),),
    "waiverdb": (_row(users="username", packages=_KOJI_BUILD),),
    "wiki": (_row(users="user:wiki user_text:wiki"),),
}
