"""Each row of the table of well-known fields, by messages written for it."""

from __future__ import annotations

from typing import Any

import pytest

from statscache.plugins.fields import OTHERS, TABLE, fields
from statscache.plugins.paths import find
from statscache.plugins.subjects import packages, topic_parts, users

RPM_BUILD = {"type": "koji_build", "item": "cairo-1.18-2.fc40"}
KOJI_SUBJECT = {"subject_type": "koji_build", "subject_identifier": "gzip-1.13-1.fc40"}
IN_FEDORA = [
    {"distro": "Fedora", "package_name": "cairo"},
    {"distro": "Debian", "package_name": "libcairo2"},
]

# Topic without "org.fedoraproject.prod.", the message's msg, its accounts, its packages.
CASES: list[tuple[str, Any, str, str]] = [
    (
        "allpackages.pipeline",
        {"username": "ada", "repo": "cairo", "namespace": "rpms"},
        "ada",
        "cairo",
    ),
    ("allpackages.pipeline", {"username": "ada", "repo": "tools", "namespace": "tests"}, "ada", ""),
    ("anitya.project.add", {"message": {"agent": "http://ada.id.fedoraproject.org/"}}, "ada", ""),
    ("anitya.project.add", {"message": {"agent": "ada@fedoraproject.org"}}, "ada", ""),
    ("anitya.project.add", {"message": {"agent": "ada@example.org"}}, "", ""),
    ("anitya.project.version.update", {"message": {"packages": IN_FEDORA}}, "", "cairo"),
    ("anitya.project.flag", {"packages": IN_FEDORA}, "", "cairo"),
    (
        "anitya.project.map.update",
        {"message": {"agent": "ada", "distro": "Fedora", "new": "cairo", "prev": "libcairo"}},
        "ada",
        "cairo libcairo",
    ),
    ("anitya.project.map.new", {"message": {"distro": "Debian", "new": "libcairo2"}}, "", ""),
    ("ansible.playbook.start", {"userid": "ada", "playbook": "/srv/play.yml"}, "ada", ""),
    ("askbot.post.edit", {"agent": "ada", "newly_mentioned_users": ["grace"]}, "ada grace", ""),
    (
        "bodhi.buildroot_override.tag",
        {"agent": "grace", "override": {"submitter": {"name": "ada"}, "nvr": "cairo-1-2.el9"}},
        "ada grace",
        "cairo",
    ),
    ("bodhi.buildroot_override.tag", {"override": {"build": "cairo-1-2.el9"}}, "", "cairo"),
    ("bodhi.buildroot_override.tag", {"override": {"build": {"nvr": "cairo-1-2"}}}, "", "cairo"),
    (
        "bodhi.masher.start",
        {"agent": "releng", "updates": ["cairo-1.18-2.fc40", "gzip-1.13-1.fc40,sed-4.9-1.fc40"]},
        "releng",
        "cairo gzip sed",
    ),
    (
        "bodhi.stack.save",
        {"agent": "ada", "stack": {"packages": [{"name": "cairo"}, {"name": "gzip"}]}},
        "ada",
        "cairo gzip",
    ),
    (
        "bodhi.update.comment",
        {
            "agent": "grace",
            "comment": {
                "author": "grace",
                "update_submitter": "ada",
                "update_title": "cairo-1.18-2.fc40 gzip-1.13-1.fc40",
                "text": "thanks, @edsger",
            },
        },
        "ada grace",
        "cairo gzip",
    ),
    (
        "bodhi.update.comment",
        {
            "comment": {
                "user": {"name": "grace"},
                "update": {
                    "user": {"name": "ada"},
                    "builds": [
                        {"nvr": "cairo-1.18-2.fc40"},
                        {"nvr": "php-8-2024", "type": "module"},
                    ],
                },
            }
        },
        "ada grace",
        "cairo",
    ),
    (
        "bodhi.update.comment",
        {"comment": {"author": "anonymous", "update": {"title": "cairo-1.18-2.fc40"}}},
        "",
        "cairo",
    ),
    (
        "bodhi.update.request.testing",
        {"agent": "ada", "update": {"submitter": "grace", "title": "cairo-1.18-2.fc40, sed-4.9-1"}},
        "ada grace",
        "cairo sed",
    ),
    (
        "bodhi.update.complete.stable",
        {
            "update": {
                "user": {"name": "ada"},
                "title": "php-8-2024",
                "builds": [
                    {"nvr": "cairo-1.18-2.fc40", "type": "rpm"},
                    {"nvr": "php-8-2024", "type": "module"},
                ],
            }
        },
        "ada",
        "cairo",
    ),
    ("bodhi.update.edit", {"update": {"title": "a free title of-two-words"}}, "", ""),
    ("bodhi.compose.composing", {"ctype": "rpm", "updates": ["cairo-1.18-2.fc40"]}, "", "cairo"),
    ("bodhi.compose.composing", {"ctype": "module", "updates": ["php-8-2024"]}, "", ""),
    (
        "bugzilla.bug.update",
        {
            "event": {"who": "ada@fedoraproject.org"},
            "comment": {"author": "grace@fedoraproject.org"},
            "bug": {"component": "cairo", "creator": "edsger@fedoraproject.org", "cc": ["x@y.z"]},
            "usernames": ["barbara"],
        },
        "ada barbara edsger grace",
        "cairo",
    ),
    ("bugzilla.bug.new", {"bug": {"component": "Package Review"}}, "", ""),
    ("bugzilla.bug.new", {"bug": {"component": "distribution"}}, "", ""),
    ("buildsys.build.state.change", {"owner": "ada", "name": "cairo", "new": 1}, "ada", "cairo"),
    ("buildsys.build.state.change", {"owner": None, "name": "cairo", "new": 1}, "", "cairo"),
    ("buildsys.package.list.change", {"package": "cairo", "tag": "f40"}, "", "cairo"),
    ("buildsys.repo.init", {"tag": "f40-build"}, "", ""),
    (
        "buildsys.rpm.sign",
        {"rpm": {"name": "cairo-devel"}, "build": {"name": "cairo"}},
        "",
        "cairo",
    ),
    ("buildsys.tag", {"owner": "ada", "user": "bodhi", "name": "cairo"}, "ada bodhi", "cairo"),
    ("buildsys.task.state.change", {"owner": "ada", "srpm": "cairo-1-1.src.rpm"}, "ada", ""),
    ("buildsys.untag", {"owner": "ada", "user": "bodhi", "name": "cairo"}, "ada bodhi", "cairo"),
    ("ci.pipeline.complete", {"username": "ada", "repo": "cairo"}, "ada", "cairo"),
    ("ci.pipeline.complete", {"repo": "tools", "namespace": "container"}, "", ""),
    (
        "ci.koji-build.test.complete",
        {"artifact": {"type": "koji-build", "component": "cairo", "issuer": "ada"}},
        "ada",
        "cairo",
    ),
    (
        "copr.build.end",
        {"user": "ada", "owner": "grace", "pkg": "cairo-git-1.18-1.fc40"},
        "ada grace",
        "cairo-git",
    ),
    ("copr.build.end", {"user": "github.com:ada", "owner": "@python", "pkg": "sed"}, "", "sed"),
    ("faf.report.threshold1", {"components": ["cairo"], "maintainers": ["ada"]}, "ada", "cairo"),
    ("fas.group.member.sponsor", {"agent": "ada", "user": "grace"}, "ada grace", ""),
    (
        "fas.role.update",
        {"agent": {"username": "ada"}, "user": {"username": "grace"}},
        "ada grace",
        "",
    ),
    ("fas.user.create", {"msg": {"agent": "ada", "user": "grace"}}, "ada grace", ""),
    ("fedbadges.badge.award", {"user": {"username": "ada", "badges_user_id": 2}}, "ada", ""),
    ("fedbadges.person.rank.advance", {"person": {"nickname": "ada", "rank": 3}}, "ada", ""),
    ("fedora_elections.election.edit", {"agent": "ada", "fas_user": "grace"}, "ada grace", ""),
    ("fedoracollege.content.added", {"username": "ada", "title": "A title"}, "ada", ""),
    (
        "fedoratagger.tag.update",
        {"vote": {"user": {"username": "ada"}, "tag": {"package": "cairo"}}},
        "ada",
        "cairo",
    ),
    ("fedoratagger.tag.create", {"vote": {"tag": {"package": {"cairo": []}}}}, "", "cairo"),
    (
        "fedoratagger.rating.update",
        {"rating": {"user": {"username": "ada"}, "package": {"name": "cairo"}}},
        "ada",
        "cairo",
    ),
    (
        "fedoratagger.usage.toggle",
        {"user": {"username": "anonymous"}, "package": {"name": "cairo"}},
        "",
        "cairo",
    ),
    ("fedoratagger.user.rank.update", {"user": {"username": "ada", "rank": 2}}, "ada", ""),
    ("fmn.rule.update", {"openid": "ada.id.fedoraproject.org"}, "ada", ""),
    ("git.branch.cairo.f40", {"agent": "ada", "name": "cairo"}, "ada", "cairo"),
    ("git.lookaside.new", {"agent": "ada", "name": "rpms/cairo"}, "ada", "cairo"),
    ("git.mass_branch.complete", {"agent": "ada"}, "ada", ""),
    (
        "git.pkgdb2branch.complete",
        {"agent": "ada", "branchedPackages": ["cairo"], "unbranchedPackages": ["sed"]},
        "ada",
        "cairo sed",
    ),
    (
        "git.receive",
        {"agent": "grace", "commit": {"username": "ada", "agent": "git", "repo": "cairo"}},
        "ada grace",
        "cairo",
    ),
    ("git.receive", {"commit": {"repo": "cairo", "namespace": "tests"}}, "", ""),
    (
        "github.star",
        {"fas_usernames": {"adal": "ada", "some-org": "github_org_some-org"}, "sender": "x"},
        "ada",
        "",
    ),
    (
        "greenwave.decision.update",
        {"subject": [RPM_BUILD, {"type": "bodhi_update", "item": "FEDORA-2024-2-3"}]},
        "",
        "cairo",
    ),
    ("greenwave.decision.update", KOJI_SUBJECT, "", "gzip"),
    (
        "hotness.update.bug.followup",
        {"trigger": {"msg": {"owner": "ada", "name": "cairo"}}},
        "ada",
        "cairo",
    ),
    ("hotness.update.drop", {"trigger": {"msg": {"packages": IN_FEDORA}}}, "", "cairo"),
    (
        "hotness.update.drop",
        {"trigger": {"msg": {"message": {"packages": IN_FEDORA}}}},
        "",
        "cairo",
    ),
    ("hotness.project.map", {"trigger": {"msg": {"package": {"name": "cairo"}}}}, "", "cairo"),
    (
        "hotness.project.map",
        {"trigger": {"msg": {"agent": "ada", "package_listing": {"package": {"name": "cairo"}}}}},
        "",
        "cairo",
    ),
    ("infragit.receive", {"commit": {"username": "ada", "agent": "git", "repo": "x"}}, "ada", ""),
    ("irc.karma", {"agent": "ada", "recipient": "grace", "line": "edsger++"}, "ada grace", ""),
    ("koschei.package.state.change", {"name": "cairo", "new": "failing"}, "", "cairo"),
    ("koschei.collection.state.change", {"name": "f40", "new": "ok"}, "", ""),
    ("mbs.module.state.change", {"owner": "ada", "name": "php"}, "ada", ""),
    ("meetbot.meeting.start", {"owner": "nick", "attendees": {"nick": 2}}, "", ""),
    (
        "nagios.service.state.change",
        {"host_ack_author": "https://ada.id.fedoraproject.org/", "service_ack_author": "grace"},
        "ada grace",
        "",
    ),
    (
        "nuancier.candidate.new",
        {"agent": "ada", "candidate": {"submitter": "grace"}},
        "ada grace",
        "",
    ),
    ("odcs.compose.state-changed", {"compose": {"owner": "ada"}}, "ada", ""),
    ("openqa.comment.create", {"user": "ada", "text": "@grace please look"}, "ada", ""),
    (
        "pagure.project.new",
        {"agent": "ada", "project": {"name": "cairo", "namespace": "rpms"}},
        "ada",
        "cairo",
    ),
    ("pagure.project.new", {"agent": "ada", "project": {"name": "website"}}, "ada", ""),
    (
        "pagure.pull-request.new",
        {"agent": "ada", "pullrequest": {"project": {"name": "cairo", "namespace": "rpms"}}},
        "ada",
        "cairo",
    ),
    (
        "pagure.git.receive",
        {
            "commit": {"email": "ada@fedoraproject.org", "agent": "git"},
            "repo": {"name": "cairo", "namespace": "rpms"},
        },
        "ada",
        "cairo",
    ),
    (
        "pkgdb.acl.delete",
        {
            "agent": "ada",
            "username": "edsger",
            "acl": {"fas_name": "grace", "packagelist": {"package": {"name": "cairo"}}},
        },
        "ada edsger grace",
        "cairo",
    ),
    ("pkgdb.package.update", {"agent": ["ada"], "package": "cairo"}, "ada", "cairo"),
    ("pkgdb.package.new", {"package": {"name": "cairo", "namespace": "rpms"}}, "", "cairo"),
    ("pkgdb.package.new", {"package": {"name": "cairo", "namespace": "docker"}}, "", ""),
    ("pkgdb.acl.update", {"package_listing": {"package": {"name": "cairo"}}}, "", "cairo"),
    ("pkgdb.acl.user.remove", {"package_listings": [{"package": {"name": "cairo"}}]}, "", "cairo"),
    ("pkgdb.package.new.request", {"info": {"pkg_name": "cairo"}}, "", "cairo"),
    (
        "pkgdb.admin.action.status.update",
        {"action": {"info": {"pkg_name": "cairo"}, "package": {"name": "sed"}}},
        "",
        "cairo sed",
    ),
    ("planet.post.new", {"username": "ada", "name": "Ada L."}, "ada", ""),
    (
        "rats.test.pipeline",
        {"agent": "ada", "pull_request": {"project": {"name": "cairo", "namespace": "rpms"}}},
        "ada",
        "cairo",
    ),
    ("summershum.ingest.start", {"original": {"agent": "ada", "name": "cairo"}}, "ada", "cairo"),
    ("taskotron.result.new", {"task": RPM_BUILD}, "", "cairo"),
    ("taskotron.result.new", {"task": {"type": "bodhi_update", "item": "FEDORA-2024-2-3"}}, "", ""),
    (
        "trac.ticket.update",
        {"agent": "ada", "ticket": {"owner": "somebody", "reporter": "grace", "cc": "edsger"}},
        "ada grace",
        "",
    ),
    ("trac.ticket.new", {"ticket": {"owner": "ada"}}, "ada", ""),
    ("trac.wiki.page.new", {"page": {"author": "ada", "name": "Start"}}, "ada", ""),
    ("trac.git.receive", {"commit": {"username": "ada", "agent": "git"}}, "ada", ""),
    ("waiverdb.waiver.new", {"username": "ada", "subject": [RPM_BUILD]}, "ada", "cairo"),
    ("waiverdb.waiver.new", {"username": "ada", **KOJI_SUBJECT}, "ada", "gzip"),
    ("wiki.article.edit", {"user": "Ada", "title": "Main page"}, "ada", ""),
    ("wiki.upload.complete", {"user_text": "Ada", "user_id": 8}, "ada", ""),
    ("somewhere.new", {"agent": "ada", "user": "grace", "name": "x", "package": "y"}, "ada", ""),
]


@pytest.mark.parametrize(("topic", "msg", "accounts", "names"), CASES)
def test_a_message_gives_the_names_in_its_well_known_fields(topic, msg, accounts, names):
    message = {"topic": f"org.fedoraproject.prod.{topic}", "msg": msg, "username": "apache"}

    assert users(message) == set(accounts.split())
    assert packages(message) == set(names.split())


def test_no_path_of_the_table_goes_untested():
    paths = {path for rows in TABLE.values() for row in rows for path in row.users + row.packages}
    for topic, msg, _, _ in CASES:
        parts = topic_parts({"topic": f"org.fedoraproject.prod.{topic}"})
        row = fields(parts.category, parts.event)
        paths -= {path for path in row.users + row.packages if find([path], msg)}

    assert paths == set()


def test_every_row_of_the_table_is_reached():
    reached = set()
    for topic, *_ in CASES:
        parts = topic_parts({"topic": f"org.fedoraproject.prod.{topic}"})
        reached.add((parts.category, fields(parts.category, parts.event).event))

    assert reached >= {(category, row.event) for category, rows in TABLE.items() for row in rows}


def test_an_event_is_matched_by_whole_words():
    assert fields("buildsys", "tag") is not OTHERS
    assert fields("buildsys", "tags") is OTHERS
    assert fields("buildsys", "untag").event == "untag"


def test_the_first_row_that_fits_counts():
    assert fields("bodhi", "update.comment").event == "update.comment"
    assert fields("bodhi", "update.request.stable").event == ""
