"""The demo's bus: invented traffic with the shapes and the troubles of a real one."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from itertools import islice, pairwise
from math import inf
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.demo import building, releasing
from statscache.demo.cast import LONGEST, cast
from statscache.demo.traffic import SHARES, Arrival, messages, retimed

HOUR, DAY, WEEK = 3600, 86_400, 604_800
MONDAY = 1_767_571_200  # 2026-01-05 00:00 UTC


@pytest.fixture(scope="module")
def fortnight() -> list[Arrival]:
    return list(messages(MONDAY, MONDAY + 2 * WEEK, rate=0.03, seed=1))


def name(message: dict[str, Any]) -> str:
    """The id without the year in front, by which a message delivered twice is known."""
    return re.sub(r"^\d{4}-", "", message["msg_id"])


def share(arrivals: list[Arrival], topic: str) -> float:
    """How many of the arrivals have a topic in which the regular expression is found."""
    return sum(bool(re.search(topic, message["topic"])) for _, message in arrivals) / len(arrivals)


def test_a_seed_means_the_same_bytes_in_every_process_and_on_every_python():
    digest = hashlib.sha256()
    for arrival in messages(MONDAY, MONDAY + DAY, rate=0.02, seed=1):
        digest.update(json.dumps(arrival).encode())
    # Whoever changes a shape or the rhythm replaces it: the point is that nothing else does.
    assert digest.hexdigest()[:16] == "08d76183e612ffe3"


def test_another_seed_means_other_traffic():
    one, other = (list(messages(MONDAY, MONDAY + DAY, rate=0.01, seed=seed)) for seed in (1, 2))
    assert {name(m) for _, m in one if "msg_id" in m}.isdisjoint(
        name(m) for _, m in other if "msg_id" in m
    )


@given(
    start=st.floats(0, 4e9),
    lengths=st.tuples(st.floats(0, 3 * HOUR), st.floats(0, 3 * HOUR)),
    seed=st.integers(),
)
def test_adjoining_spans_give_what_the_whole_span_gives(start, lengths, seed):
    middle, stop = start + lengths[0], start + sum(lengths)
    whole = list(messages(start, stop, rate=0.01, seed=seed))
    parts = [*messages(start, middle, rate=0.01, seed=seed)]
    parts += messages(middle, stop, rate=0.01, seed=seed)
    assert parts == whole
    assert all(start <= at < stop for at, _ in whole)
    assert all(one.at <= next_one.at for one, next_one in pairwise(whole))


def test_a_span_without_an_end_is_made_as_it_is_read():
    arrivals = list(islice(messages(MONDAY, inf, rate=0.05, seed=1), 100))
    assert arrivals == list(islice(messages(MONDAY, MONDAY + DAY, rate=0.05, seed=1), 100))


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_the_rate_is_kept_on_average_over_whole_weeks(rate):
    arrivals = sum(1 for _ in messages(MONDAY, MONDAY + WEEK, rate=rate, seed=3))
    assert arrivals == pytest.approx(rate * WEEK, rel=0.15)


def test_no_rate_is_no_traffic_and_therefore_a_mistake():
    with pytest.raises(ValueError, match="rate must be more than 0"):
        messages(0, 1, rate=0, seed=1)


def test_afternoons_are_busier_than_nights_and_working_days_than_weekends(fortnight):
    hours = Counter(int(at) % DAY // HOUR for at, _ in fortnight)
    days = Counter(int(at - MONDAY) // DAY % 7 for at, _ in fortnight)
    assert hours[14] > 1.5 * hours[3]
    assert max(days[5], days[6]) < 0.7 * min(days[0], days[1], days[2], days[3], days[4])


def test_a_mass_rebuild_brings_hundreds_of_messages_within_minutes(fortnight):
    minutes = Counter(int(at) // 60 for at, m in fortnight if "buildsys" in m["topic"])
    assert sum(minutes[(MONDAY + 2 * DAY + 15 * HOUR) // 60 + n] for n in range(20)) > 400
    assert sum(minutes[(MONDAY + 3 * DAY + 15 * HOUR) // 60 + n] for n in range(20)) < 50


def test_a_compose_begins_and_ends_every_day(fortnight):
    for event in ("rawhide.start", "rawhide.complete", "branched.rsync.complete"):
        topic = f"org.fedoraproject.prod.compose.{event}"
        days = {m["timestamp"] // DAY for _, m in fortnight if m["topic"] == topic}
        assert len(days) == 14


def test_five_thousand_messages_have_more_than_twenty_five_topics():
    arrivals = islice(messages(MONDAY, inf, rate=1, seed=1), 5000)
    assert len({message["topic"] for _, message in arrivals}) > 25


@pytest.mark.parametrize(
    ("topic", "least", "most"),
    [
        (r"\.buildsys\.", 0.25, 0.5),
        (r"\.buildsys\.build\.state\.change$", 0.03, 0.15),
        (r"\.buildsys\.(un)?tag$", 0.02, 0.15),
        (r"\.copr\.(build|chroot)\.", 0.05, 0.2),
        (r"\.prod\.git\.", 0.01, 0.05),
        (r"\.bodhi\.update\.(comment|edit|karma|request)", 0.02, 0.1),
        (r"\.bugzilla\.bug\.update$", 0.01, 0.06),
        (r"org\.fedoraproject\.prod\.pagure\.", 0.01, 0.05),
        (r"io\.pagure\.prod\.pagure\.", 0.01, 0.05),
        (r"\.github\.", 0.01, 0.06),
        (r"org\.centos\.prod\.ci\.", 0.02, 0.08),
        (r"\.openqa\.job\.done$", 0.005, 0.05),
        (r"\.compose\.(rawhide|branched)\.", 0.005, 0.03),
        (r"\.mbs\.|\.koschei\.|\.mdapi\.|\.hotness\.|release-monitoring", 0.03, 0.1),
        (r"\.(askbot|fas|fedbadges|fedocal|mailman|planet|wiki)\.", 0.01, 0.1),
        (r"\.(ansible|irc\.karma|meetbot|nagios)", 0.01, 0.06),
        (r"^(?!(org\.(fedoraproject|centos|release-monitoring)|io\.pagure)\.prod\.\w)", 0.01, 0.02),
    ],
)
def test_each_application_has_its_share_of_the_bus(fortnight, topic, least, most):
    assert least < share(fortnight, topic) < most


def test_a_few_people_and_packages_make_most_of_the_traffic(fortnight):
    commits = [m["msg"]["commit"] for _, m in fortnight if m["topic"].endswith("prod.git.receive")]
    for field, names in (("username", 25), ("repo", 100)):
        counted = Counter(commit[field] for commit in commits).most_common()
        assert len(counted) > names
        assert counted[0][1] > 5 * counted[len(counted) // 2][1]


def test_every_message_is_json_with_a_topic_and_the_fields_of_fedmsg(fortnight):
    always = {"topic", "msg", "i", "username"}
    now_and_then = {"timestamp", "msg_id", "headers", "source_name", "source_version"}
    for _, message in fortnight:
        assert json.loads(json.dumps(message)) == message
        assert always <= message.keys() <= always | now_and_then
        assert isinstance(message["topic"], str)
        assert isinstance(message["msg"], dict)
        assert isinstance(message.get("timestamp", 0), int)
        assert re.fullmatch(
            r"(20\d\d-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            message.get("msg_id", "2026-00000000-0000-4000-8000-000000000000"),
        )


def test_two_in_a_hundred_are_delivered_again_and_half_of_those_with_another_year(fortnight):
    ids: dict[str, list[str]] = {}
    for _, message in fortnight:
        if "msg_id" in message:
            ids.setdefault(name(message), []).append(message["msg_id"])
    again = [delivered for delivered in ids.values() if len(delivered) > 1]
    assert len(again) / len(ids) == pytest.approx(0.02, abs=0.004)
    assert sum(len(set(delivered)) > 1 for delivered in again) / len(again) == pytest.approx(
        0.5, abs=0.1
    )


def test_what_is_delivered_again_is_the_same_but_for_its_id(fortnight):
    first: dict[str, Arrival] = {}
    for at, message in fortnight:
        if "msg_id" in message:
            before = first.setdefault(name(message), Arrival(at, message))
            assert {**message, "msg_id": ""} == {**before.message, "msg_id": ""}
            assert at - before.at <= 31


def test_one_in_a_hundred_is_late_by_a_minute_to_six_hours(fortnight):
    delays = [at - m["timestamp"] for at, m in fortnight if "timestamp" in m]
    assert min(delays) > 0
    assert max(delays) < 6 * HOUR
    assert sum(delay > 60 for delay in delays) / len(delays) == pytest.approx(0.01, abs=0.003)


def test_a_few_have_no_id_and_fewer_no_timestamp(fortnight):
    lacking = Counter(f for _, m in fortnight for f in ("msg_id", "timestamp") if f not in m)
    assert 0.002 < lacking["msg_id"] / len(fortnight) < 0.01
    assert 0 < lacking["timestamp"] / len(fortnight) < 0.001


def test_a_build_begins_before_it_ends(fortnight):
    states: dict[int, dict[int, int]] = {}
    for _, message in fortnight:
        if message["topic"].endswith("build.state.change") and "timestamp" in message:
            build = message["msg"]
            states.setdefault(build["build_id"], {})[build["new"]] = message["timestamp"]
    ended = [build for build in states.values() if len(build) == 2]
    assert len(ended) > 0.9 * len(states)
    assert all(build[0] < build.get(1, build.get(3, 0)) for build in ended)


@pytest.mark.parametrize(
    "shape",
    [
        *SHARES,
        releasing.updates_push,
        building.mass_rebuild,
        releasing.updates_sync,
        releasing.rawhide_compose,
        releasing.branched_compose,
    ],
)
def test_no_story_lasts_longer_than_is_remembered(shape):
    rng = Random(1)
    for _ in range(50):
        story = shape(cast(rng, MONDAY))
        assert story
        assert all(0 <= sent.after <= LONGEST for sent in story)


def stamped(*times: float | None) -> list[dict[str, Any]]:
    """Recorded messages of these times, numbered in their topics; None has no timestamp."""
    return [
        {"topic": str(n)} if time is None else {"topic": str(n), "timestamp": time}
        for n, time in enumerate(times)
    ]


def times(arrivals: list[Arrival]) -> list[float | None]:
    return [message.get("timestamp") for _, message in arrivals]


@given(st.lists(st.integers(0, 60)), st.floats(1e9, 4e9))
def test_recorded_messages_keep_their_order_and_their_distances(gaps, start):
    recorded = [1_400_000_000 + sum(gaps[:n]) for n in range(len(gaps) + 1)]
    replayed = list(retimed(stamped(*recorded), start))
    assert [m["topic"] for _, m in replayed] == [str(n) for n in range(len(recorded))]
    assert replayed[0].at == start
    assert [b.at - a.at for a, b in pairwise(replayed)] == pytest.approx(gaps, abs=1e-3)
    assert times(replayed) == [int(start) + r - recorded[0] for r in recorded]


@given(st.lists(st.none() | st.floats(1e9, 2e9) | st.integers(10**9, 2 * 10**9)))
def test_whatever_was_recorded_arrives_in_order_and_never_more_than_a_minute_apart(recorded):
    ats = [at for at, _ in retimed(stamped(*recorded), 2e9)]
    assert len(ats) == len(recorded)
    assert all(0 <= b - a <= 60 for a, b in pairwise([2e9, *ats]))


def test_a_message_without_a_timestamp_arrives_with_the_one_before_it_and_stays_without():
    replayed = list(retimed(stamped(None, 1_400_000_000, None, 1_400_000_010), 100))
    assert [at for at, _ in replayed] == [100, 100, 100, 110]
    assert times(replayed) == [None, 100, None, 110]


def test_a_long_silence_is_cut_to_a_minute():
    assert times(list(retimed(stamped(1.4e9, 1.5e9, 1.5e9 + 7), 100.5))) == [100.5, 160.5, 167.5]


def test_a_message_that_was_late_is_late_again():
    replayed = list(retimed(stamped(1_400_000_030, 1_400_000_000, 1_400_000_031), 100))
    assert times(replayed) == [100, 70, 101]
    assert [at for at, _ in replayed] == [100, 100, 101]


def test_a_recording_keeps_its_ids_and_is_not_changed():
    recorded = [{"topic": "a.b", "timestamp": 1_400_000_000, "msg_id": "2014-1", "msg": {"x": 1}}]
    replayed = next(retimed(recorded, 2e9)).message
    assert replayed == {**recorded[0], "timestamp": 2_000_000_000}
    assert recorded[0]["timestamp"] == 1_400_000_000
