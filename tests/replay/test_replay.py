"""Recorded messages come in once, whatever was counted before, and however often they come."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from exports import exports
from guests import Ids, bad, build, counted, emptied, on_sqlite, once, rows
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW, message
from traffic import DAY, HOUR, traffic

from statscache import registry
from statscache.backlog.importer import Brought
from statscache.config import Config
from statscache.engine import Engine
from statscache.errors import ReplayError
from statscache.history import lines
from statscache.history.lines import Line
from statscache.journal import Journal
from statscache.message import EVERYBODY
from statscache.registry import Registry
from statscache.replay import entrance
from statscache.replay.counter import count
from statscache.replay.replay import TOGETHER, Coverage, replay
from statscache.store import Store, owed, schema
from statscache.store.tables import REPLAYED

Message = dict[str, Any]


class Place:
    """A database and a journal into which files are replayed."""

    def __init__(self, uri: str, journal: Path, installed: Registry, **settings: Any) -> None:
        self.uri, self.installed = uri, installed
        names = {"statscache.sqlalchemy.uri": uri, "statscache.journal.path": journal}
        self.config = Config(names | settings)
        emptied(uri)

    def replay(
        self, *recorded: Message, now: float = NOW, to: Sequence[str] = (EVERYBODY,)
    ) -> Brought:
        """Replay them as one file, and count them."""
        found = (Line("a file", number, one, 0) for number, one in enumerate(recorded, 1))
        return self.replay_lines(found, now, to)

    def replay_lines(
        self, found: Iterator[Line], now: float = NOW, to: Sequence[str] = (EVERYBODY,)
    ) -> Brought:
        total = Brought(0, 0, 0, Counter())
        with (
            closing(Store(self.uri)) as store,
            self.counting(now),
            entrance.enter(self.config, self.installed, store, to) as door,
        ):
            coverage = Coverage(store, to, now)
            for step in replay(found, door.importer, coverage, door.pace, to, lambda: now):
                total = total.plus(step.brought)
            door.pace.settle()
        return total

    @contextmanager
    def counting(self, now: float) -> Iterator[None]:
        """Meanwhile an engine counts, as a counter's does."""
        path = self.config["statscache.journal.path"]
        engine = Engine(self.config, self.installed, Store(self.uri, 12), Journal(path))
        ended = threading.Event()
        thread = threading.Thread(target=count, args=(engine, ended, lambda: now))
        try:
            engine.start(now, listens=False)
            thread.start()
            yield
        finally:
            ended.set()
            thread.join()
            engine.stop(now)

    def exports(self) -> dict[str, str]:
        with closing(Store(self.uri)) as store:
            return exports(store, self.installed)

    def counted(self, ident: str = "ids-1s") -> Counter[str]:
        with closing(Store(self.uri)) as store:
            return counted(store, ident)

    def covered(self) -> list[tuple[str, float, float]]:
        """What was replayed, as it is written down: for whom, from the hour, to the hour."""
        with closing(Store(self.uri)) as store:
            columns = ("addressee", "start", "stop", "healed", "reason")
            found = rows(store, "statscache_owed", *columns)
        told = [one for one in found if one[-1] == REPLAYED]
        assert all(one[3] for one in told)
        return [(one[0], (one[1] - NOW) / HOUR, (one[2] - NOW) / HOUR) for one in told]

    def forget(self, before: float) -> None:
        """Let the journal forget the ids of what arrived before that."""
        with closing(Journal(self.config["statscache.journal.path"])) as journal:
            journal.trim(journal.end(), before)


Make = Callable[..., Place]


@pytest.fixture
def place(uri: str, tmp_path: Path) -> Place:
    """Where `Ids` and another one count."""
    return Place(uri, tmp_path / "journal.sqlite", installed(Ids, bad()))


def installed(*plugins: Any) -> Registry:
    class Point:
        dist, name = None, "several"

        def load(self) -> Any:
            return plugins

    return registry.load(Config({}), [Point()] if plugins else None)


def sent(*numbers: int, **changes: Any) -> list[Message]:
    """Messages, one a second before `NOW`."""
    return [message(number, timestamp=NOW - number, **changes) for number in numbers]


def live(messages: Sequence[Message], folder: Path) -> dict[str, str]:
    """What a daemon comes to that hears them when they are sent."""
    uri = f"sqlite:///{folder / 'live.sqlite'}"
    emptied(uri)
    engine = build(uri, folder / "live" / "journal.sqlite")
    engine.start(NOW - DAY)
    for one in messages:
        engine.accept(one, one["timestamp"] + 1, more=True)
    assert engine.drain(NOW)
    found = exports(engine.store, engine.registry)
    engine.stop(NOW)
    return found


def test_live_replayed_and_replayed_in_any_order_are_the_same(uri: str, tmp_path: Path) -> None:
    """Of all built-in statistics, to the last byte."""
    messages = traffic(4_000, seed=3, now=NOW - 60, apart=6.0)
    heard = live(messages, tmp_path)
    assert len(heard["volume-by-topic-1h"].splitlines()) > 50
    for name in ("sorted", "shuffled"):
        place = Place(uri, tmp_path / name / "journal.sqlite", installed())
        if name == "shuffled":
            Random(1).shuffle(messages)
        assert place.replay(*messages).doubtful == 0
        assert place.exports() == heard


def test_what_was_replayed_is_known_the_second_time(place: Place) -> None:
    assert place.replay(*sent(1, 2, 3)) == Brought(3, 0, 0, Counter())
    assert place.replay(*sent(2, 3, 4, 4)) == Brought(1, 3, 0, Counter())
    assert place.counted() == once([1, 2, 3, 4])


@on_sqlite
def test_what_is_no_message_or_has_no_time_is_left_out_by_reason(place: Place) -> None:
    times = [None, NOW + DAY, 1e308]
    broken = [{"topic": ""}, *(message(one, timestamp=time) for one, time in enumerate(times))]
    reasons = Counter({"no topic": 1, "no usable time": 1, "stamped in the future": 2})
    assert place.replay(*broken, *sent(3)) == Brought(1, 0, 0, reasons)


@on_sqlite
def test_a_message_without_an_id_has_the_one_that_it_has_live(place: Place) -> None:
    (nameless,) = sent(1)
    del nameless["msg_id"]
    assert place.replay(nameless, {**nameless, "i": 99}) == Brought(1, 1, 0, Counter())


@on_sqlite
def test_every_shape_of_a_message_is_the_same_message(place: Place) -> None:
    (fedmsg,) = sent(1)
    fedora_messaging = {
        "topic": fedmsg["topic"],
        "id": fedmsg["msg_id"],
        "body": fedmsg["msg"],
        "headers": {"sent-at": "2025-12-31T23:59:59+00:00"},
    }
    assert place.replay(fedmsg, fedora_messaging) == Brought(1, 1, 0, Counter())


# -- to some statistics only ---------------------------------------------------------------------


def test_into_one_statistic_the_others_are_not_touched(place: Place) -> None:
    place.replay(*sent(1))
    assert place.replay(*sent(1, 2, 3), to=["bad-1s"]) == Brought(3, 0, 0, Counter())
    assert place.counted() == once([1])
    assert place.counted("bad-1s") == once([1, 2, 3])
    assert place.replay(*sent(2, 3), to=["bad-1s", "ids-1s"]) == Brought(2, 2, 0, Counter())
    assert place.counted() == place.counted("bad-1s") == once([1, 2, 3])


# -- when ids are forgotten ----------------------------------------------------------------------


def test_what_was_replayed_long_ago_is_not_counted_again(place: Place) -> None:
    old = sent(*range(5 * HOUR, 5 * HOUR + 50))
    place.replay(*old)
    place.forget(NOW + 1)
    assert place.replay(*old, *sent(1, 9 * HOUR), now=NOW + DAY) == Brought(2, 0, 50, Counter())
    assert set(place.counted().values()) == {1}


def test_a_replay_that_was_cut_off_goes_on_although_ids_were_forgotten_before_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has covered already, it knows by the ids."""
    monkeypatch.setattr("statscache.replay.replay.TOGETHER", 10)
    place.replay(*sent(1))
    place.forget(NOW + 1)
    recorded = sent(*Random(4).sample(range(9 * HOUR, 9 * HOUR + 100), 100))

    def cut_off() -> Iterator[Line]:
        yield from (Line("a file", number, one, 0) for number, one in enumerate(recorded[:55], 1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.replay_lines(cut_off(), NOW + DAY)
    assert place.replay(*recorded, now=NOW + DAY + 9) == Brought(50, 50, 0, Counter())
    assert set(place.counted().values()) == {1}
    assert len(place.counted()) == 101


def test_the_hours_are_written_down_before_anything_of_them_is_brought(place: Place) -> None:
    class Broken:
        def bring(self, *_: Any) -> Brought:
            raise ZeroDivisionError

    found = [Line("a file", 1, one, 0) for one in sent(1, HOUR + 1)]
    with closing(Store(place.uri)) as store:
        coverage = Coverage(store, [EVERYBODY], NOW)
        with pytest.raises(ZeroDivisionError):
            list(replay(found, Broken(), coverage, None))
    ((addressee, start, stop),) = place.covered()
    assert (addressee, start, round(stop, 9)) == (EVERYBODY, -2, 0)
    assert stop < 0


@on_sqlite
def test_each_replay_writes_down_its_own_hours_for_each_addressee(place: Place) -> None:
    place.replay(*sent(1, 3 * HOUR))
    place.replay(*sent(HOUR), now=NOW + 5, to=["ids-1s", "bad-1s"])
    assert [(one, start, round(stop, 9)) for one, start, stop in place.covered()] == [
        (EVERYBODY, -3, -2),
        (EVERYBODY, -1, 0),
        ("bad-1s", -1, 0),
        ("ids-1s", -1, 0),
    ]


@pytest.mark.slow
@given(st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=8))
def test_the_spans_of_a_replay_hold_its_hours_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[int]]
) -> None:
    uri = f"sqlite:///{tmp_path_factory.mktemp('hours') / 'statscache.sqlite'}"
    with closing(Store(uri)) as store:
        schema.upgrade(store)
        coverage = Coverage(store, [EVERYBODY], NOW)
        for hours in steps:
            coverage.widen(message(timestamp=NOW + hour * HOUR) for hour in hours)
        with store.reading() as connection:
            found = [(one.start, one.stop) for one in owed.read(connection)]
    hours = {hour for step in steps for hour in step}
    for hour in range(31):
        first, last = NOW + hour * HOUR, NOW + hour * HOUR + HOUR - 0.001
        holds = [start <= first and last <= stop for start, stop in found]
        touches = [start <= last and first <= stop for start, stop in found]
        assert any(holds) == any(touches) == (hour in hours)


# -- what is broken ------------------------------------------------------------------------------


@on_sqlite
@pytest.mark.parametrize("number", [0, 1, TOGETHER - 1, TOGETHER, TOGETHER + 1])
def test_what_stands_before_a_broken_line_is_brought(
    place: Place, tmp_path: Path, number: int
) -> None:
    path = tmp_path / "recorded.jsonl"
    text = "".join(json.dumps(one) + "\n" for one in sent(*range(number)))
    path.write_text(text + "{broken\n" + json.dumps(sent(number)[0]))
    with pytest.raises(ReplayError, match=f"line {number + 1}: "):
        place.replay_lines(lines.read(path))
    place.replay(*sent(10 * TOGETHER))
    assert place.counted() == once([*range(number), 10 * TOGETHER])
