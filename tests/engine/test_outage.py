from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from statscache.engine.outage import Outage

NOW = 1_767_225_600.0


@pytest.fixture
def outage():
    return Outage("postgresql://ada:***@localhost/statscache")


def told(caplog):
    return [(record.levelno, record.message) for record in caplog.records]


def test_the_log_says_so_once_and_once_more_when_it_is_back(outage, caplog):
    for second in range(5):
        outage.begin(ValueError("the server closed the connection"), NOW + second)
    assert outage.since == NOW
    outage.end(NOW + 90.4)
    outage.end(NOW + 91)
    assert outage.since is None
    (away, back) = told(caplog)
    assert away[0] == logging.ERROR
    assert "postgresql://ada:***@localhost/statscache is away" in away[1]
    assert "the server closed the connection" in away[1]
    assert "nothing is lost" in away[1]
    assert back == (logging.WARNING, "the database is back after 90 s")


def test_each_outage_is_told(outage, caplog):
    for _ in range(2):
        outage.begin(ValueError("x"), NOW)
        outage.end(NOW + 1)
    assert len(told(caplog)) == 4


def test_while_the_database_is_there_nothing_is_said(outage, caplog):
    outage.end(NOW)
    assert told(caplog) == []


def test_the_driver_s_own_words_are_told_on_one_line(outage, caplog):
    reason = 'could not connect\n\tIs the server running on "localhost"?\n' + "x" * 1000
    outage.begin(sa.exc.OperationalError("SELECT secret", {}, ValueError(reason)), NOW)
    ((_, message),) = told(caplog)
    assert "\n" not in message
    assert r"could not connect\n\tIs the server running" in message
    assert "SELECT" not in message
    assert len(message) < 700


def test_many_threads_tell_it_once(outage, caplog):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: outage.begin(ValueError("x"), NOW + n), range(50)))
        assert len(told(caplog)) == 1
        list(pool.map(lambda n: outage.end(NOW + 60 + n), range(50)))
    assert len(told(caplog)) == 2
