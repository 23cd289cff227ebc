"""Which stretch of history is read next, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from guests import Ids
from samples import NOW, message

from statscache.backlog import plan
from statscache.backlog.plan import Due
from statscache.message import EVERYBODY
from statscache.plugins import BasePlugin
from statscache.registry import Statistic
from statscache.store.owed import Debt
from statscache.store.tables import ASKED, BEFORE_THE_PLUGIN, NOT_LISTENING

OVERLAP = 60
TOPIC = "org.fedoraproject.prod.bodhi.update.comment"


def debt(addressee: str, start: float, stop: float, **changes: Any) -> Debt:
    """Something that is owed; times are seconds after `NOW`."""
    times = NOW + start, NOW + stop
    blank = Debt(1, addressee, *times, NOT_LISTENING, NOW, *[None] * 4, 0, None, None)
    if "reached" in changes:
        changes["reached"] += NOW
    return blank._replace(**changes)


def statistic(ident: str, topics: Sequence[str] | None = None) -> Statistic:
    plugin: type[BasePlugin] = type("Some", (Ids,), {"topics": topics})
    return Statistic(ident, plugin, None, "tests", None)


def span(due: Due | None) -> tuple[float, float] | None:
    """What of it is read, in seconds after `NOW`."""
    return (due.start - NOW, due.stop - NOW) if due else None


def next_of(*debts: Debt, now: float = 10_000, **topics: Sequence[str] | None) -> Any:
    """What is read next for the plugins whose topics are given: start, stop, topics, for whom."""
    running = {ident: statistic(ident, mine) for ident, mine in topics.items()}
    found = plan.next_fetch(debts, running, OVERLAP, NOW + now)
    if found is None:
        return None
    whom = [due.debt.addressee for due in found.dues]
    return found.start - NOW, found.stop - NOW, found.topics, whom


@pytest.mark.parametrize(
    ("reached", "now", "read"),
    [
        ({}, 200, (40, 200)),  # at once
        ({"reached": 130}, 220, (130, 200)),
        ({"reached": 200}, 220, None),  # the rest when nothing comes late any more
        ({"reached": 200}, 260, (140, 260)),  # its end again
        ({"reached": 130}, 900, (130, 260)),
        ({}, 900, (40, 260)),
    ],
)
def test_a_gap_is_read_at_once_and_its_end_again_later(
    reached: dict[str, float], now: float, read: tuple[float, float] | None
) -> None:
    assert span(plan.due(debt(EVERYBODY, 100, 200, **reached), OVERLAP, NOW + now)) == read


def test_an_end_that_has_been_read_again_in_part_goes_on_from_there() -> None:
    last = debt(EVERYBODY, 100, 200, reached=170)
    assert span(plan.due(last, OVERLAP, NOW + 900, NOW + 170)) == (170, 260)


def test_what_rows_begin_with_has_no_overlap_before_it() -> None:
    begins = debt("a", 100, 200, reason=BEFORE_THE_PLUGIN)
    assert span(plan.due(begins, OVERLAP, NOW + 900)) == (100, 260)


def test_what_was_asked_for_is_just_that() -> None:
    asked = debt("a", 100, 200, reason=ASKED)
    (due,) = [plan.due(asked, OVERLAP, NOW + 200)]
    assert span(due) == (100, 200)
    assert plan.is_last(due, OVERLAP)


def test_only_the_end_of_a_gap_is_its_last() -> None:
    gap = debt(EVERYBODY, 100, 200)
    assert [
        plan.is_last(plan.due(gap, OVERLAP, NOW + now), OVERLAP) for now in (210, 259, 260)
    ] == [False, False, True]


def test_what_everybody_lacks_comes_first_and_the_latest_of_it() -> None:
    debts = debt("a", 0, 900), debt(EVERYBODY, 100, 200), debt(EVERYBODY, 500, 600)
    assert next_of(*debts, a=None) == (440, 660, None, [EVERYBODY])


def test_without_debts_nothing_is_to_be_read() -> None:
    assert next_of() is None
    assert next_of(debt(EVERYBODY, 100, 200, reached=200), now=210) is None


def test_who_does_not_run_is_not_read_for() -> None:
    assert next_of(debt("a", 0, 900)) is None


def test_what_several_lack_of_the_same_time_is_read_once() -> None:
    debts = debt("a", 0, 900), debt("b", 600, 1000), debt("c", -900, -500), debt("d", 0, 900)
    assert next_of(*debts, a=None, b=None, c=None, d=[TOPIC]) == (-60, 1060, None, ["b", "a"])


def test_what_overlaps_only_by_way_of_a_third_is_read_with_them() -> None:
    debts = debt("a", 600, 1000), debt("b", 200, 700), debt("c", 0, 250)
    assert next_of(*debts, a=None, b=None, c=None) == (-60, 1060, None, ["a", "b", "c"])


def test_topics_are_asked_for_where_they_are_named_in_full() -> None:
    assert next_of(debt("a", 0, 900), a=[TOPIC, "x", TOPIC]) == (-60, 960, (TOPIC, "x"), ["a"])
    assert next_of(debt("a", 0, 900), a=["org.*"]) == (-60, 960, None, ["a"])
    assert next_of(debt("a", 0, 900), a=[str(number) for number in range(51)])[2] is None


def test_only_the_messages_of_its_time_and_topics_are_for_a_plugin() -> None:
    due = Due(debt("a", 0, 900), NOW, NOW + 900)
    stamps = [NOW - 1, NOW, NOW + 899, NOW + 900, None, "noon"]
    messages = [message(i, timestamp=stamp) for i, stamp in enumerate(stamps)]
    messages += [message(9, timestamp=NOW, topic="other")]

    def numbers(due: Due, topics: Sequence[str] | None) -> list[int]:
        wanted = plan.wanted(due, {"a": statistic("a", topics)}, messages)
        return [one["i"] for one in wanted]

    assert numbers(due, None) == [1, 2, 9]
    assert numbers(due, ["org.*"]) == [1, 2]
    assert numbers(due._replace(debt=debt(EVERYBODY, 0, 900)), ["org.*"]) == [1, 2, 9]


def test_the_latest_history_is_read_for_everybody() -> None:
    assert plan.again(90.5, NOW + 0.2) == (NOW - 91, NOW, None, ())
