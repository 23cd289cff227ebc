"""Queues and futures of old."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from statscache.plugins import Future, Queue, asynchronous, threads


@pytest.fixture
def got():
    """What handlers were given."""
    return []


def test_handlers_get_the_value_before_and_after_it_is_there(got):
    future = Future(on_success=[got.append])
    future.on_failure(got.append)
    assert got == []
    future.fire(1)
    assert got == [1]
    future.on_success(lambda _: got.append(2))
    assert got == [1, 2]


def test_what_a_handler_returns_is_handed_to_the_next(got):
    future = Future.success(1)
    future.on_success(lambda value: value + 1)
    future.on_failure(got.append)
    future.on_success(got.append)
    assert got == [2]


def test_a_failure_is_handed_over_with_its_error_and_stack_and_what_handles_it_ends_it(got):
    def broken(_):
        raise ValueError("no")

    future = Future.success(1)
    future.on_success(broken)
    future.on_success(got.append)
    future.on_failure(got.append)
    future.on_success(got.append)
    failure, after = got
    assert str(failure.error) == "no"
    assert failure.stack[-1].function == "broken"
    assert after is None


def test_one_that_is_resolved_cannot_be_again():
    for future in (Future.success(1), Future.failure(ValueError())):
        with pytest.raises(Future.AlreadyResolvedError):
            future.fire(2)
        with pytest.raises(Future.AlreadyResolvedError):
            future.fail(ValueError())
        future.quit()


def test_one_that_quits_fails(got):
    future = Future(on_failure=[got.append])
    future.quit()
    assert isinstance(got[0].error, Future.CancellationError)


def test_one_that_comes_from_twisted_is_resolved_by_it(got):
    Future(succeed(1), on_success=[got.append])
    Future(fail(ValueError("no")), on_failure=[lambda failure: got.append(str(failure.error))])
    waiting = Deferred()
    Future(waiting, on_success=[got.append])
    waiting.callback(3)
    assert got == [1, "no", 3]


@pytest.fixture
def reactor() -> Iterator[list]:
    """Keeps what it is told to call."""
    calls: list = []
    threads.through(calls.append)
    yield calls
    threads.through(None)


def test_what_is_computed_in_a_thread_comes_back_through_the_reactor(reactor, got):
    done = threading.Event()

    @asynchronous
    def double(number, by=2):
        done.set()
        if number is None:
            raise ValueError("no")
        return threading.current_thread(), number * by

    future = double(2, by=3)
    future.on_success(got.append)
    assert done.wait(10)
    while not reactor:
        pass
    assert got == []
    reactor.pop()()
    (thread, six), *_ = got
    assert (six, thread is threading.current_thread()) == (6, False)

    failing = double(None)
    while not reactor:
        pass
    reactor.pop()()
    failing.on_failure(lambda failure: got.append(str(failure.error)))
    assert got[-1] == "no"


def test_a_result_that_nobody_waits_for_any_more_is_left(reactor, got):
    future = asynchronous(lambda: 1)()
    future.on_failure(got.append)
    while not reactor:
        pass
    future.quit()
    reactor.pop()()
    assert len(got) == 1


def test_items_come_in_order_to_those_who_wait_and_wait_for_those_who_come(got):
    queue = Queue()
    queue.dequeue().on_success(got.append)
    for number in range(3):
        queue.enqueue(number)
    assert (got, len(queue), queue.enqueued) == ([0], 2, 3)
    queue.dequeue().on_success(got.append)
    assert (got, len(queue)) == ([0, 1], 1)


def test_who_has_quit_waits_for_nothing_any_more(got):
    queue = Queue()
    queue.dequeue().quit()
    queue.dequeue().on_success(got.append)
    queue.enqueue(1)
    assert got == [1]


def test_a_queue_refuses_more_than_it_holds_and_more_who_wait_than_may():
    queue = Queue(size=1, backlog=1)
    queue.dequeue()
    with pytest.raises(Queue.UnderflowError):
        queue.dequeue()
    queue.enqueue(1)
    queue.enqueue(2)
    with pytest.raises(Queue.OverflowError):
        queue.enqueue(3)
    assert (len(queue), queue.enqueued) == (1, 2)
