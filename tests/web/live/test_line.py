"""A line through a server that has a thread for each answer."""

from __future__ import annotations

import threading

from prometheus_client import CollectorRegistry, Gauge

from statscache.web.live import telling
from statscache.web.live.line import UNREAD_BYTES, Line, listen
from statscache.web.live.topic import topic
from statscache.web.live.watcher import Watcher


def test_what_is_said_comes_in_order_until_somebody_hangs_up():
    line = Line()
    for text in (b"a", b"b"):
        line.send(text)
    line.hang_up()
    assert [*line] == [b"a", b"b"]


def test_who_takes_nothing_is_hung_up_on_with_little_more_than_the_bound_in_memory():
    line = Line()
    for _ in range(1000):
        line.send(b"x" * 1000)
    assert UNREAD_BYTES < len(b"".join(line)) <= UNREAD_BYTES + 1000


def test_who_takes_all_is_told_all():
    line, taken = Line(), []
    reading = threading.Thread(target=lambda: taken.extend(line))
    reading.start()
    for number in range(20):
        line.send(b"%d" % number)
    line.hang_up()
    reading.join(10)
    assert taken == [b"%d" % number for number in range(20)]


def test_a_stream_that_is_closed_gives_its_place_back(live):
    gauge = Gauge("x", "x", registry=CollectorRegistry())
    watcher = Watcher(live[1], lambda *_: b"first", gauge)
    reader = watcher.admit(topic(("builds-1h",), {}, "tests"), None, 1)
    stream = listen(reader)
    assert [next(stream), next(stream)] == [telling.OPENING, b"first"]
    assert gauge._value.get() == 1
    stream.close()
    assert gauge._value.get() == 0
