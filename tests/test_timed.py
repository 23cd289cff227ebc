from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from statscache import timed
from statscache.timed import Answer, TimedSource

DEADLINE = 0.3


def message(category, number=0):
    return {
        "topic": f"org.example.prod.{category}.new",
        "msg": {"agent": "ada"},
        "msg_id": f"2026-{category}-{number}",
    }


class Oracle:
    """A real lookup: it notes what it is asked, and hangs over categories that are told to."""

    def __init__(self):
        self.asked = []
        self.hangs = set()
        self.hanging = 0
        self.release = Event()

    def __call__(self, message):
        category = message["topic"].split(".")[3]
        self.asked.append(category)
        if category in self.hangs:
            self.hanging += 1
            self.release.wait(20)
            self.hanging -= 1
        if category == "broken":
            raise KeyError("agent")
        return Answer(frozenset({message["msg"].pop("agent")}), None)


@pytest.fixture
def oracle():
    oracle = Oracle()
    yield oracle
    oracle.release.set()


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def source(oracle, clock):
    return TimedSource("the oracle", oracle, deadline=DEADLINE, now=lambda: clock[0])


def release(oracle):
    """Let what hangs return, and wait until it has and its thread has ended."""
    oracle.release.set()
    end = time.monotonic() + 10
    while oracle.hanging and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.05)
    oracle.release.clear()


def test_a_message_is_looked_up_once_for_users_and_packages(source, oracle):
    assert source.users(message("git")) == {"ada"}
    assert source.packages(message("git")) is None
    assert source.users(message("git")) == {"ada"}
    assert oracle.asked == ["git"]


@pytest.mark.parametrize("given", [None, "", 7, ["x"]])
def test_a_message_without_a_usable_id_is_looked_up_each_time(source, oracle, given):
    for _ in range(2):
        assert source.users({**message("git"), "msg_id": given}) == {"ada"}
    assert oracle.asked == ["git", "git"]


def test_a_lookup_cannot_change_the_message(source):
    given = message("git")

    source.users(given)

    assert given == message("git")


def test_a_hanging_lookup_is_given_up_at_the_deadline(source, oracle):
    oracle.hangs.add("github")
    start = time.monotonic()

    assert source.users(message("github")) is None
    assert DEADLINE <= time.monotonic() - start < DEADLINE + 1


def test_a_message_that_was_late_is_not_waited_for_again(source, oracle):
    oracle.hangs.add("github")
    source.users(message("github"))
    start = time.monotonic()

    assert source.packages(message("github")) is None
    assert time.monotonic() - start < DEADLINE


def test_a_hanging_category_holds_up_no_other(source, oracle):
    oracle.hangs.add("github")
    source.users(message("github"))

    assert source.users(message("git")) == {"ada"}


def test_a_category_is_not_asked_while_it_hangs(source, oracle):
    oracle.hangs.add("github")

    assert [source.users(message("github", number)) for number in range(5)] == [None] * 5
    assert oracle.asked == ["github"]


def test_a_category_that_is_late_three_times_in_a_row_is_left_for_ten_minutes(
    source, oracle, clock, caplog
):
    oracle.hangs.add("github")
    for number in range(3):
        source.users(message("github", number))
        release(oracle)
    oracle.hangs.clear()

    clock[0] += 599
    assert source.users(message("github", 3)) is None
    assert len(oracle.asked) == 3

    clock[0] += 1
    assert source.users(message("github", 4)) == {"ada"}
    assert [record.getMessage() for record in caplog.records] == [
        "the oracle took more than 0.3 s over messages of github: the table of well-known fields"
        " serves such late ones",
        "the oracle was late 3 times over messages of github: the table of well-known fields"
        " serves the next 10 minutes",
    ]


def test_an_answer_in_time_forgives_the_late_ones_before_it(source, oracle):
    for number in range(4):
        oracle.hangs = {"github"} if number != 2 else set()
        source.users(message("github", number))
        release(oracle)
    oracle.hangs.clear()

    assert source.users(message("github", 5)) == {"ada"}


def test_with_four_hanging_categories_nobody_is_asked_until_one_returns(source, oracle):
    oracle.hangs = {"a", "b", "c", "d"}
    for category in "abcd":
        source.users(message(category))

    assert source.users(message("git")) is None
    assert oracle.asked == ["a", "b", "c", "d"]

    release(oracle)
    assert source.users(message("git")) == {"ada"}


def test_a_lookup_that_raises_does_not_know_and_is_named_once(source, oracle, caplog):
    for number in range(3):
        assert source.users(message("broken", number)) is None

    assert len(oracle.asked) == 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "broken" in caplog.text
    assert "KeyError('agent')" in caplog.text


def test_only_the_latest_answers_are_kept(source, oracle):
    for number in range(timed.REMEMBERED + 1):
        source.users(message("git", number))
    del oracle.asked[:]

    source.users(message("git", timed.REMEMBERED))
    assert oracle.asked == []
    source.users(message("git", 0))
    assert oracle.asked == ["git"]


def test_threads_that_ask_together_get_their_own_answers(oracle):
    def lookup(message):
        return Answer(frozenset({message["msg_id"]}), frozenset())

    source = TimedSource("the oracle", lookup, deadline=20)
    messages = [message("git", number) for number in range(200)] * 4

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(source.users, messages))

    assert answers == [{each["msg_id"]} for each in messages]
