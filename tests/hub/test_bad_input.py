"""Whatever comes over the bus gets a stated answer, and nothing else suffers from it."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import chain

import pytest
from harness import LISTENING, LOGGED, wait_until
from reckoning import once
from traffic import traffic

TOPIC = "org.fedoraproject.prod.test.bad"
AGAIN = f"{TOPIC}.again"
FORGED = "2026-01-01 00:00:00 CRITICAL statscache.engine: forged"
HOSTILE = TOPIC + "".join(f"{end}{FORGED}" for end in ("\n", "\u2028\x85", "\x1b[2K\r"))
"""What would be lines of the log, or overwrite them, wherever it is written as it is."""
IN_2100 = 4_102_444_800
NESTED = 100_000


def body(**parts):
    return json.dumps({"topic": TOPIC, "msg": {}, **parts}).encode()


def frames(*bodies):
    return [(TOPIC.encode(), each) for each in bodies]


REFUSED = {
    "not a JSON object": frames(
        b"",
        b"not JSON",
        b'{"topic": "cut of',
        b"[1, 2]",
        b'"text"',
        b"17",
        b"null",
        b"[" * NESTED,
        b'{"topic": "deep", "msg": ' + b"[" * NESTED + b"]" * NESTED + b"}",
        json.dumps(HOSTILE).encode(),
    ),
    "no topic": frames(body(topic=None), body(topic=""), body(topic=5), body(topic=[TOPIC])),
    "stamped in the future": frames(
        body(timestamp=IN_2100, topic=HOSTILE, msg_id=HOSTILE, username=HOSTILE)
    ),
    "too long": frames(body(msg="x" * (9 << 20))),
    "nested too deeply": frames(body(msg=json.loads("[" * 500 + "]" * 500))),
    "not UTF-8": [
        (TOPIC.encode(), b'{"topic": "\xff\xfe"}'),
        (HOSTILE.encode() + b"\xff", body()),
    ],
    "not a topic and a body": [
        (body(),),
        (TOPIC.encode(), body(), b""),
        (TOPIC.encode(), body(), body(), body()),
        (b"",),
    ],
}
"""What is refused, by the reason."""

AT_ARRIVAL = {
    "null": body(timestamp=None),
    "text": body(timestamp="yesterday"),
    "negative": body(timestamp=-5),
    "1970": body(timestamp=0),
    "infinite": body(timestamp=float("inf")),
    "no number": body(timestamp=float("nan")),
    "true": body(timestamp=True),
    "huge": body(timestamp=10**400),
    "missing": body(),
}
"""What has no usable timestamp, and is counted when it arrives."""

ODD = {
    TOPIC: frames(b'{"msg": 1}', b"{}", body(msg="x" * (5 << 20)), body(msg=2**70)),
    "short": [(b"short", body(topic="short"))],
    HOSTILE: frames(
        body(
            **dict.fromkeys(("topic", "msg_id", "username", "signature", "certificate"), HOSTILE),
            headers={HOSTILE: HOSTILE},
            msg={HOSTILE: [HOSTILE, {"deep": HOSTILE}]},
        )
    ),
    f"{TOPIC}.\\ud800": frames(body(topic=f"{TOPIC}.\ud800", msg={"\ud800": "\0"})),
    f"{TOPIC}.\\u0000": frames(body(topic=f"{TOPIC}.\0")),
    f"{TOPIC}.ids": frames(*(body(topic=f"{TOPIC}.ids", msg_id=name) for name in (7, [], "", {}))),
    AGAIN: frames(*[body(topic=AGAIN, msg_id="2026-same")] * 3),
}
"""What is odd, but counted under this topic; the last one is the same message three times."""


@pytest.mark.slow
def test_every_input_has_an_answer_and_the_log_names_each_once(bus, hubs):
    for hub in hubs:
        hub.configure({"statscache.plugins.enabled": ["volume-by-topic-1s"]})
        hub.listen()
    bus.wait_for(subscribers=2)
    start = time.time()
    good = traffic(500, seed=4, now=start)
    bad = list(chain(frames(*AT_ARRIVAL.values()), *REFUSED.values(), *ODD.values()))
    for number, each in enumerate(bad):
        bus.send(*good[number * 5 : number * 5 + 5])
        bus.send_frames(*each)
    bus.send(*good[len(bad) * 5 :])

    refused = {reason: len(each) for reason, each in REFUSED.items()}
    counted = Counter({topic: len(each) for topic, each in ODD.items()})
    counted[TOPIC] += len(AT_ARRIVAL)
    counted[AGAIN] = 1
    counted.update(message["topic"] for message in once(good))
    for hub in hubs:
        wait_until(lambda hub=hub: len(hub.journaled()) == counted.total())
        wait_until(hub.has_counted_all)
        rows = hub.volumes("volume-by-topic-1s")
        assert volume_by_topic(rows) == counted
        assert all(start // 1 <= time for time, topic in rows if topic.startswith(TOPIC))
        assert dict(hub.journaled("SELECT reason, number FROM refused")) == refused
        assert sorted(named_reasons(hub)) == sorted(REFUSED)
        assert_no_line_is_forged(hub)


def volume_by_topic(rows):
    volumes = Counter()
    for (_, topic), volume in rows.items():
        volumes[topic] += volume
    return volumes


def named_reasons(hub):
    said = "WARNING statscache.engine.intake: a message was refused: "
    return [line.removeprefix(said).split(": ")[0] for line in hub.complaints]


def assert_no_line_is_forged(hub):
    lines = hub.log[hub.log.index(LISTENING) :].splitlines()[1:]
    assert len(lines) == len(REFUSED)
    assert all(LOGGED.fullmatch(line) and line.isprintable() for line in lines)
    assert not any(line.startswith(FORGED) for line in lines)
