"""Buckets: the slices of the journal that plugins have not counted yet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from guests import Ids, bad
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NOW, message, name

from statscache.engine.buckets import KEPT_SLICES, Bucket, Slices, bucket
from statscache.journal import Journal, Kept
from statscache.message import EVERYBODY, Entry, encode
from statscache.plugins import BasePlugin
from statscache.registry import Statistic
from statscache.schedule import Schedule
from statscache.store.checkpoints import Checkpoint

MINUTE = 60


def statistic(plugin: type[BasePlugin] = Ids, ident: str = "a") -> Statistic:
    schedule = Schedule(plugin.interval) if plugin.interval else None
    return Statistic(ident, plugin, schedule, "tests", None)


def at(position: int, origin: int = 0, horizon: float = 0) -> Checkpoint:
    return Checkpoint("a", "j", position, origin, 0, "1", NOW, horizon, 0, 0, None, NOW)


def entry(number: int = 0, addressee: str = EVERYBODY, **changes: Any) -> Entry:
    made = message(number, **changes)
    time, topic = float(made["timestamp"]), made["topic"]
    return Entry(name(number), NOW + number, time, topic, encode(made), addressee)


def numbers(found: Bucket) -> list[int]:
    return [one["i"] for one in found.messages]


def read(journal: Journal, after: int = 0, limit: int = 100, size: int = 10**9) -> Any:
    return Slices(journal, limit, size).read(after, journal.end())


def handed_over(journal: Journal, one: Statistic, checkpoint: Checkpoint, limit: int) -> Iterator:
    """Bucket after bucket, as a plugin is handed them."""
    slices = Slices(journal, limit, 10**9)
    while checkpoint.position < journal.end():
        part = slices.read(checkpoint.position, journal.end())
        due = bucket(one, checkpoint, part, journal)
        yield due
        checkpoint = checkpoint._replace(position=due.end)


ENTRIES = st.lists(
    st.builds(
        entry,
        st.integers(0, 5),
        st.sampled_from([EVERYBODY, "a", "b"]),
        topic=st.sampled_from(["x.git", "x.wiki"]),
        timestamp=st.integers(int(NOW) - 4 * MINUTE, int(NOW)),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(ENTRIES, st.integers(1, 5), st.integers(0, 12), st.sampled_from([None, ["*.git"]]))
def test_buckets_hand_over_each_id_once_to_whom_it_concerns(
    entries: list[Entry], limit: int, position: int, topics: list[str] | None
) -> None:
    """Reckoned by hand, the whole journal at once."""
    horizon = NOW - 2 * MINUTE
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.sqlite")
        journal.append(entries)
        kept = journal.slice(0, journal.end(), 100)
        position = min(position, journal.end())
        seen: set[str] = set()
        expected, expired = [], 0
        for place, one in kept:
            mine = one.addressee in (EVERYBODY, "a") and place > position
            if mine and (topics is None or one.topic == "x.git") and one.id not in seen:
                expired += one.time < horizon
                expected += [place] if one.time >= horizon else []
            if mine:
                seen.add(one.id)
        plugin = statistic(bad(topics=topics))
        start = at(position, origin=position, horizon=horizon)
        found = list(handed_over(journal, plugin, start, limit))
        assert [one.position for due in found for one in due.kept] == expected
        assert sum(due.expired for due in found) == expired
        for due in found:
            assert [one.entry.id for one in due.kept] == [name(one["i"]) for one in due.messages]
        journal.close()


@given(st.integers(2, 40), st.integers(0, 5))
def test_halves_are_the_whole(number: int, skipped: int) -> None:
    kept = [Kept(3 * place + 5, entry(place)) for place in range(number)]
    messages = [message(place) for place in range(number)]
    whole = Bucket(kept, messages, 2, 500, NOW + 99, skipped)
    first, second = whole.halves()
    assert [*first.kept, *second.kept] == kept
    assert [*first.messages, *second.messages] == messages
    assert (first.begin, first.end, second.end) == (whole.begin, second.begin, whole.end)
    assert first.kept[-1].position == first.end < second.kept[0].position
    assert (first.arrived, second.arrived) == (first.kept[-1].entry.arrived, whole.arrived)
    assert first.expired + second.expired == skipped
    assert 0 <= len(second.kept) - len(first.kept) <= 1


def test_a_slice_is_a_prefix_of_what_is_due(journal: Journal) -> None:
    journal.append(entry(number) for number in range(10))
    slices = Slices(journal, 4, 10**9)
    ends = [0]
    while ends[-1] < 9:
        ends.append(slices.read(ends[-1], 9).end)
    assert ends == [0, 4, 8, 9]


def test_positions_at_which_no_entry_stands_are_a_slice_of_their_own(journal: Journal) -> None:
    journal.append(entry(number) for number in range(4))
    journal.continue_above(20)
    assert read(journal, limit=3).end == 3
    assert read(journal, limit=9).end == 4
    assert read(journal, after=4).end == 20


def test_slices_are_bounded_by_bytes(journal: Journal) -> None:
    journal.append(entry(number, msg="x" * 1_000) for number in range(100))
    sizes = [len(one.entry.body) for one in read(journal, size=10_000).kept]
    assert sum(sizes[:-1]) < 10_000 <= sum(sizes)
    assert len(read(journal, size=1).kept) == 1


def test_few_slices_are_kept_in_memory(journal: Journal) -> None:
    journal.append(entry(number) for number in range(10))
    slices = Slices(journal, 1, 10**9)
    parts = [slices.read(place, 10) for place in range(10)]
    assert slices.read(9, 10) is parts[-1]
    assert len(slices._recent) == KEPT_SLICES
    slices.forget()
    assert slices.read(9, 10) is not parts[-1]


def test_those_who_come_to_the_same_place_later_get_the_same_slice(journal: Journal) -> None:
    journal.append(entry(number) for number in range(4))
    slices = Slices(journal, 9, 10**9)
    part = slices.read(0, 3)
    assert slices.read(0, 4) is part
    assert slices.read(0, 2) is part


def test_those_who_stand_apart_meet_where_a_slice_begins_or_ends(journal: Journal) -> None:
    journal.append(entry(number) for number in range(20))
    slices = Slices(journal, 5, 10**9)
    assert slices.read(4, 20).end == 9
    assert slices.read(2, 20).end == 4
    assert slices.read(6, 20).end == 9


@pytest.mark.parametrize("envelope_only", [False, True])
def test_messages_are_shared_by_those_who_only_read(journal: Journal, envelope_only: bool) -> None:
    journal.append([entry()])
    part = read(journal)
    reader = statistic(bad(reads_only=True, envelope_only=envelope_only))
    writer = statistic(bad(envelope_only=envelope_only))
    shared, again = (bucket(reader, at(0), part, journal).messages[0] for _ in range(2))
    own, other = (bucket(writer, at(0), part, journal).messages[0] for _ in range(2))
    assert shared is again
    assert own is not other is not shared
    assert own == other == shared
    assert (shared == message()) is not envelope_only


def test_an_envelope_is_what_is_asked_for(journal: Journal) -> None:
    journal.append([entry()])
    (found,) = bucket(statistic(bad(envelope_only=True)), at(0), read(journal), journal).messages
    assert found == {
        "topic": message()["topic"],
        "timestamp": NOW - 60,
        "msg_id": name(0),
        "arrived": NOW,
    }


@pytest.mark.parametrize("first", [EVERYBODY, "a"])
def test_an_id_under_both_addresses_is_handed_over_once(journal: Journal, first: str) -> None:
    journal.append([entry(0, first), entry(0, "a" if first == EVERYBODY else EVERYBODY)])
    found = list(handed_over(journal, statistic(), at(0), 1))
    assert [numbers(due) for due in found] == [[0], []]


def test_what_came_for_all_before_a_plugin_joined_is_new_to_it(journal: Journal) -> None:
    journal.append([entry(0), entry(1), entry(0, "a"), entry(1, "a")])
    found = list(handed_over(journal, statistic(), at(1, origin=1), 10))
    assert [numbers(due) for due in found] == [[1, 0]]


def test_what_is_for_another_is_not_handed_over_though_its_id_is_forgotten(
    journal: Journal,
) -> None:
    journal.append([entry(0, "b"), entry(1)])
    with journal._transaction() as connection:
        connection.execute("DELETE FROM seen")  # as a repair may
    assert not journal.addressed()
    assert numbers(bucket(statistic(), at(0), read(journal), journal)) == [1]


def test_what_is_older_than_its_rows_is_counted_as_expired(journal: Journal) -> None:
    class Hourly(Ids):
        interval = None

    journal.append(entry(number, timestamp=int(NOW) - number * 1_800) for number in range(6))
    found = bucket(statistic(Hourly), at(0, horizon=NOW - 3_600), read(journal), journal)
    assert numbers(found) == [0, 1, 2]
    assert found.expired == 3


def test_nothing_due_is_an_empty_bucket(journal: Journal) -> None:
    found = bucket(statistic(), at(0), read(journal), journal)
    assert found == Bucket([], [], 0, 0, 0, 0)


def test_ends_of_buckets_join(journal: Journal) -> None:
    journal.append(entry(number, "b" if number % 3 else EVERYBODY) for number in range(12))
    found = list(handed_over(journal, statistic(), at(0), 5))
    assert all(before.end == after.begin for before, after in pairwise(found))
