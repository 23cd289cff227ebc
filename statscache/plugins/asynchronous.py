"""`AsyncPlugin`: a plugin of old that has a part of its work done beside, in threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import partial
from os import cpu_count
from typing import Any

from sqlalchemy.orm import Session

from ..message import Message
from ..text import sentence, trace
from .api import BasePlugin
from .threads import Queue, start

log = logging.getLogger(__name__)


class AsyncPlugin(BasePlugin):
    """Calls `work` with each item of `queue`, `workers` at a time, each in a thread of its own.

    `fill`, `process` and `update` put items there: anything, or rows, whose change by `work` is
    written by the next `handle`. That is called on each turn, also without messages, and always
    with the same session, so that rows outlive it.

    Work and handling take turns. What `process` puts into the queue is done before `update` is
    called: messages are not counted until their work is. What `fill` and `update` put there is done
    once the transaction is committed. While a transaction is open no work is under way.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workers = cpu_count() or 1
        self.queue = Queue()
        self.launched = False
        self._turn = threading.Condition()
        self._may_work = False
        self._has_ended = False
        self._taken = 0
        self._working = 0

    def work(self, item: Any) -> None:
        """Do the work on one item of the queue, in a thread of its own; it may take its time."""

    def fill(self, session: Session) -> None:
        """Put into the queue what was left undone, as the rows tell it."""

    def launch(self, session: Session) -> None:
        """Fill the queue, and wait for items."""
        self.fill(session)
        for _ in range(self.workers):
            self._next()
        self.launched = True

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        """Take in the messages, wait for the work on them, and write down what both came to."""
        before = self.queue.enqueued
        self.resume()
        for message in messages:
            self.process(message)
        with self._turn:
            if self.launched and self.queue.enqueued > before:
                self._turn.wait_for(self._is_all_done)
            self._may_work = False
            self._turn.wait_for(lambda: not self._working)
        self.update(session)

    def resume(self) -> None:
        """Let work go on: what was handled is committed."""
        with self._turn:
            self._may_work = True
            self._turn.notify_all()

    def stop(self) -> None:
        """Begin no work any more."""
        with self._turn:
            self._has_ended = True
            self._turn.notify_all()

    def _is_all_done(self) -> bool:
        return self._has_ended or not (self._taken or len(self.queue))

    def _next(self) -> None:
        if not self._has_ended:
            self.queue.dequeue().on_success(self._take)

    def _take(self, item: Any) -> None:
        with self._turn:
            self._taken += 1
        start(partial(self._do, item))

    def _do(self, item: Any) -> None:
        if self._begins():
            try:
                self.work(item)
            except BaseException as error:
                what = sentence(error)
                log.error("%s: work on an item failed: %s\n%s", self.ident, what, trace(error))
            # In this order: what has left the queue counts as taken at every moment.
            self._next()
            self._end()

    def _begins(self) -> bool:
        with self._turn:
            self._turn.wait_for(lambda: self._may_work or self._has_ended)
            if self._has_ended:
                return False
            self._working += 1
            return True

    def _end(self) -> None:
        with self._turn:
            self._working -= 1
            self._taken -= 1
            self._turn.notify_all()
