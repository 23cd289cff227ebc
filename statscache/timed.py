"""A source of names that may be slow: asked in a thread of its own, against a deadline.

A category that keeps missing the deadline is left alone for a while.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import NamedTuple

from .message import Message
from .plugins.subjects import topic_parts
from .text import one_line

log = logging.getLogger(__name__)

DEADLINE = 0.5
"""Seconds that one message may take."""

PATIENCE = 3
"""Deadlines missed in a row after which a category is left to the table."""

PAUSE = 600.0
"""Seconds for which it is left."""

MOST_HANGING = 4
"""Threads still busy with an overdue message from which on nobody is asked."""

REMEMBERED = 10_000
"""Messages whose answers are kept, so that each costs once."""


class Answer(NamedTuple):
    """What a message is about; None where that is not known."""

    users: frozenset[str] | None = None
    packages: frozenset[str] | None = None


UNKNOWN = Answer()

Lookup = Callable[[Message], Answer]


class TimedSource:
    """The answers of a `lookup` that may be slow, hang, raise, or change what it is given.

    It may be asked from several threads. `name` is for the log; `deadline` is in seconds, and so
    is what `now` returns, counted from any fixed moment.
    """

    def __init__(
        self,
        name: str,
        lookup: Lookup,
        *,
        deadline: float = DEADLINE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._lookup = lookup
        self._deadline = deadline
        self._now = now
        self._turn = Lock()
        self._worker: _Worker | None = None
        self._answers: dict[str, Answer] = {}
        self._missed: dict[str, int] = {}
        self._left_until: dict[str, float] = {}
        self._hanging: dict[str, _Worker] = {}
        self._failed: set[str] = set()

    def users(self, message: Message) -> frozenset[str] | None:
        """The accounts that `message` is about; None where that is not known in time."""
        return self._answer(message).users

    def packages(self, message: Message) -> frozenset[str] | None:
        """The packages that `message` is about; None where that is not known in time."""
        return self._answer(message).packages

    def _answer(self, message: Message) -> Answer:
        given = message.get("msg_id")
        name = given if isinstance(given, str) else ""
        if name in self._answers:
            return self._answers.get(name, UNKNOWN)
        if not self._turn.acquire(timeout=self._deadline):
            return UNKNOWN
        try:
            return self._answers.get(name) or self._ask(name, message)
        finally:
            self._turn.release()

    def _ask(self, name: str, message: Message) -> Answer:
        category = topic_parts(message).category
        if self._is_left(category):
            return UNKNOWN
        self._worker = self._worker or _Worker(self._lookup)
        try:
            answer = self._worker.ask(message, self._deadline)
        except Empty:
            self._miss(category, self._worker)
            answer = UNKNOWN
        else:
            self._missed.pop(category, None)
        if isinstance(answer, Exception):
            self._fail(category, answer)
            answer = UNKNOWN
        if name:
            self._remember(name, answer)
        return answer

    def _is_left(self, category: str) -> bool:
        self._hanging = {each: worker for each, worker in self._hanging.items() if worker.is_busy()}
        return (
            category in self._hanging
            or len(self._hanging) >= MOST_HANGING
            or self._now() < self._left_until.get(category, float("-inf"))
        )

    def _miss(self, category: str, worker: _Worker) -> None:
        """Leave `worker` alone with its message: the next one gets a new thread."""
        worker.retire()
        self._worker = None
        self._hanging[category] = worker
        missed = self._missed.get(category, 0) + 1
        self._missed[category] = missed
        if missed == 1:
            self._warn(category, f"took more than {self._deadline:g} s", "such late ones")
        if missed == PATIENCE:
            del self._missed[category]
            self._left_until[category] = self._now() + PAUSE
            self._warn(category, f"was late {missed} times", f"the next {PAUSE / 60:g} minutes")

    def _fail(self, category: str, error: Exception) -> None:
        if category not in self._failed:
            self._failed.add(category)
            self._warn(
                category,
                f"failed ({one_line(repr(error), 120)})",
                "all that fail, without another word",
            )

    def _warn(self, category: str, event: str, extent: str) -> None:
        log.warning(
            "%s %s over messages of %s: the table of well-known fields serves %s",
            self._name,
            event,
            one_line(category, 80),
            extent,
        )

    def _remember(self, name: str, answer: Answer) -> None:
        self._answers[name] = answer
        if len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]


class _Worker:
    """A thread that looks messages up, one after the other."""

    def __init__(self, lookup: Lookup) -> None:
        self._inbox: SimpleQueue[tuple[Message, SimpleQueue[Answer | Exception]] | None]
        self._inbox = SimpleQueue()
        self._thread = Thread(
            target=_work, args=(lookup, self._inbox), name="statscache-names", daemon=True
        )
        self._thread.start()

    def ask(self, message: Message, deadline: float) -> Answer | Exception:
        """What the lookup returned or raised.

        Raises:
            Empty: it did neither within `deadline` seconds.
        """
        reply: SimpleQueue[Answer | Exception] = SimpleQueue()
        self._inbox.put((message, reply))
        return reply.get(timeout=deadline)

    def retire(self) -> None:
        """End the thread, once it has finished what it is at."""
        self._inbox.put(None)

    def is_busy(self) -> bool:
        return self._thread.is_alive()


def _work(
    lookup: Lookup, inbox: SimpleQueue[tuple[Message, SimpleQueue[Answer | Exception]] | None]
) -> None:
    while question := inbox.get():
        message, reply = question
        try:
            # A processor may change the message, even when nobody waits for it any longer.
            reply.put(lookup(copy.deepcopy(message)))
        except Exception as error:
            reply.put(error)
