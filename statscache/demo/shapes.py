"""What is said on the bus: topics and bodies as Fedora's applications send them.

A shape tells a story, such as a build and its tag. People and events are invented; topics and
fields are those of the real messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from time import gmtime, strftime
from typing import Any, NamedTuple

Msg = dict[str, Any]

LONGEST = 9_000
"""Seconds from the beginning of a story to its last message, at most."""


def _ranked(names: str) -> tuple[str, ...]:
    """Each name as often as its rank makes it likely (Zipf's law), to be drawn from evenly."""
    ranks = list(enumerate(names.split(), 1))
    return tuple(name for rank, name in ranks for _ in range(round(len(ranks) / rank)))


PEOPLE = _ranked(
    """
    jpellow sivanova dmarek gtanaka brolin kzimmer iokafor cobaltfox efischer mnovotny rmalone
    foxglove hlindqv opetit tcastell abernath nsaarin bitwhisk lbrandt qdevries emberlyn pharrow
    vkolarik wtremb ymori gneissguy cwinters xlopez driftwood zdravko fquimby juniperk ubergman
    adele77 hazelnutt inkwell9
    """
)
PACKAGES = _ranked(
    """
    kernel systemd python3.13 firefox rust gcc glibc llvm mesa golang webkitgtk qemu libreoffice
    selinux-policy NetworkManager gnome-shell podman mutter vim dnf5 texlive java-21-openjdk
    thunderbird chromium nodejs22 php ruby perl bash coreutils openssl curl git cmake boost
    pipewire wireplumber gtk4 gtk3 glib2 cairo pango harfbuzz freetype fontconfig kwin
    plasma-desktop plasma-workspace qt6-qtbase qt6-qtdeclarative dolphin konsole kate okular
    nautilus gnome-software gdm evolution gedit evince gstreamer1 flatpak rpm-ostree toolbox
    buildah skopeo crun kubernetes etcd cri-o helm ansible cloud-init libvirt virt-manager edk2
    grub2 shim dracut plymouth anaconda lorax pungi koji mock createrepo_c rpm librepo libsolv
    PackageKit fwupd udisks2 upower bluez avahi cups samba krb5 sssd freeipa 389-ds-base openldap
    gnutls nss nettle libgcrypt gnupg2 openssh fail2ban firewalld nftables iproute wireshark nmap
    tcpdump ethtool dnsmasq bind unbound postfix dovecot exim nginx httpd haproxy squid memcached
    valkey postgresql16 mariadb sqlite rabbitmq-server zeromq python-requests python-urllib3
    python-flask python-jinja2 python-django python-numpy python-scipy python-pandas
    python-sqlalchemy python-pytest python-sphinx python-setuptools python-pip python-twisted
    python-aiohttp python-click python-rich python-fedmsg perl-Moose perl-DateTime perl-DBI
    rubygem-rails rubygem-nokogiri php-symfony rust-serde rust-tokio rust-clap ghc pandoc ocaml
    erlang elixir R-core R-ggplot2 octave julia maxima gnuplot gimp inkscape krita blender
    darktable audacity ardour8 lmms musescore vlc mpv kodi wine wesnoth supertuxkart 0ad freeciv
    nethack emacs neovim nano zsh fish tmux htop btop strace gdb valgrind elfutils binutils make
    """
)
RELEASES = _ranked("fc44 fc43 fc42 el10 el9")


class Cast(NamedTuple):
    """Who and what a story is about; `now` is when it begins (whole epoch seconds, UTC)."""

    rng: Random
    now: int
    person: str
    other: str
    package: str
    version: str
    dist: str
    number: int
    sha: str

    @property
    def release(self) -> str:
        return f"{self.number % 5 + 1}.{self.dist}"

    @property
    def nvr(self) -> str:
        return f"{self.package}-{self.version}-{self.release}"

    @property
    def branch(self) -> str:
        """The release as Koji and dist-git call it: `f44`, `epel9`."""
        return self.dist.replace("fc", "f").replace("el", "epel")

    @property
    def day(self) -> str:
        return strftime("%Y%m%d", gmtime(self.now))


def cast(rng: Random, now: int) -> Cast:
    """A cast drawn anew, for one story."""
    number, sha = rng.randrange(1_000_000, 10_000_000), f"{rng.getrandbits(160):040x}"
    people, version = (rng.choice(PEOPLE), rng.choice(PEOPLE)), f"{number % 9}.{number % 31}.1"
    return Cast(rng, now, *people, rng.choice(PACKAGES), version, rng.choice(RELEASES), number, sha)


class Sent(NamedTuple):
    """A message as it was sent, `after` so many seconds of its story.

    `username` is the unix account of the publisher, None where a bridge brought the message.
    """

    after: float
    topic: str
    username: str | None
    msg: Msg


Shape = Callable[[Cast], list[Sent]]


def _fedora(after: float, event: str, username: str | None, /, **msg: Any) -> Sent:
    return Sent(after, f"org.fedoraproject.prod.{event}", username, msg)


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
    return story if failed else [*story, _tag(c, duration + 3, "tag", owner, tag)]


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
    return _fedora(after, "buildsys.task.state.change", "apache", **task)


def _build(c: Cast, after: float, owner: str, new: int) -> Sent:
    """Koji's states of a build: 0 building, 1 complete, 3 failed."""
    build: Msg = {"attribute": "state", "old": 0 if new else None, "new": new}
    build |= {"task_id": 10 * c.number, **_koji_name(c, owner)}
    return _fedora(after, "buildsys.build.state.change", "apache", **build)


def _tag(c: Cast, after: float, verb: str, user: str, tag: str) -> Sent:
    tagged = {**_koji_name(c, c.person), "tag": tag, "tag_id": sum(tag.encode()), "user": user}
    return _fedora(after, f"buildsys.{verb}", "apache", **tagged)


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
        _fedora(start, "copr.build.start", "copr", **build, status=3),
        _fedora(start + 1, "copr.chroot.start", "copr", **build, status=3),
        _fedora(end, "copr.build.end", "copr", **build, status=int(c.rng.random() < 0.8)),
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
    push = _fedora(40, "git.receive", "git", commit=commit)
    if c.number % 3:
        return [push]
    archive = {"filename": f"{c.package}-{c.version}.tar.xz", "md5sum": c.sha[:32]}
    upload = {"agent": c.person, "name": c.package, **archive}
    return [_fedora(0, "git.lookaside.new", "apache", **upload), push]


def bodhi_update(c: Cast) -> list[Sent]:
    """An update is submitted, tested and, in the end, edited or asked to go somewhere."""
    end = c.rng.choice(("edit", "request.stable", "request.stable", "request.obsolete"))
    return [
        _bodhi(c, 0, "request.testing", agent=c.person),
        _tag(c, 5, "tag", "bodhi", f"{c.branch}-updates-testing-pending"),
        *(sent._replace(after=sent.after + 600) for sent in bodhi_comment(c)),
        _bodhi(c, 5000, end, agent=c.person),
    ]


def bodhi_comment(c: Cast) -> list[Sent]:
    """A tester's verdict, now and then the one that reaches the threshold."""
    karma = c.rng.choice((1, 1, 1, 0, -1))
    comment = {"anonymous": False, "author": c.other, "group": None, "karma": karma}
    comment |= {"text": "Works for me.", "timestamp": c.now, "update_title": c.nvr}
    verdict = _fedora(0, "bodhi.update.comment", "apache", agent=c.other, comment=comment)
    if karma < 1 or c.number % 4:
        return [verdict]
    return [verdict, _bodhi(c, 1, "karma.threshold.reach", status="stable")]


def updates_push(c: Cast) -> list[Sent]:
    """One update of the nightly push: out of the pending tag, into the released one."""
    status, tag = c.rng.choice((("testing", "updates-testing"), ("stable", "updates")))
    return [
        _tag(c, 10, "tag", "bodhi", f"{c.branch}-{tag}"),
        _tag(c, 20, "untag", "bodhi", f"{c.branch}-updates-{status}-pending"),
        _bodhi(c, 60, f"complete.{status}"),
    ]


def _bodhi(c: Cast, after: float, event: str, **msg: Any) -> Sent:
    update = {
        "alias": f"FEDORA-{c.day[:4]}-{c.sha[:10]}",
        "bugs": [],
        "builds": [{"epoch": 0, "nvr": c.nvr, "signed": True}],
        "date_submitted": c.now,
        "karma": c.number % 4,
        "notes": f"Update to {c.version}.",
        "release": {"branch": c.branch, "id_prefix": "FEDORA", "name": c.branch.upper()},
        "status": "pending",
        "submitter": c.person,
        "title": c.nvr,
        "type": ("bugfix", "enhancement", "security", "newpackage")[c.number % 4],
        "user": {"name": c.person},
    }
    return _fedora(after, f"bodhi.update.{event}", "apache", update=update, **msg)


def updates_sync(c: Cast) -> list[Sent]:
    """How the nightly push becomes repositories, and these reach the mirrors."""
    repo = {"agent": "releng", "ctype": "rpm", "repo": f"{c.branch}-updates"}
    steps = enumerate(("start", "composing", "sync.wait", "sync.done", "complete"))
    moved = {"bytes": f"{c.number / 1e5:.2f}M", "deleted": "0", "repo": "updates"}
    return [
        *(_fedora(900 * n, f"bodhi.compose.{step}", None, **repo) for n, step in steps),
        _fedora(4000, "bodhi.updates.fedora.sync", "ftpsync", **moved, release="43"),
        _fedora(4300, "bodhi.updates.epel.sync", "ftpsync", **moved, release="10"),
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
        _fedora(0, "pungi.compose.status.change", "root", **where, status="STARTED"),
        *_compose_steps(10, series, branch, ""),
        *_compose_steps(900, series, branch, "arm"),
        _fedora(7300, "pungi.compose.status.change", "root", **where, status=end),
        *(sent._replace(after=sent.after + 7300) for _ in range(8) for sent in openqa_test(c)),
    ]


def _compose_steps(first: float, series: str, branch: str, arch: str) -> Iterator[Sent]:
    parts, ends = ("mash", "pungify", "image", "rsync"), ("start", "complete")
    steps = ("start", *(f"{part}.{end}" for part in parts for end in ends), "complete")
    for n, step in enumerate(steps):
        msg = {"arch": arch, "branch": branch, "log": "start" if "start" in step else "done"}
        yield _fedora(first + 700 * n, f"compose.{series}.{step}", "root", **msg)


def openqa_test(c: Cast) -> list[Sent]:
    test = c.rng.choice(("install_default", "base_selinux", "desktop_browser", "upgrade_minimal"))
    job: Msg = {"ARCH": "x86_64", "BUILD": f"Fedora-Rawhide-{c.day}.n.0", "FLAVOR": "universal"}
    job |= {"MACHINE": "64bit", "TEST": test, "id": c.rng.randrange(10**6), "remaining": 23}
    result = c.rng.choice(("passed", "passed", "passed", "softfailed", "failed"))
    return [
        _fedora(0, "openqa.job.create", "geekotest", **job),
        _fedora(c.rng.uniform(300, 1500), "openqa.job.done", "geekotest", **job, result=result),
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
        _fedora(0, "resultsdb.result.new", "apache", **result),
        _fedora(9, "greenwave.decision.update", "openshift", **decision),
        _fedora(1800, "waiverdb.waiver.new", "openshift", **waiver),
    ][: 1 if passed else c.number % 3 + 1]


def bugzilla(c: Cast) -> list[Sent]:
    status = c.rng.choice(("NEW", "ASSIGNED", "MODIFIED", "ON_QA", "CLOSED"))
    bug = {
        "assigned_to": f"{c.person}@example.org",
        "component": c.package,
        "creation_time": c.now - c.number,
        "creator": f"{c.other}@example.org",
        "id": c.number,
        "last_change_time": c.now,
        "product": "Fedora",
        "status": status,
        "summary": f"{c.package} does not start after the update to {c.version}",
        "version": c.dist[2:],
        "weburl": f"https://bugzilla.example.org/show_bug.cgi?id={c.number}",
    }
    event = {"changes": [], "when": c.now, "who": f"{c.other}@example.org"}
    topic = "bugzilla.bug.new" if status == "NEW" else "bugzilla.bug.update"
    return [_fedora(0, topic, None, bug=bug, comment=None, event=event)]


def pagure_pull_request(c: Cast) -> list[Sent]:
    """A change is proposed, tested, discussed and merged, or less than all of that."""
    flag = {"comment": "Tests passed", "percent": "100", "uid": c.sha[:20], "username": "Zuul"}
    request = {"branch": "rawhide", "branch_from": "rebase", "comments": [], "commit_stop": c.sha}
    request |= _pagure_ticket(c)
    events: list[tuple[str, str, Msg]] = [
        ("new", c.other, {}),
        ("flag.added", "pagure", {"flag": flag}),
        ("comment.added", c.person, {}),
        ("closed", c.person, {"merged": True}),
    ]
    return [
        _pagure(c, 700 * n, f"pull-request.{event}", agent=agent, pullrequest=request, **rest)
        for n, (event, agent, rest) in enumerate(events[: c.number % 4 + 1])
    ]


def pagure_issue(c: Cast) -> list[Sent]:
    event = c.rng.choice(("new", "comment.added", "comment.added", "edit", "tag.added"))
    issue = {"content": f"{c.version} is out.", "private": False, **_pagure_ticket(c)}
    return [_pagure(c, 0, f"issue.{event}", agent=c.other, issue=issue, project=_project(c))]


def pagure_push(c: Cast) -> list[Sent]:
    push = {"branch": "main", "end_commit": c.sha, "start_commit": c.sha[::-1], "forced": False}
    return [_pagure(c, 0, "git.receive", agent=c.person, repo=_project(c), **push, total_commits=1)]


def _pagure(c: Cast, after: float, event: str, **msg: Any) -> Sent:
    """From the package sources or from pagure.io, each story from one of them."""
    host = "io.pagure" if c.sha < "8" else "org.fedoraproject"
    return Sent(after, f"{host}.prod.pagure.{event}", "git", msg)


def _pagure_ticket(c: Cast) -> Msg:
    ticket = {"id": c.number % 900, "date_created": str(c.now), "status": "Open", "tags": []}
    author = {"fullname": c.other.title(), "name": c.other}
    return {**ticket, "title": f"Update to {c.version}", "project": _project(c), "user": author}


def _project(c: Cast) -> Msg:
    owner = {"fullname": c.person.title(), "name": c.person}
    project = {"id": sum(c.package.encode()), "name": c.package, "namespace": "rpms"}
    return {**project, "fullname": f"rpms/{c.package}", "parent": None, "user": owner}


def github(c: Cast) -> list[Sent]:
    pushed = ("push", "push", "push", "status", "create", "star", "fork")
    talked = ("pull_request.opened", "pull_request.closed", "issue.opened", "issue.comment")
    event = c.rng.choice(pushed + talked)
    repository: Msg = {"full_name": f"example/{c.package}", "name": c.package, "private": False}
    repository |= {"html_url": f"https://github.example.org/{c.package}", "id": c.number}
    people = {"fas_usernames": {f"{c.person}hub": c.person}, "sender": {"login": f"{c.person}hub"}}
    return [_fedora(0, f"github.{event}", "root", **people, repository=repository)]


def module_build(c: Cast) -> list[Sent]:
    states = enumerate(("init", "wait", "build", "done", "ready"))
    module = {"id": c.number, "name": c.package, "owner": c.person, "stream": "rawhide"}
    module |= {"component_builds": [c.number], "time_submitted": c.now, "version": c.day}
    topic = "mbs.module.state.change"
    return [_fedora(300 * n, topic, None, **module, state=n, state_name=s) for n, s in states]


def koschei(c: Cast) -> list[Sent]:
    old, new = c.rng.choice((("ok", "failing"), ("failing", "ok"), ("ok", "unresolved")))
    where = {"collection": c.branch, "collection_name": c.branch, "koji_instance": "primary"}
    change = {"groups": [], "name": c.package, "new": new, "old": old, "repo": c.branch}
    return [_fedora(0, "koschei.package.state.change", "koschei", **where, **change)]


def upstream_release(c: Cast) -> list[Sent]:
    """A new version is found, and a bug asks the packager for it, unless nobody packages it."""
    project = {"backend": "PyPI", "id": c.number, "name": c.package, "version": c.version}
    packages = [{"distro": "Fedora", "package_name": c.package}]
    message = {"agent": "anitya", "old_version": "0.9", "packages": packages, "project": project}
    msg = {"distro": None, "message": {**message, "upstream_version": c.version}}
    topic = "org.release-monitoring.prod.anitya.project.version.update"
    found = Sent(0, topic, "anitya", {**msg, "project": project})
    trigger = {"msg": found.msg, "topic": topic}
    if c.number % 3 == 0:
        return [found, _fedora(4, "hotness.update.drop", None, reason="anitya", trigger=trigger)]
    bug = {"bug_id": c.number}
    return [found, _fedora(9, "hotness.update.bug.file", None, bug=bug, trigger=trigger)]


def mdapi(c: Cast) -> list[Sent]:
    changes = {"changelog": {"added": [[c.package, c.person]], "removed": []}}
    url = f"fedora/linux/updates/{c.dist[2:]}/Everything/x86_64"
    msg = {"differences": changes, "name": f"{c.branch}-updates", "url": url}
    return [_fedora(0, "mdapi.repo.update", "mdapi", **msg, packages=[c.package])]


def playbook(c: Cast) -> list[Sent]:
    run: Msg = {"playbook": "/srv/web/infra/ansible/playbooks/groups/web.yml", "userid": c.person}
    tally = {"changed": 1, "failures": 0, "ok": 56, "skipped": 9, "unreachable": 0}
    end, results = c.rng.uniform(30, 900), {f"web0{n}.example.org": tally for n in (1, 2)}
    return [
        _fedora(0, "ansible.playbook.start", "root", **run),
        _fedora(end, "ansible.playbook.complete", "root", **run, results=results),
    ]


def nagios(c: Cast) -> list[Sent]:
    """A service goes down and comes back."""
    where = {"host": f"proxy{c.number % 12:02}.example.org", "service": "http-in"}
    where |= {"host_ack_author": "", "service_ack_author": "", "output": "HTTP"}
    topic, back = "nagios.service.state.change", c.rng.uniform(60, 3000)
    return [
        _fedora(0, topic, "nagios", **where, state="CRITICAL", type="PROBLEM"),
        _fedora(back, topic, "nagios", **where, state="OK", type="RECOVERY"),
    ]


def badge(c: Cast) -> list[Sent]:
    name = c.rng.choice(("If you build it...", "Tester I", "White Hat", "Speak Up!", "Egg Chaser"))
    award = {"badge": {"badge_id": name.lower().replace(" ", "-"), "name": name}}
    person = {"id": sum(c.person.encode()), "nickname": c.person, "rank": c.number % 900}
    user = {"username": c.person, "badges_user_id": person["id"]}
    advance = {"old_rank": c.number % 900 + 3, "person": person}
    return [
        _fedora(0, "fedbadges.badge.award", "fedmsg", **award, user=user),
        _fedora(1, "fedbadges.person.rank.advance", "fedmsg", **advance),
    ]


def karma(c: Cast) -> list[Sent]:
    thanks = {"line": f"{c.other}++ thank you", "recipient": c.other, "total": 7, "vote": 1}
    return [_fedora(0, "irc.karma", "supybot", agent=c.person, channel="#fedora-devel", **thanks)]


def meeting(c: Cast) -> list[Sent]:
    """An hour on IRC: it begins, moves from topic to topic, and leaves minutes."""
    irc: Msg = {"channel": "#fedora-meeting", "meeting_topic": "Fedora QA", "owner": c.person}
    irc |= {"attendees": {c.person: 30, c.other: 12}, "chairs": {c.person: True}, "url": "qa"}
    return [
        _fedora(0, "meetbot.meeting.start", "supybot", **irc, topic=""),
        _fedora(300, "meetbot.meeting.topic.update", "supybot", **irc, topic="Blockers"),
        _fedora(2400, "meetbot.meeting.topic.update", "supybot", **irc, topic="Open floor"),
        _fedora(3600, "meetbot.meeting.complete", "supybot", **irc, topic="Open floor"),
    ]


def community(c: Cast) -> list[Sent]:
    """What people do beside packaging; one message each."""
    post = {"pk": c.number, "post_type": "question", "text": "How?", "vote_up_count": 0}
    wiki = {"minor_edit": 0, "summary": "", "title": f"User:{c.person}", "user": c.person.title()}
    mail = {"from": f"{c.person}@example.org", "subject": f"Orphaning {c.package}"}
    meeting = {"meeting_id": c.number % 900, "meeting_manager": [c.person], "meeting_name": "QA"}
    member = {"agent": c.person, "group": "packager", "user": c.other}
    messages = (
        ("askbot.post.edit", {"agent": c.person, "created": True, "post": post}),
        ("wiki.article.edit", wiki),
        ("wiki.article.edit", wiki),
        ("mailman.receive", {"mlist": {"list_name": "devel"}, "msg": mail}),
        ("mailman.receive", {"mlist": {"list_name": "users"}, "msg": mail}),
        ("planet.post.new", {"post": {"title": f"News of {c.package}"}, "username": c.person}),
        ("fedocal.meeting.reminder", {"agent": c.person, "calendar": {}, "meeting": meeting}),
        ("fas.user.create", {"agent": c.other, "user": c.other}),
        ("fas.group.member.apply", member),
        ("fas.group.member.sponsor", member),
    )
    event, msg = c.rng.choice(messages)
    return [_fedora(0, event, "apache", **msg)]


def oddity(c: Cast) -> list[Sent]:
    """What a bus carries as well: tests, other environments, topics that follow no rule."""
    short = ("test", "Heartbeat", "fedoracollege.content.edit", "io.pagure")
    long = ("stg.logger.log", "dev.logger.log", "dev.käse.new", "prod..empty", "prod")
    topics = (*short, *(f"org.fedoraproject.{rest}" for rest in long))
    return [Sent(0, c.rng.choice(topics), "root", {"log": f"hello {c.number}"})]


SHARES: dict[Shape, int] = {
    koji_build: 28,
    koji_scratch_build: 44,
    copr_build: 20,
    dist_git_push: 24,
    bodhi_update: 8,
    bodhi_comment: 14,
    bugzilla: 34,
    pagure_pull_request: 12,
    pagure_issue: 10,
    pagure_push: 10,
    github: 30,
    openqa_test: 20,
    centos_ci: 8,
    gating: 20,
    module_build: 3,
    koschei: 14,
    upstream_release: 10,
    mdapi: 14,
    playbook: 5,
    nagios: 5,
    badge: 10,
    karma: 6,
    meeting: 2,
    community: 24,
    oddity: 12,
}
"""How many of each shape there are among the stories of a day."""
