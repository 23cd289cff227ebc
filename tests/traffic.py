"""Traffic for the tests: what a bus does to its messages on a bad day."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

Message = dict[str, Any]

PEOPLE = ("ada", "grace", "linus", "noam", "wiebke")
PACKAGES = ("kernel", "python-requests", "gcc", "0ad", "libstdc++")
HOUR, DAY = 3_600, 86_400


def traffic(
    number: int, seed: int, now: float, apart: float = 0.01, again_within: int = 0
) -> list[Message]:
    """So many messages in order of arrival, `apart` seconds, the last about at `now` (epoch).

    Of each hundred some five come again (at the most `again_within` messages later, if that is
    given), some five are late by up to six hours or three days, some have no id.
    """
    random = Random(seed)
    sent: list[Message] = []
    for place in range(number):
        if sent and random.random() < 0.05:
            sent.append(_again(random, random.choice(sent[-again_within:])))
        else:
            sent.append(_new(random, now - (number - place) * apart))
    return sent


def _new(random: Random, time: float) -> Message:
    topic, msg = random.choice((_build, _update, _push, _edit))(random)
    if random.random() < 0.05:
        time -= random.uniform(0, random.choice((6 * HOUR, 3 * DAY)))
    message = {
        "topic": f"org.fedoraproject.prod.{topic}",
        "msg": msg,
        "timestamp": time if random.random() < 0.2 else int(time),
        "msg_id": f"2026-{UUID(int=random.getrandbits(128), version=4)}",
        "i": random.randrange(1_000),
        "username": "apache",
    }
    if random.random() < 0.02:
        del message["msg_id"]
    return message


def _again(random: Random, message: Message) -> Message:
    """The same message as another path of the bus delivers it."""
    if "msg_id" not in message:
        return {**message, "i": message["i"] + 1}
    bare = message["msg_id"][-36:]
    return {**message, "msg_id": random.choice((message["msg_id"], f"2025-{bare}", bare))}


def _build(random: Random) -> tuple[str, Any]:
    event = random.choice(("build.state.change", "tag"))
    msg = {"name": random.choice(PACKAGES), "owner": random.choice(PEOPLE)}
    state = random.choice((0, 1, 3, 4))
    return f"buildsys.{event}", {**msg, "new": state, "build_id": random.getrandbits(32)}


def _update(random: Random) -> tuple[str, Any]:
    builds = [f"{name}-1.{random.randrange(99)}-2.fc40" for name in random.sample(PACKAGES, 2)]
    update = {
        "user": random.choice(PEOPLE),
        "builds": [{"nvr": nvr, "type": "rpm"} for nvr in builds],
    }
    event = random.choice(("testing", "stable"))
    return f"bodhi.update.request.{event}", {"agent": random.choice(PEOPLE), "update": update}


def _push(random: Random) -> tuple[str, Any]:
    commit = {
        "username": random.choice(PEOPLE),
        "repo": random.choice(PACKAGES),
        "namespace": "rpms",
        "rev": f"{random.getrandbits(160):040x}",
    }
    return "git.receive", {"agent": random.choice(PEOPLE), "commit": commit}


def _edit(random: Random) -> tuple[str, Any]:
    edit = {"user": random.choice(PEOPLE).capitalize(), "title": f"Page {random.getrandbits(32)}"}
    return f"wiki.article.{random.choice(('edit', 'create'))}", edit
