"""The history in whole windows, from a host that does all it can against it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from itertools import islice, pairwise

import datagrepper
import pytest
from clock import Clock
from datagrepper import FAULTS, RAW, SEARCH, Archive
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NOW, message, name

from statscache.errors import HistoryAwayError, HistoryError, TooLongError
from statscache.history import Datagrepper
from statscache.message import message_id
from statscache.times import utc

START = int(NOW)


def client(served, clock=None, **changes):
    clock = clock or Clock()
    return Datagrepper(served.url, now=clock.now, sleep=clock.sleep, **changes)


def spread(number, a_second=1.0, start=START):
    """So many messages, evenly from `start` on."""
    return [message(i, timestamp=start + int(i / a_second)) for i in range(number)]


def names(windows):
    return [message_id(one, None) for window in windows for one in window.messages]


def assert_tile(windows, start, stop):
    assert (windows[0].start, windows[-1].stop) == (start, stop)
    assert all(one.start < one.stop for one in windows)
    assert all(one.stop == other.start for one, other in pairwise(windows))


# -- every message once --------------------------------------------------------------------------

SECONDS = st.integers(0, 900)
TIMES = st.one_of(
    SECONDS,
    SECONDS.map(lambda second: second + 0.25),
    st.floats(0, 900).map(lambda time: round(time, 6)),
)
BURST = st.tuples(TIMES, st.integers(1, 130))


@settings(max_examples=60)
@given(
    bursts=st.lists(BURST, max_size=8),
    first=SECONDS,
    length=st.integers(1, 900),
    path=st.sampled_from([SEARCH, RAW]),
    restless=st.booleans(),
    connections=st.integers(1, 4),
)
def test_windows_tile_the_range_and_each_message_comes_once_in_its_own(
    bursts, first, length, path, restless, connections
):
    times = [START + time for time, size in bursts for _ in range(size)]
    sent = [message(i, timestamp=time) for i, time in enumerate(times)]
    start, stop = START + first, START + first + length
    with datagrepper.Datagrepper(Archive(sent), paths=[path], restless=restless) as served:
        read = client(served, connections=connections)
        windows = list(read.windows(start, stop))
        total = read.total(start, stop)
    assert_tile(windows, start, stop)
    expected = {name(i) for i, time in enumerate(times) if start <= time < stop}
    assert sorted(names(windows)) == sorted(expected)
    assert total == len(expected)
    for window in windows:
        assert all(window.start <= one["timestamp"] < window.stop for one in window.messages)


@pytest.mark.parametrize("paths", [[SEARCH, RAW], [RAW]])
def test_a_message_comes_as_it_was_sent(paths):
    sent = spread(3)
    with datagrepper.Datagrepper(Archive(sent), paths=paths) as served:
        (window,) = client(served).windows(START, START + 3)
    kept = ("topic", "msg", "timestamp", "msg_id")
    assert [{key: one[key] for key in kept} for one in window.messages] == [
        {key: one[key] for key in kept} for one in sent
    ]


def test_only_the_topics_that_are_asked_for_come():
    sent = [message(i, timestamp=START + i, topic="abc"[i % 3]) for i in range(300)]
    with datagrepper.Datagrepper(Archive(sent)) as served:
        windows = client(served).windows(START, START + 300, topics=["a", "c"])
        topics = [one["topic"] for window in windows for one in window.messages]
        assert (len(topics), set(topics)) == (200, {"a", "c"})
        assert client(served).total(START, START + 300, topics=["b"]) == 100


def test_what_has_no_id_gets_one_and_what_has_no_time_comes_first():
    headers = {"sent-at": None}
    timeless = message(2, timestamp=START + 5.5, headers=headers)
    with datagrepper.Datagrepper(Archive([*spread(2), timeless, message(msg_id=None)])) as served:
        (window,) = client(served).windows(START, START + 10)
    assert [one.get("timestamp") for one in window.messages] == [None, START, START + 1]


def test_what_has_no_time_comes_once_even_from_the_border_of_two_windows():
    headers = {"sent-at": None}
    timeless = [message(i, timestamp=START + i, headers=headers) for i in range(900)]
    with datagrepper.Datagrepper(Archive(timeless)) as served:
        windows = list(client(served).windows(START, START + 900))
    assert len(windows) > 3
    assert sorted(names(windows)) == [name(i) for i in range(900)]


@pytest.mark.parametrize("paths", [[SEARCH], [RAW]])
def test_a_total_is_of_the_same_messages_as_the_windows(paths):
    times = (START - 0.25, START, START + 9.75, START + 10, START + 10.25)
    sent = [message(i, timestamp=time) for i, time in enumerate(times)]
    with datagrepper.Datagrepper(Archive(sent), paths=paths) as served:
        assert client(served).total(START, START + 10) == 2
        assert names(client(served).windows(START, START + 10)) == [name(1), name(2)]


@pytest.mark.parametrize("start", [0, 946_684_800, 4_102_444_800])
def test_any_century_has_its_history(start):
    sent = [message(i, timestamp=start + 1 + i) for i in range(200)]
    with datagrepper.Datagrepper(Archive(sent)) as served:
        windows = list(client(served).windows(start, start + 150))
    assert_tile(windows, start, start + 150)
    assert len(set(names(windows))) == 149


@pytest.mark.parametrize(("start", "stop"), [(START, START), (START, START - 1), (-5, 0)])
def test_an_empty_range_has_no_windows_and_asks_nobody(start, stop):
    with datagrepper.Datagrepper(Archive(spread(5))) as served:
        assert list(client(served).windows(start, stop)) == []
        assert client(served).total(START, START) == 0
        assert served.asked == []


def test_what_is_no_message_is_told_with_its_reason():
    with datagrepper.Datagrepper(Archive([*spread(2), message(9, topic="")])) as served:
        (window,) = client(served).windows(START - 100, START + 10)
    assert [error.reason for error in window.refused] == ["no topic"]
    assert len(window.messages) == 2


def test_what_arrives_late_harms_no_window():
    early, late = spread(600), [message(1000 + i, timestamp=START + 7 * i) for i in range(80)]

    def arrive(number):
        if late:
            served.archive.add(late.pop())

    with datagrepper.Datagrepper(Archive(early), before=arrive) as served:
        windows = list(client(served).windows(START, START + 600))
        served.archive.add(*late)
        again = list(client(served).windows(START, START + 600))
    found = names(windows)
    assert len(found) == len(set(found))
    assert {name(i) for i in range(600)} <= set(found)
    assert len(names(again)) == 680


# -- what is asked -------------------------------------------------------------------------------


def test_no_question_walks_into_a_trap():
    with datagrepper.Datagrepper(Archive(spread(3000, 20.0))) as served:
        list(client(served).windows(0, 300))
        list(client(served).windows(START, START + 300))
        client(served).total(0, START + 300)
        for path, query in served.asked:
            assert path == SEARCH
            assert 1 <= int(query["start"][0]) <= int(query["end"][0])
            assert 1 <= int(query["rows_per_page"][0]) <= 100
            assert query["order"] == ["asc"]


def test_windows_fit_the_traffic():
    quiet, busy = spread(100, 0.001), spread(5000, 30.0, START + 100_000)
    sent = [one | {"msg_id": f"2026-{i}"} for i, one in enumerate([*quiet, *busy])]
    with datagrepper.Datagrepper(Archive(sent)) as served:
        windows = list(client(served).windows(START, START + 101_000))
        assert len(set(names(windows))) == 5100
        assert max(one.stop - one.start for one in windows) > 3000
        assert max(len(one.messages) for one in windows) <= 100
        assert len(served.asked) < 5100 / 20


def test_reading_ahead_is_bounded():
    with datagrepper.Datagrepper(Archive(spread(20_000, 2.0))) as served:
        windows = client(served, connections=2).windows(START, START + 10_000)
        for _ in range(5):
            next(windows)
        time.sleep(0.3)
        # Five windows, four ahead, and the first one cut into parts.
        assert len(served.asked) < 5 + 4 + 16
        assert served.connections <= 2
        windows.close()


def test_who_stops_reading_stops_asking():
    with datagrepper.Datagrepper(Archive(spread(20_000, 2.0)), "bad_gateway", every=5) as served:
        windows = client(served, connections=2).windows(START, START + 10_000)
        next(windows)
        windows.close()
        time.sleep(0.2)
        asked = len(served.asked)
        time.sleep(0.3)
        assert len(served.asked) == asked


# -- where it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "/", "/raw", "/raw/"])
def test_an_address_may_be_written_in_the_older_style(end):
    with datagrepper.Datagrepper(Archive(spread(3))) as served:
        windows = list(Datagrepper(served.url + end).windows(START, START + 3))
        assert sorted(names(windows)) == [name(i) for i in range(3)]
        assert {path for path, _ in served.asked} == {SEARCH}


def test_an_older_host_is_asked_in_the_older_way_and_once_in_the_newer():
    with datagrepper.Datagrepper(Archive(spread(3000, 10.0)), paths=[RAW]) as served:
        windows = list(client(served, connections=1).windows(START, START + 300))
        assert sorted(names(windows)) == [name(i) for i in range(3000)]
        assert [path for path, _ in served.asked].count(SEARCH) == 1


def test_a_host_that_has_neither_is_no_datagrepper():
    clock = Clock()
    with datagrepper.Datagrepper(Archive(), paths=[]) as served:
        with pytest.raises(HistoryError, match=r"is no datagrepper.*endpoint") as wrong:
            list(client(served, clock).windows(START, START + 300))
        assert served.url in str(wrong.value)
        assert not isinstance(wrong.value, HistoryAwayError)
        assert clock.pauses == []


def test_a_way_that_was_there_and_is_gone_may_come_back():
    with datagrepper.Datagrepper(Archive(spread(3))) as served:
        read = client(served)
        assert read.total(START, START + 3) == 3
        served.paths = []
        with pytest.raises(HistoryAwayError, match="there is no /v2/search any longer"):
            read.total(START, START + 3)


# -- faults --------------------------------------------------------------------------------------

SLOW = {"slow", "dripping"}


@pytest.mark.parametrize("path", [SEARCH, RAW])
@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"elsewhere"} - SLOW))
def test_a_fault_now_and_then_loses_and_doubles_nothing(fault, path):
    sent = [*spread(700, 2.0), *(message(1000 + i, timestamp=START + 99) for i in range(150))]
    clock = Clock()
    with datagrepper.Datagrepper(Archive(sent), fault, every=3, paths=[path]) as served:
        windows = list(client(served, clock).windows(START, START + 300))
    assert_tile(windows, START, START + 300)
    expected = [name(one["i"]) for one in sent if one["timestamp"] < START + 300]
    assert sorted(names(windows)) == sorted(expected)
    assert clock.pauses


@pytest.mark.parametrize("fault", sorted(SLOW))
def test_an_answer_that_is_late_now_and_then_loses_nothing(fault):
    with datagrepper.Datagrepper(Archive(spread(700, 2.0)), fault, every=5) as served:
        read = Datagrepper(served.url, timeout=0.2, sleep=Clock().sleep)
        windows = list(read.windows(START, START + 350))
    assert sorted(names(windows)) == [name(i) for i in range(700)]


def test_a_busy_host_is_left_alone_for_as_long_as_it_says():
    clock = Clock()
    with datagrepper.Datagrepper(Archive(spread(5)), "busy") as served:
        list(client(served, clock).windows(START, START + 5))
    assert clock.pauses == [7]


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"elsewhere", "page_before"} - SLOW))
def test_a_fault_that_stays_is_given_up_in_time_and_named(fault):
    clock = Clock()
    with datagrepper.Datagrepper(Archive(spread(5)), fault, times=float("inf")) as served:
        read = client(served, clock, connections=1, patience=100)
        with pytest.raises(HistoryAwayError) as given_up:
            next(read.windows(START, START + 10))
    said = str(given_up.value)
    # Not by the clock: where sleep takes no time, others may have slept before they are told.
    assert int(re.search(r"attempts in (\d+) s", said)[1]) <= 100
    spans = [f"from {utc(START)} to {utc(START + length)}" for length in (1, 10)]
    assert any(span in said for span in spans)
    assert served.url in said
    assert "the rest can be when the host is well" in said


def test_windows_before_the_one_that_cannot_be_had_are_whole_and_reading_goes_on_after_them():
    def broken(asked, answer):
        fault = FAULTS["server_error"] if int(asked.query["end"][0]) > START + 700 else _fine
        fault(asked, answer)

    archive = Archive(spread(2000, 2.0))
    read, last = [], None
    with datagrepper.Datagrepper(archive, broken, times=float("inf")) as served:
        with pytest.raises(HistoryAwayError) as given_up:
            read.extend(client(served).windows(START, START + 1000))
        last = read[-1].stop
        assert f"from {utc(last)} to" in str(given_up.value)
    with datagrepper.Datagrepper(archive) as served:
        read += client(served).windows(last, START + 1000)
    assert_tile(read, START, START + 1000)
    assert sorted(names(read)) == [name(i) for i in range(2000)]


def _fine(asked, answer):
    asked.send(200, answer.encode(), asked.accepted)


def test_a_redirect_to_another_host_is_not_followed():
    elsewhere = pytest.raises(HistoryError, match=r"elsewhere\.example\.org")
    with datagrepper.Datagrepper(Archive(spread(5)), "elsewhere") as served, elsewhere:
        list(client(served).windows(START, START + 5))


def test_an_answer_that_is_too_long_makes_smaller_questions():
    long = [message(i, timestamp=START + i, msg={"text": "x" * 10_000}) for i in range(90)]
    with datagrepper.Datagrepper(Archive(long)) as served:
        windows = list(client(served, maximum_bytes=200_000).windows(START, START + 90))
        assert sorted(names(windows)) == [name(i) for i in range(90)]
        with pytest.raises(TooLongError):
            list(client(served, maximum_bytes=5_000).windows(START, START + 90))


READER = """
import sys
from statscache.history import Datagrepper

url, start, stop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for window in Datagrepper(url).windows(start, stop):
    print(window.stop, *(one["msg_id"][5:] for one in window.messages), flush=True)
"""


def test_a_reader_that_is_killed_goes_on_where_it_was():
    def take_time(number):
        time.sleep(0.02)

    with datagrepper.Datagrepper(Archive(spread(2000, 2.0)), before=take_time) as served:
        last, found = START, []
        for _ in range(2):
            command = [sys.executable, "-c", READER, served.url, str(last), str(START + 1000)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
                for line in islice(reader.stdout, 6):
                    stop, *ids = line.split()
                    last = int(stop)
                    found += ids
                reader.kill()
        assert START < last < START + 1000
        found += names(client(served).windows(last, START + 1000))
    assert sorted(found) == [name(i) for i in range(2000)]


def test_a_process_that_has_seen_enough_ends_at_once():
    def take_long(asked, answer):
        if answer.arguments["start"] > START:
            time.sleep(15)
        _fine(asked, answer)

    with datagrepper.Datagrepper(Archive(spread(5)), take_long) as served:
        script = READER.replace("flush=True)", "flush=True); break")
        command = [sys.executable, "-c", script, served.url, str(START), str(START + 10_000)]
        subprocess.run(command, check=True, timeout=10)
