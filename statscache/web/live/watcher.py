"""One thread that looks for changes, for all who listen: it polls while there are any.

What is told of a change is read and written once for each topic, whatever the number of readers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from prometheus_client import Gauge
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ...store import Store, changes
from ...store.changes import State
from ...store.faults import is_outage
from ...text import sentence, trace
from . import telling
from .topic import Topic

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15
GATHER_SECONDS = 0.02
"""Who comes after a break of the line comes with others."""

log = logging.getLogger(__name__)


class Tell(Protocol):
    """Writes what there is to tell, or nothing, to whoever knows the rows of `before`."""

    def __call__(
        self, connection: Connection, topic: Topic, before: State | None, now: State
    ) -> bytes: ...


class Reader:
    """One who listens to `topic`, and has `heard` so far; None: nothing yet.

    It has a place until it leaves. From when it joins it is told what changes: by `send`, which
    must not wait; and `hang_up` ends the line.
    """

    def __init__(self, watcher: Watcher, topic: Topic, heard: State | None) -> None:
        self.topic = topic
        self.heard = heard
        self.send: Callable[[bytes], None] = _nowhere
        self.hang_up: Callable[[], None] = _nothing
        self._watcher = watcher

    def join(self, send: Callable[[bytes], None], hang_up: Callable[[], None]) -> None:
        self.send, self.hang_up = send, hang_up
        self._watcher.join(self)

    def leave(self) -> None:
        """More than once does no harm."""
        self._watcher.leave(self)


class _Room:
    """All who listen to one topic: those who know the rows of `state`, and those who came since."""

    def __init__(self, now: float) -> None:
        self.state: State | None = None
        self.readers: set[Reader] = set()
        self.coming: set[Reader] = set()
        self.said = now


class Watcher:
    """Tells the readers of one process what changes.

    Args:
        tell: writes an event; see `Teller`.
        gauge: how many readers there are.
        heartbeat: seconds without a word after which all are told that the line lives.
    """

    def __init__(
        self, store: Store, tell: Tell, gauge: Gauge, heartbeat: float = HEARTBEAT_SECONDS
    ) -> None:
        self._store = store
        self._tell = tell
        self._gauge = gauge
        self._heartbeat = heartbeat
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._admitted: set[Reader] = set()
        self._rooms: dict[Topic, _Room] = {}
        self._thread: threading.Thread | None = None
        self._is_away = False

    def admit(self, topic: Topic, heard: State | None, most: int) -> Reader | None:
        """A place for one more; None where there are `most` readers already."""
        with self._lock:
            if len(self._admitted) >= most:
                return None
            reader = Reader(self, topic, heard)
            self._admitted.add(reader)
        self._gauge.inc()
        return reader

    def join(self, reader: Reader) -> None:
        with self._lock:
            if reader not in self._admitted:
                return
            room = self._rooms.setdefault(reader.topic, _Room(time.monotonic()))
            room.coming.add(reader)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="live", daemon=True)
                self._thread.start()
        self._wake.set()

    def leave(self, reader: Reader) -> None:
        with self._lock:
            if reader not in self._admitted:
                return
            self._admitted.remove(reader)
            room = self._rooms.get(reader.topic)
            if room:
                room.readers.discard(reader)
                room.coming.discard(reader)
        self._gauge.dec()

    def _run(self) -> None:
        while self._goes_on():
            if self._wake.wait(POLL_SECONDS):
                self._wake.clear()
                time.sleep(GATHER_SECONDS)
            try:
                self._turn()
            except Exception as error:
                if not self._is_away:
                    log.warning("live readers are told nothing just now: %s", sentence(error))
                self._is_away = True
            self._beat()

    def _goes_on(self) -> bool:
        """Whether anybody is left; the thread ends, else."""
        with self._lock:
            empty = [topic for topic, room in self._rooms.items() if not _members(room)]
            for topic in empty:
                del self._rooms[topic]
            if not self._rooms:
                self._thread = None
            return bool(self._rooms)

    def _turn(self) -> None:
        """Tell everybody what has changed, as of one state of the database."""
        with self._lock:
            rooms = {topic: (room, {*room.coming}) for topic, room in self._rooms.items()}
        idents = {ident for topic in rooms for ident in topic.idents}
        with self._store.reading() as connection:
            now = changes.state(connection, idents)
            if self._is_away:
                log.warning("live readers are told again what changes")
            self._is_away = False
            for topic, (room, coming) in rooms.items():
                try:
                    told = self._told(connection, topic, room, coming, now)
                except Exception as error:
                    if isinstance(error, SQLAlchemyError) and is_outage(error):
                        raise
                    # This connection may be of no use any more: the others have their turn again.
                    self._fail(topic, room, error)
                    return
                self._send(room, coming, now, told)

    def _told(
        self, connection: Connection, topic: Topic, room: _Room, coming: set[Reader], now: State
    ) -> dict[str, bytes]:
        """What to tell those who know the rows of a state, by the id of that."""
        known = {topic.event_id(one.heard): one.heard for one in coming if one.heard}
        if room.state is not None and room.readers:
            known[_SAME] = room.state
        told = {
            key: self._tell(connection, topic, before, now)
            for key, before in known.items()
            if before != now
        }
        if any(one.heard is None for one in coming):
            told[_FIRST] = self._tell(connection, topic, None, now)
        return told

    def _send(self, room: _Room, coming: set[Reader], now: State, told: dict[str, bytes]) -> None:
        with self._lock:
            each = dict.fromkeys(room.readers, _SAME)
            for reader in coming & room.coming:
                each[reader] = reader.topic.event_id(reader.heard) if reader.heard else _FIRST
            room.coming -= coming
            room.readers |= {*each}
            room.state = now
        if told.get(_SAME):
            room.said = time.monotonic()
        for reader, key in each.items():
            if text := told.get(key):
                reader.send(text)

    def _fail(self, topic: Topic, room: _Room, error: Exception) -> None:
        """Hang up; who comes back may have more luck."""
        log.error("the live readers of %s are hung up on\n%s", topic.ident, trace(error))
        for reader in _members(room):
            reader.hang_up()
            self.leave(reader)

    def _beat(self) -> None:
        now = time.monotonic()
        with self._lock:
            rooms = [(topic, room, _members(room)) for topic, room in self._rooms.items()]
        for topic, room, readers in rooms:
            if now - room.said >= self._heartbeat:
                room.said = now
                text = telling.heartbeat(topic, room.state)
                for reader in readers:
                    # Those who come have not heard all of that state.
                    reader.send(text if reader in room.readers else telling.heartbeat(topic, None))


_SAME, _FIRST = "same", "first"


def _members(room: _Room) -> set[Reader]:
    return room.readers | room.coming


def _nowhere(_text: bytes) -> None: ...


def _nothing() -> None: ...
