"""Queues and futures, as plugins of old know them: `Queue`, `Future`, `asynchronous`.

Handlers are called one after the other; what one returns is handed to the next. In the daemon those
of `Future.compute` are called in the thread of Twisted's reactor (`through`), as of old.
"""

from __future__ import annotations

import inspect
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

Handler = Callable[[Any], Any]
Call = Callable[[Callable[[], object]], object]


def _at_once(call: Callable[[], object]) -> object:
    return call()


_call: Call = _at_once


def through(call: Call | None) -> None:
    """From now on resolve what was computed by `call`; None: in the thread that computed it."""
    global _call  # noqa: PLW0603  one process, one reactor
    _call = call or _at_once


class Future:
    """A value that is there later. Any thread may resolve it, once.

    Args:
        source: a Deferred of Twisted, or alike, to be resolved by.
    """

    class AlreadyResolvedError(Exception):
        """It has succeeded, or failed, before."""

    class CancellationError(Exception):
        """It was told to quit before it had a value."""

    class Failure:
        """What went wrong: `error` is the exception, `stack` as `inspect.stack` gives it."""

        def __init__(self, error: BaseException) -> None:
            self.error = error
            self.stack = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []

    def __init__(
        self,
        source: Any = None,
        on_success: Iterable[Handler] | None = None,
        on_failure: Iterable[Handler] | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self._resolved = False
        self._failed = False
        self._value: Any = None
        self._handlers: deque[tuple[bool, Handler]] = deque()
        for handler in on_success or ():
            self.on_success(handler)
        for handler in on_failure or ():
            self.on_failure(handler)
        if source is not None:
            source.addCallbacks(self.fire, lambda failure: self.fail(failure.value))

    def on_success(self, f: Handler) -> None:
        """Call `f` with the value, when it is there."""
        self._add(False, f)

    def on_failure(self, f: Handler) -> None:
        """Call `f` with a `Failure`, when it comes to that."""
        self._add(True, f)

    def fire(self, result: Any) -> None:
        """Succeed with `result`."""
        self._resolve(False, result)

    def fail(self, error: BaseException) -> None:
        """Fail with `error`."""
        self._resolve(True, error)

    def quit(self) -> None:
        """Fail, unless it is resolved."""
        with self._lock:
            if not self._resolved:
                self.fail(Future.CancellationError())

    @staticmethod
    def success(
        result: Any,
        on_success: Iterable[Handler] | None = None,
        on_failure: Iterable[Handler] | None = None,
    ) -> Future:
        """One that has succeeded."""
        made = Future(None, on_success, on_failure)
        made.fire(result)
        return made

    @staticmethod
    def failure(
        error: BaseException,
        on_success: Iterable[Handler] | None = None,
        on_failure: Iterable[Handler] | None = None,
    ) -> Future:
        """One that has failed."""
        made = Future(None, on_success, on_failure)
        made.fail(error)
        return made

    @staticmethod
    def compute(
        f: Callable[..., Any],
        on_success: Iterable[Handler] | None = None,
        on_failure: Iterable[Handler] | None = None,
    ) -> Callable[..., Future]:
        """A function that has `f` called in a thread of its own, and returns the future result."""

        def begin(*args: Any, **kwargs: Any) -> Future:
            made = Future(None, on_success, on_failure)
            start(lambda: made._compute(f, *args, **kwargs))
            return made

        return begin

    # -- inside ----------------------------------------------------------------------------

    def _compute(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        try:
            result = f(*args, **kwargs)
        except BaseException as error:
            failure = error
            _call(lambda: self._resolve(True, failure, late=True))
        else:
            _call(lambda: self._resolve(False, result, late=True))

    def _add(self, of_failure: bool, handler: Handler) -> None:
        with self._lock:
            self._handlers.append((of_failure, handler))
            self._run()

    def _resolve(self, failed: bool, value: Any, late: bool = False) -> None:
        with self._lock:
            if self._resolved:
                if late:
                    return  # it has quit meanwhile
                raise Future.AlreadyResolvedError
            self._resolved, self._failed, self._value = True, failed, value
            self._run()

    def _run(self) -> None:
        """Call the handlers whose turn it is; one that raises makes a failure for the next."""
        while self._resolved and self._handlers:
            of_failure, handler = self._handlers.popleft()
            if of_failure != self._failed:
                continue
            given = Future.Failure(self._value) if self._failed else self._value
            try:
                self._failed, self._value = False, handler(given)
            except BaseException as error:
                self._failed, self._value = True, error


asynchronous = Future.compute


class Queue:
    """Items for whoever waits for one. Any thread may use it.

    Args:
        size: how many items may wait; None: any number.
        backlog: how many may wait for items.
    """

    class OverflowError(Exception):  # noqa: A001 - its name of old
        """As many items wait as may."""

    class UnderflowError(Exception):
        """As many wait for items as may."""

    def __init__(self, size: int | None = None, backlog: int | None = None) -> None:
        self.enqueued = 0
        """How many items there ever were."""
        self._size = size
        self._backlog = backlog
        self._lock = threading.Lock()
        self._items: deque[Any] = deque()
        self._waiting: deque[Future] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def enqueue(self, value: Any) -> None:
        """Add an item; whoever waits for one has it at once, in this thread.

        Raises:
            Queue.OverflowError: there are too many.
        """
        with self._lock:
            first = self._first()
            if first is None:
                if self._size is not None and len(self._items) >= self._size:
                    raise Queue.OverflowError
                self._items.append(value)
            self.enqueued += 1
        if first is not None:
            first.fire(value)

    def dequeue(self) -> Future:
        """The next item, as soon as there is one.

        Raises:
            Queue.UnderflowError: too many wait for one.
        """
        made = Future()
        with self._lock:
            if not self._items:
                if self._backlog is not None and len(self._waiting) >= self._backlog:
                    raise Queue.UnderflowError
                self._waiting.append(made)
                return made
            value = self._items.popleft()
        made.fire(value)
        return made

    def _first(self) -> Future | None:
        """Who has waited longest, of those that have not quit."""
        while self._waiting:
            first = self._waiting.popleft()
            if not first._resolved:
                return first
        return None


def start(call: Callable[[], object]) -> None:
    """Call it in a thread of its own, for which the end of the process does not wait."""
    threading.Thread(target=call, name="statscache-work", daemon=True).start()
