from __future__ import annotations

import logging
import threading
import time

import pytest

from statscache.engine.workers import SLOW_AFTER, WAITS_AT_MOST, Pool

PATIENCE = 10


class Gate:
    """A job that tells when it runs, and sleeps until it is let go."""

    def __init__(self):
        self.started = threading.Event()
        self.released = threading.Event()
        self.thread = None

    def __call__(self):
        self.thread = threading.current_thread()
        self.started.set()
        assert self.released.wait(PATIENCE)

    def runs(self):
        return self.started.wait(PATIENCE)


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def make_pool(clock):
    pools, gates = [], []

    def make(size):
        pools.append(Pool(size, lambda: clock[0]))
        return pools[-1]

    make.gate = lambda: gates.append(Gate()) or gates[-1]
    yield make
    for gate in gates:
        gate.released.set()
    for pool in pools:
        assert pool.stop(PATIENCE)


def test_a_job_is_run(make_pool):
    pool, done = make_pool(1), []
    assert pool.submit("a", lambda: done.append(1))
    assert pool.wait(PATIENCE)
    assert done == [1]
    assert pool.busy() == set()


def test_a_key_has_one_job_at_a_time(make_pool):
    pool, gate, done = make_pool(4), make_pool.gate(), []
    assert pool.submit("a", gate)
    assert gate.runs()
    assert not pool.submit("a", lambda: done.append("too early"))
    gate.released.set()
    assert pool.wait(PATIENCE)
    assert pool.submit("a", lambda: done.append("later"))
    assert pool.wait(PATIENCE)
    assert done == ["later"]


def test_a_key_that_waits_is_not_queued_twice(make_pool):
    pool, gate, done = make_pool(1), make_pool.gate(), []
    pool.submit("a", gate)
    assert pool.submit("b", lambda: done.append(1))
    assert not pool.submit("b", lambda: done.append(2))
    assert pool.busy() == {"a", "b"}
    gate.released.set()
    assert pool.wait(PATIENCE)
    assert done == [1]


def test_no_more_jobs_run_at_once_than_it_has_threads(make_pool):
    pool = make_pool(3)
    lock, running, most = threading.Lock(), 0, 0

    def job():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    for number in range(30):
        assert pool.submit(str(number), job)
    assert pool.wait(PATIENCE)
    assert most == 3


def test_jobs_of_different_keys_run_beside_each_other(make_pool):
    pool, gates = make_pool(3), [make_pool.gate() for _ in range(3)]
    for number, gate in enumerate(gates):
        pool.submit(str(number), gate)
    assert all(gate.runs() for gate in gates)


def test_a_slow_job_is_helped_out(make_pool, clock):
    pool, slow, done = make_pool(1), make_pool.gate(), []
    pool.submit("slow", slow)
    assert slow.runs()
    clock[0] = SLOW_AFTER + 1
    pool.submit("b", lambda: done.append(1))
    deadline = time.monotonic() + PATIENCE
    while pool.busy() != {"slow"} and time.monotonic() < deadline:
        time.sleep(0.005)
    assert done == [1]


def test_those_who_wait_are_helped_though_nothing_new_comes(make_pool, clock):
    """As in the engine, which offers the same keys again and again."""
    pool, slow, waiting = make_pool(1), make_pool.gate(), make_pool.gate()
    pool.submit("slow", slow)
    assert slow.runs()
    pool.submit("b", waiting)
    clock[0] = SLOW_AFTER + 1
    assert not pool.submit("slow", slow)
    assert not pool.submit("b", waiting)
    assert waiting.runs()
    assert pool.busy() == {"slow", "b"}


def test_once_the_slow_jobs_end_there_are_no_more_threads_than_before(make_pool, clock):
    pool = make_pool(1)
    slow = [make_pool.gate() for _ in range(4)]
    for number, gate in enumerate(slow):
        pool.submit(str(number), gate)
        assert gate.runs()
        clock[0] += SLOW_AFTER + 1
    for gate in slow:
        gate.released.set()
    assert pool.wait(PATIENCE)
    first, second = make_pool.gate(), make_pool.gate()
    pool.submit("first", first)
    pool.submit("second", second)
    assert first.runs()
    assert not second.started.wait(0.1)
    first.released.set()
    assert second.runs()


def test_a_job_that_raises_harms_no_other(make_pool, caplog):
    pool, done = make_pool(1), []

    def broken():
        raise SystemExit("by a plugin")

    for number in range(3):
        pool.submit(f"broken {number}", broken)
    pool.submit("sound", lambda: done.append(1))
    assert pool.wait(PATIENCE)
    assert done == [1]
    assert pool.submit("broken 0", lambda: done.append(2))
    assert pool.wait(PATIENCE)
    assert done == [1, 2]
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.message.split("\n")[0] for record in failures] == [
        f"the job broken {number} failed" for number in range(3)
    ]
    assert "by a plugin" in caplog.text


def test_waiting_ends_after_the_time_that_was_allowed(make_pool):
    pool, gate = make_pool(1), make_pool.gate()
    assert pool.wait(0)
    pool.submit("a", gate)
    assert not pool.wait(0.05)
    gate.released.set()
    assert pool.wait(PATIENCE)


def test_stopping_drops_what_waits_and_waits_for_what_runs(make_pool):
    pool, gate, done = make_pool(1), make_pool.gate(), []
    pool.submit("a", gate)
    assert gate.runs()
    pool.submit("b", lambda: done.append(1))
    assert not pool.stop(0.05)
    gate.released.set()
    assert pool.stop(PATIENCE)
    assert not pool.submit("c", lambda: done.append(2))
    gate.thread.join(PATIENCE)
    assert not gate.thread.is_alive()
    assert done == []
    assert pool.busy() == set()


def test_a_job_that_never_ends_does_not_keep_the_process(make_pool):
    pool, gate = make_pool(1), make_pool.gate()
    pool.submit("a", gate)
    assert gate.runs()
    assert gate.thread.daemon


def test_a_job_may_offer_another(make_pool):
    pool, done = make_pool(1), []

    def job():
        done.append(pool.submit("a", done.clear))
        done.append(pool.submit("b", lambda: done.append("b")))

    pool.submit("a", job)
    assert pool.wait(PATIENCE)
    assert done == [False, True, "b"]


def test_a_job_that_has_more_to_do_goes_on_after_the_others(make_pool):
    order = []
    parts = iter([True, True, False])

    def long():
        order.append("long")
        return next(parts)

    def short():
        order.append("short")
        return False

    pool = make_pool(1)
    gate = Gate()
    pool.submit("gate", gate)
    pool.submit("long", long)
    pool.submit("short", short)
    gate.released.set()
    assert pool.wait(PATIENCE)
    assert order == ["long", "short", "long", "long"]


def run_by_rank(pool, gate, ranks):
    order = []
    pool.submit("gate", gate)
    assert gate.runs()
    for key, rank in ranks.items():
        pool.submit(key, lambda key=key: order.append(key), lambda rank=rank: rank)
    return order


def test_the_lowest_of_those_that_wait_is_next(make_pool):
    pool, gate = make_pool(1), make_pool.gate()
    order = run_by_rank(pool, gate, {"a": 3, "b": 1, "c": 2, "d": 1})
    gate.released.set()
    assert pool.wait(PATIENCE)
    assert order == ["b", "d", "c", "a"]


def test_a_job_that_has_waited_long_is_next_whatever_its_rank(make_pool, clock):
    pool, gate = make_pool(1), make_pool.gate()
    order = run_by_rank(pool, gate, {"high": 9})
    clock[0] = WAITS_AT_MOST
    pool.submit("low", lambda: order.append("low"))
    gate.released.set()
    assert pool.wait(PATIENCE)
    assert order == ["high", "low"]
