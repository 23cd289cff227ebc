"""From a package to its users: updates, composes, and the tests on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .building import koji_tag
from .cast import Cast, Msg, Sent, fedora

WAITING = 9 * 86_400
"""Seconds that an update may have been in testing."""


def bodhi_update(c: Cast) -> list[Sent]:
    """An update is submitted, tested and, in the end, edited or asked to go somewhere."""
    end = c.rng.choice(("edit", "request.stable", "request.stable", "request.obsolete"))
    return [
        _bodhi(c, 0, "request.testing", agent=c.person),
        koji_tag(c, 5, "tag", "bodhi", f"{c.branch}-updates-testing-pending"),
        *(sent._replace(after=sent.after + 600) for sent in bodhi_comment(c)),
        _bodhi(c, 5000, end, agent=c.person),
    ]


def bodhi_comment(c: Cast) -> list[Sent]:
    """A tester's verdict, now and then the one that reaches the threshold."""
    karma = c.rng.choice((1, 1, 1, 0, -1))
    comment = {"anonymous": False, "author": c.other, "group": None, "karma": karma}
    comment |= {"text": "Works for me.", "timestamp": c.now, "update_title": c.nvr}
    verdict = fedora(0, "bodhi.update.comment", "apache", agent=c.other, comment=comment)
    if karma < 1 or c.number % 4:
        return [verdict]
    return [verdict, _bodhi(c, 1, "karma.threshold.reach", status="stable")]


def updates_push(c: Cast) -> list[Sent]:
    """One update of the nightly push: out of the pending tag, into the released one."""
    status, tag = c.rng.choice((("testing", "updates-testing"), ("stable", "updates")))
    return [
        koji_tag(c, 10, "tag", "bodhi", f"{c.branch}-{tag}"),
        koji_tag(c, 20, "untag", "bodhi", f"{c.branch}-updates-{status}-pending"),
        _bodhi(c, 60, f"complete.{status}", submitted=c.now - c.number % WAITING),
    ]


def _bodhi(c: Cast, after: float, event: str, submitted: float | None = None, **msg: Any) -> Sent:
    update = {
        "alias": f"FEDORA-{c.day[:4]}-{c.sha[:10]}",
        "bugs": [],
        "builds": [{"epoch": 0, "nvr": c.nvr, "signed": True}],
        "date_submitted": c.now if submitted is None else submitted,
        "karma": c.number % 4,
        "notes": f"Update to {c.version}.",
        "release": {"branch": c.branch, "id_prefix": "FEDORA", "name": c.branch.upper()},
        "status": "pending",
        "submitter": c.person,
        "title": c.nvr,
        "type": ("bugfix", "enhancement", "security", "newpackage")[c.number % 4],
        "user": {"name": c.person},
    }
    return fedora(after, f"bodhi.update.{event}", "apache", update=update, **msg)


def updates_sync(c: Cast) -> list[Sent]:
    """How the nightly push becomes repositories, and these reach the mirrors."""
    repo = {"agent": "releng", "ctype": "rpm", "repo": f"{c.branch}-updates"}
    steps = enumerate(("start", "composing", "sync.wait", "sync.done", "complete"))
    moved = {"bytes": f"{c.number / 1e5:.2f}M", "deleted": "0", "repo": "updates"}
    return [
        *(fedora(900 * n, f"bodhi.compose.{step}", None, **repo) for n, step in steps),
        fedora(4000, "bodhi.updates.fedora.sync", "ftpsync", **moved, release="43"),
        fedora(4300, "bodhi.updates.epel.sync", "ftpsync", **moved, release="10"),
    ]


def rawhide_compose(c: Cast) -> list[Sent]:
    return _compose(c, "rawhide", "rawhide", f"Fedora-Rawhide-{c.day}.n.0")


def branched_compose(c: Cast) -> list[Sent]:
    return _compose(c, "branched", "43", f"Fedora-43-{c.day}.n.0")


def _compose(c: Cast, series: str, branch: str, compose_id: str) -> list[Sent]:
    """A tree is made, for arm a little later, and tested by openQA."""
    where = {"compose_id": compose_id, "location": f"https://kojipkgs.example.org/{compose_id}"}
    end = c.rng.choice(("FINISHED", "FINISHED_INCOMPLETE", "FINISHED_INCOMPLETE", "DOOMED"))
    return [
        fedora(0, "pungi.compose.status.change", "root", **where, status="STARTED"),
        *_compose_steps(10, series, branch, ""),
        *_compose_steps(900, series, branch, "arm"),
        fedora(7300, "pungi.compose.status.change", "root", **where, status=end),
        *(sent._replace(after=sent.after + 7300) for _ in range(8) for sent in openqa_test(c)),
    ]


def _compose_steps(first: float, series: str, branch: str, arch: str) -> Iterator[Sent]:
    parts, ends = ("mash", "pungify", "image", "rsync"), ("start", "complete")
    steps = ("start", *(f"{part}.{end}" for part in parts for end in ends), "complete")
    for n, step in enumerate(steps):
        msg = {"arch": arch, "branch": branch, "log": "start" if "start" in step else "done"}
        yield fedora(first + 700 * n, f"compose.{series}.{step}", "root", **msg)


def openqa_test(c: Cast) -> list[Sent]:
    test = c.rng.choice(("install_default", "base_selinux", "desktop_browser", "upgrade_minimal"))
    job: Msg = {"ARCH": "x86_64", "BUILD": f"Fedora-Rawhide-{c.day}.n.0", "FLAVOR": "universal"}
    job |= {"MACHINE": "64bit", "TEST": test, "id": c.rng.randrange(10**6), "remaining": 23}
    result = c.rng.choice(("passed", "passed", "passed", "softfailed", "failed"))
    return [
        fedora(0, "openqa.job.create", "geekotest", **job),
        fedora(c.rng.uniform(300, 1500), "openqa.job.done", "geekotest", **job, result=result),
    ]


def centos_ci(c: Cast) -> list[Sent]:
    """The pipeline takes a commit, builds it and tests what it built."""
    failed = c.number % 6 == 0
    run: Msg = {"branch": c.branch, "build_id": str(c.number), "namespace": "rpms", "nvr": c.nvr}
    run |= {"ref": "x86_64", "repo": c.package, "rev": c.sha, "scratch": False}
    run |= {"build_url": f"https://jenkins.example.org/{c.number}", "username": c.person}
    run |= {"status": "FAILURE" if failed else "SUCCESS"}
    built = ("package.queued", "package.running", "package.complete")
    tested = ("package.test.functional.running", "package.test.functional.complete", "complete")
    topic = "org.centos.prod.ci.pipeline.allpackages-build"
    events = built if failed else built + tested
    return [Sent(200 * n, f"{topic}.{event}", None, run) for n, event in enumerate(events)]


def gating(c: Cast) -> list[Sent]:
    """A test result is filed; one that matters moves the gate, and may be waived."""
    outcome = c.rng.choice(("PASSED", "PASSED", "INFO", "FAILED"))
    data = {"item": [c.nvr], "type": ["koji_build"]}
    case = {"name": c.rng.choice(("dist.rpmdeplint", "dist.rpmlint", "dist.abicheck"))}
    subject = {"subject_identifier": c.nvr, "subject_type": "koji_build"}
    passed = outcome == "PASSED"
    result = {"id": c.number, "data": data, "outcome": outcome, "testcase": case}
    decision = {**subject, "policies_satisfied": passed, "product_version": f"fedora-{c.dist[2:]}"}
    waiver = {**subject, "comment": "Known.", "id": c.number, "username": c.person, "waived": True}
    return [
        fedora(0, "resultsdb.result.new", "apache", **result),
        fedora(9, "greenwave.decision.update", "openshift", **decision),
        fedora(1800, "waiverdb.waiver.new", "openshift", **waiver),
    ][: 1 if passed else c.number % 3 + 1]


def mdapi(c: Cast) -> list[Sent]:
    changes = {"changelog": {"added": [[c.package, c.person]], "removed": []}}
    url = f"fedora/linux/updates/{c.dist[2:]}/Everything/x86_64"
    msg = {"differences": changes, "name": f"{c.branch}-updates", "url": url}
    return [fedora(0, "mdapi.repo.update", "mdapi", **msg, packages=[c.package])]
