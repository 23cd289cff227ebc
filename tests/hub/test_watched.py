"""What a daemon measures, as Prometheus reads it from the web application, another process."""

from __future__ import annotations

import time

import pytest
from harness import Hub, wait_until
from prometheus_client.parser import text_string_to_metric_families as parse
from samples import message

from statscache.web import create_app
from statscache.web.serving import EXTENSION

ACCEPTED = ("statscache_messages_accepted_total",)


@pytest.fixture
def scrape(hub: Hub):
    """Every sample: its name and the values of its labels, to its value."""
    app = create_app({"statscache.sqlalchemy.uri": hub.uri})

    def samples() -> dict[tuple[str, ...], float]:
        text = app.test_client().get("/metrics").text
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in parse(text)
            for sample in family.samples
        }

    yield samples
    app.extensions[EXTENSION].store.close()


@pytest.mark.slow
def test_its_counters_can_be_read_while_it_runs_and_begin_anew_with_the_next(hub, bus, scrape):
    began = time.time()
    hub.listen()
    bus.wait_for(1)
    bus.send(*(message(number, timestamp=int(began)) for number in (*range(20), *range(5))))
    bus.send({"topic": "", "msg": {}})
    # Each is told every five seconds, and one may be ahead of another.
    expected = {
        ACCEPTED: 25,
        ("statscache_messages_duplicate_total",): 5,
        ("statscache_queue_messages",): 0,
        ("statscache_daemon_up",): 1,
        ("statscache_messages_counted_total", "volume-1s"): 20,
    }
    wait_until(lambda: expected.items() <= scrape().items(), 60)
    for busy in (
        ("statscache_turns_total", "1s"),
        ("statscache_counting_seconds_total", "volume-1s"),
    ):
        wait_until(lambda busy=busy: scrape().get(busy, 0) > 0, 60)
    assert scrape()["statscache_daemon_start_time_seconds",] >= began
    # At a whole minute all of them are counted, and trimmed.
    assert scrape()["statscache_journal_entries",] in (0, 20)
    assert max(value for key, value in scrape().items() if key[0] == "statscache_lag_seconds") < 90
    hub.end()
    assert scrape()["statscache_daemon_up",] == 0
    assert ACCEPTED not in scrape()
    hub.listen()
    assert wait_until(lambda: ACCEPTED in (now := scrape()) and now, 60)[ACCEPTED] == 0
    assert not hub.complaints
