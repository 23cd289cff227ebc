"""What people talk about around the packages, and what keeps their servers running."""

from __future__ import annotations

from typing import Any

from .cast import Cast, Msg, Sent, fedora


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
    return [fedora(0, topic, None, bug=bug, comment=None, event=event)]


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
    return [fedora(0, f"github.{event}", "root", **people, repository=repository)]


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
        return [found, fedora(4, "hotness.update.drop", None, reason="anitya", trigger=trigger)]
    bug = {"bug_id": c.number}
    return [found, fedora(9, "hotness.update.bug.file", None, bug=bug, trigger=trigger)]


def playbook(c: Cast) -> list[Sent]:
    run: Msg = {"playbook": "/srv/web/infra/ansible/playbooks/groups/web.yml", "userid": c.person}
    tally = {"changed": 1, "failures": 0, "ok": 56, "skipped": 9, "unreachable": 0}
    end, results = c.rng.uniform(30, 900), {f"web0{n}.example.org": tally for n in (1, 2)}
    return [
        fedora(0, "ansible.playbook.start", "root", **run),
        fedora(end, "ansible.playbook.complete", "root", **run, results=results),
    ]


def nagios(c: Cast) -> list[Sent]:
    """A service goes down and comes back."""
    where = {"host": f"proxy{c.number % 12:02}.example.org", "service": "http-in"}
    where |= {"host_ack_author": "", "service_ack_author": "", "output": "HTTP"}
    topic, back = "nagios.service.state.change", c.rng.uniform(60, 3000)
    return [
        fedora(0, topic, "nagios", **where, state="CRITICAL", type="PROBLEM"),
        fedora(back, topic, "nagios", **where, state="OK", type="RECOVERY"),
    ]


def badge(c: Cast) -> list[Sent]:
    name = c.rng.choice(("If you build it...", "Tester I", "White Hat", "Speak Up!", "Egg Chaser"))
    award = {"badge": {"badge_id": name.lower().replace(" ", "-"), "name": name}}
    person = {"id": sum(c.person.encode()), "nickname": c.person, "rank": c.number % 900}
    user = {"username": c.person, "badges_user_id": person["id"]}
    advance = {"old_rank": c.number % 900 + 3, "person": person}
    return [
        fedora(0, "fedbadges.badge.award", "fedmsg", **award, user=user),
        fedora(1, "fedbadges.person.rank.advance", "fedmsg", **advance),
    ]


def karma(c: Cast) -> list[Sent]:
    thanks = {"line": f"{c.other}++ thank you", "recipient": c.other, "total": 7, "vote": 1}
    return [fedora(0, "irc.karma", "supybot", agent=c.person, channel="#fedora-devel", **thanks)]


def meeting(c: Cast) -> list[Sent]:
    """An hour on IRC: it begins, moves from topic to topic, and leaves minutes."""
    irc: Msg = {"channel": "#fedora-meeting", "meeting_topic": "Fedora QA", "owner": c.person}
    irc |= {"attendees": {c.person: 30, c.other: 12}, "chairs": {c.person: True}, "url": "qa"}
    return [
        fedora(0, "meetbot.meeting.start", "supybot", **irc, topic=""),
        fedora(300, "meetbot.meeting.topic.update", "supybot", **irc, topic="Blockers"),
        fedora(2400, "meetbot.meeting.topic.update", "supybot", **irc, topic="Open floor"),
        fedora(3600, "meetbot.meeting.complete", "supybot", **irc, topic="Open floor"),
    ]


def beside_packaging(c: Cast) -> list[Sent]:
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
    return [fedora(0, event, "apache", **msg)]


def oddity(c: Cast) -> list[Sent]:
    """What a bus carries as well: tests, other environments, topics that follow no rule."""
    short = ("test", "Heartbeat", "fedoracollege.content.edit", "io.pagure")
    long = ("stg.logger.log", "dev.logger.log", "dev.käse.new", "prod..empty", "prod")
    topics = (*short, *(f"org.fedoraproject.{rest}" for rest in long))
    return [Sent(0, c.rng.choice(topics), "root", {"log": f"hello {c.number}"})]
