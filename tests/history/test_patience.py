from __future__ import annotations

import pytest
from clock import Clock

from statscache.errors import HistoryAwayError, HistoryError
from statscache.history.patience import LONGEST_PAUSE, persistently


def failing(times, error=None):
    """Answers after so many failures."""
    left = iter([error or HistoryAwayError("away")] * times)

    def ask():
        for failure in left:
            raise failure
        return "answer"

    return ask


def ask_with(clock, ask, patience=600.0):
    return persistently(ask, patience=patience, now=clock.now, sleep=clock.sleep)


def test_what_is_answered_costs_no_pause():
    clock = Clock()
    assert ask_with(clock, failing(0)) == "answer"
    assert clock.pauses == []


def test_pauses_double_up_to_a_minute_and_are_not_all_alike():
    clock = Clock()
    assert ask_with(clock, failing(10), 1e6) == "answer"
    longest = [min(LONGEST_PAUSE, 2.0**n) for n in range(10)]
    assert all(most / 2 <= one <= most for one, most in zip(clock.pauses, longest, strict=True))
    assert len(set(clock.pauses)) == 10


def test_the_host_may_ask_for_a_longer_pause_but_not_for_a_shorter_one():
    clock = Clock()
    ask_with(clock, failing(1, HistoryAwayError("busy", 123.0)))
    ask_with(clock, failing(1, HistoryAwayError("busy", 0.001)))
    assert clock.pauses[0] == 123
    assert clock.pauses[1] >= 0.5


@pytest.mark.parametrize("patience", [0, 5, 600])
def test_what_never_answers_is_given_up_in_time(patience):
    clock = Clock()
    began = clock.now()
    with pytest.raises(HistoryAwayError, match=r"away, after \d+ attempts in \d+ s"):
        ask_with(clock, failing(10**6), patience)
    assert clock.now() - began <= patience


def test_nobody_waits_for_a_host_that_wants_more_time_than_there_is():
    clock = Clock()
    with pytest.raises(HistoryAwayError) as given_up:
        ask_with(clock, failing(1, HistoryAwayError("busy", 3600)))
    assert clock.pauses == []
    assert given_up.value.retry_after == 3600


def test_what_does_not_pass_is_not_asked_again():
    clock = Clock()
    with pytest.raises(HistoryError, match="never"):
        ask_with(clock, failing(1, HistoryError("never")))
    assert clock.pauses == []
