"""One range, as awkward as messages of the same time make it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NOW, message

from statscache.errors import HistoryAwayError, RefusedError
from statscache.history.page import Page
from statscache.history.reading import MOST, Reading


def pages(messages, shuffle):
    """A way to ask for pages whose order differs with each question, and maybe each time."""
    order = list(messages)

    def ask(number, rows):
        shuffle(number, rows).shuffle(order)
        return Page(order[(number - 1) * rows : number * rows], len(order))

    return ask


def restless(seed):
    rng = Random(seed)
    return lambda number, rows: rng


def stubborn(seed):
    """The same question always has the same answer: what is left out once, is left out again."""
    return lambda number, rows: Random(f"{seed} {number} {rows}")


@settings(max_examples=50)
@given(st.integers(101, 450), st.sampled_from([restless, stubborn]), st.integers(0, 1000))
def test_a_crowded_second_is_read_to_the_last_message(number, order, seed):
    messages = [message(i, timestamp=NOW) for i in range(number)]
    reading = Reading(pages(messages, order(seed)))
    assert not reading.fits()
    for _ in range(20):
        try:
            reading.gather()
            break
        except HistoryAwayError:
            pass
    assert sorted(one["i"] for one in reading.found.values()) == list(range(number))


def test_one_page_needs_one_question_and_more_than_one_is_told():
    asked = []

    def ask(number, rows):
        asked.append((number, rows))
        return Page([message(i) for i in range(size)][:rows], size)

    size = 100
    reading = Reading(ask)
    assert reading.fits()
    assert (len(reading.found), asked) == (100, [(1, 100)])
    size = 101
    reading = Reading(ask)
    assert not reading.fits()
    assert reading.total == 101


@pytest.mark.parametrize(("number", "total"), [(5, 6), (5, 4), (0, 1), (5, 0)])
def test_a_page_with_more_or_fewer_than_there_are_is_not_whole(number, total):
    answers = [Page([message(i) for i in range(number)], total)]
    reading = Reading(lambda page, rows: answers[-1])
    with pytest.raises(HistoryAwayError, match=f"{number} messages came where there are {total}"):
        reading.fits()
    answers.append(Page([message(i) for i in range(total)], total))
    assert reading.fits()
    assert len(reading.found) == total


def test_a_message_that_arrives_meanwhile_is_no_fault_once_it_has_come():
    messages = [message(i, timestamp=NOW) for i in range(150)]

    def busy(number, rows):
        if len(messages) < 160:
            messages.append(message(len(messages), timestamp=NOW))
        return pages(messages, stubborn(len(messages)))(number, rows)

    reading = Reading(busy)
    assert not reading.fits()
    reading.gather()
    assert len(reading.found) == len(messages)


def test_the_same_id_at_two_times_is_two_rows_of_the_archive():
    reading = Reading(lambda number, rows: Page([message(1, timestamp=5), message(1)], 2))
    assert reading.fits()
    assert len(reading.found) == 2


def test_rows_that_cannot_be_told_apart_are_still_as_many_as_they_are():
    copies = [message(1, timestamp=None), message(1, timestamp=None), message(2, timestamp=None)]
    reading = Reading(lambda number, rows: Page([*copies, None, None], 5))
    assert reading.fits()
    assert len(reading.found) == 5


def test_a_row_that_comes_twice_does_not_stand_for_another():
    reading = Reading(lambda number, rows: Page([message(1), message(1)], 2))
    for _ in range(5):
        with pytest.raises(HistoryAwayError, match="1 messages came where there are 2"):
            reading.fits()


def test_what_is_no_message_is_kept_as_its_reason():
    reading = Reading(lambda number, rows: Page([None, {"topic": ""}, message()], 3))
    assert reading.fits()
    reasons = [one.reason for one in reading.found.values() if isinstance(one, RefusedError)]
    assert reasons == ["not a JSON object", "no topic"]


def test_pages_that_do_not_agree_on_the_total_are_not_the_whole():
    messages = [message(i, timestamp=NOW + i) for i in range(150)]

    def ask(number, rows):
        asked.append(number)
        page = messages[(number - 1) * rows : number * rows]
        return Page(page[:-1], 149) if asked == [1, 1, 2] else Page(page, 150)

    asked = []
    reading = Reading(ask)
    assert not reading.fits()
    reading.gather()
    assert len(reading.found) == 150


def test_though_one_question_in_ten_fails_a_crowded_second_is_read():
    messages = [message(i, timestamp=NOW + i) for i in range(2_000)]
    asked = []

    def ask(number, rows):
        asked.append(number)
        if len(asked) % 10 == 0:
            raise HistoryAwayError("502")
        return Page(messages[(number - 1) * rows : number * rows], len(messages))

    reading = Reading(ask)
    assert not reading.fits()
    for _ in range(2):
        with pytest.raises(HistoryAwayError, match="502"):
            reading.gather()
    reading.gather()
    assert len(reading.found) == 2_000
    assert asked == [1, *range(1, 10), *range(9, 19), *range(18, 21)]


def test_a_second_with_more_than_can_be_is_not_read():
    asked = []

    def ask(number, rows):
        asked.append(number)
        return Page([message()], MOST + 1)

    reading = Reading(ask)
    assert not reading.fits()
    with pytest.raises(HistoryAwayError):
        reading.gather()
    assert asked == [1]
