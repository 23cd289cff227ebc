"""From a commit to a package: dist-git, Koji, Copr, modules."""

from __future__ import annotations

from .cast import Cast, Msg, Sent, fedora


def koji_build(c: Cast) -> list[Sent]:
    return _koji_build(c, c.person, f"{c.branch}-updates-candidate", c.rng.uniform(120, 2400))


def mass_rebuild(c: Cast) -> list[Sent]:
    return _koji_build(c, "releng", "f44-rebuild", c.rng.uniform(60, 300))


def _koji_build(c: Cast, owner: str, tag: str, duration: float) -> list[Sent]:
    """From the task to the tag, or to the failure that one in eight ends in."""
    failed = c.rng.random() < 0.125
    end = "FAILED" if failed else "CLOSED"
    story = [
        _task(c, 1, owner, "build", "OPEN"),
        _build(c, 2, owner, 0),
        _task(c, 5, owner, "buildArch", "OPEN"),
        _task(c, duration / 2, owner, "buildArch", end),
        _task(c, duration, owner, "build", end),
        _build(c, duration, owner, 3 if failed else 1),
    ]
    return story if failed else [*story, koji_tag(c, duration + 3, "tag", owner, tag)]


def koji_scratch_build(c: Cast) -> list[Sent]:
    end = c.rng.choice(("CLOSED", "CLOSED", "CLOSED", "FAILED", "CANCELED"))
    return [
        _task(c, 1, c.person, "build", "OPEN"),
        _task(c, c.rng.uniform(60, 1800), c.person, "build", end),
    ]


def _task(c: Cast, after: float, owner: str, method: str, new: str) -> Sent:
    old, srpm = "FREE" if new == "OPEN" else "OPEN", f"{c.nvr}.src.rpm"
    task: Msg = {"attribute": "state", "old": old, "new": new, "instance": "primary"}
    task |= {"id": 10 * c.number + (method == "buildArch")}
    task |= {"method": method, "owner": owner, "srpm": srpm}
    return fedora(after, "buildsys.task.state.change", "apache", **task)


def _build(c: Cast, after: float, owner: str, new: int) -> Sent:
    """Koji's states of a build: 0 building, 1 complete, 3 failed."""
    build: Msg = {"attribute": "state", "old": 0 if new else None, "new": new}
    build |= {"task_id": 10 * c.number, **_koji_name(c, owner)}
    return fedora(after, "buildsys.build.state.change", "apache", **build)


def koji_tag(c: Cast, after: float, verb: str, user: str, tag: str) -> Sent:
    """A build is tagged or, by another verb, untagged."""
    tagged = {**_koji_name(c, c.person), "tag": tag, "tag_id": sum(tag.encode()), "user": user}
    return fedora(after, f"buildsys.{verb}", "apache", **tagged)


def _koji_name(c: Cast, owner: str) -> Msg:
    build = {"build_id": c.number, "name": c.package, "version": c.version, "release": c.release}
    return {**build, "instance": "primary", "owner": owner}


def copr_build(c: Cast) -> list[Sent]:
    """A build in one to three chroots."""
    chroots = ("fedora-44-x86_64", "fedora-43-x86_64", "epel-10-x86_64")[: c.number % 3 + 1]
    return [sent for chroot in chroots for sent in _copr_chroot(c, chroot)]


def _copr_chroot(c: Cast, chroot: str) -> list[Sent]:
    """Copr's states of a build: 0 failed, 1 succeeded, 3 running."""
    start, end = c.rng.uniform(0, 60), c.rng.uniform(120, 1500)
    what = f"user:{c.other} copr:{c.package} build:{c.number} pkg:{c.package}"
    build = {"build": c.number, "chroot": chroot, "copr": c.package, "pkg": c.package, "what": what}
    build |= {"owner": c.person, "user": c.other, "version": f"{c.version}-{c.release}"}
    build |= {"ip": "172.16.3.3", "pid": c.number % 30_000, "who": f"worker-{c.number % 40}"}
    return [
        fedora(start, "copr.build.start", "copr", **build, status=3),
        fedora(start + 1, "copr.chroot.start", "copr", **build, status=3),
        fedora(end, "copr.build.end", "copr", **build, status=int(c.rng.random() < 0.8)),
    ]


def dist_git_push(c: Cast) -> list[Sent]:
    """A commit to a package's sources, one in three with a new tarball."""
    total = {"additions": 4, "deletions": 3, "files": 1, "lines": 7}
    commit = {
        "agent": c.person,
        "branch": c.rng.choice(("rawhide", c.branch)),
        "email": f"{c.person}@example.org",
        "message": f"Update to {c.version}\n",
        "name": c.person.title(),
        "namespace": "rpms",
        "repo": c.package,
        "rev": c.sha,
        "stats": {"files": {f"{c.package}.spec": {**total}}, "total": total},
        "summary": f"Update to {c.version}",
        "username": c.person,
    }
    push = fedora(40, "git.receive", "git", commit=commit)
    if c.number % 3:
        return [push]
    archive = {"filename": f"{c.package}-{c.version}.tar.xz", "md5sum": c.sha[:32]}
    upload = {"agent": c.person, "name": c.package, **archive}
    return [fedora(0, "git.lookaside.new", "apache", **upload), push]


def module_build(c: Cast) -> list[Sent]:
    states = enumerate(("init", "wait", "build", "done", "ready"))
    module = {"id": c.number, "name": c.package, "owner": c.person, "stream": "rawhide"}
    module |= {"component_builds": [c.number], "time_submitted": c.now, "version": c.day}
    topic = "mbs.module.state.change"
    return [fedora(300 * n, topic, None, **module, state=n, state_name=s) for n, s in states]


def koschei(c: Cast) -> list[Sent]:
    old, new = c.rng.choice((("ok", "failing"), ("failing", "ok"), ("ok", "unresolved")))
    where = {"collection": c.branch, "collection_name": c.branch, "koji_instance": "primary"}
    change = {"groups": [], "name": c.package, "new": new, "old": old, "repo": c.branch}
    return [fedora(0, "koschei.package.state.change", "koschei", **where, **change)]
