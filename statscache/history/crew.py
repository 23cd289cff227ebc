"""A crew of threads that works ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Crew(Generic[Result]):
    """Threads that take jobs in the order in which they are handed in.

    Unlike those of an executor they end with the process, whatever they wait for. What has not
    begun when the crew is left never begins.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = threading.Event()
        self._jobs: SimpleQueue[tuple[Callable[[], Result], Future[Result]] | None] = SimpleQueue()

    def __enter__(self) -> Crew[Result]:
        for _ in range(self._size):
            threading.Thread(target=self._work, name="statscache-history", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._left.set()
        for _ in range(self._size):
            self._jobs.put(None)

    @property
    def left(self) -> bool:
        """Whether nobody waits for a result any longer."""
        return self._left.is_set()

    def submit(self, job: Callable[[], Result]) -> Future[Result]:
        """What `job` will have returned, or raised."""
        result: Future[Result] = Future()
        self._jobs.put((job, result))
        return result

    def _work(self) -> None:
        while (task := self._jobs.get()) and not self.left:
            job, result = task
            try:
                result.set_result(job())
            except BaseException as error:
                result.set_exception(error)
