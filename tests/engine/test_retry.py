"""Dead letters handed to their plugin once more: counted once, or kept."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import retrying
import sqlalchemy as sa
from guests import (
    SECOND,
    Ids,
    MakeEngine,
    Message,
    Outside,
    bad,
    checkpoint,
    counted,
    feed,
    letters,
    on_postgresql,
    on_sqlite,
    once,
    rows,
    suspend,
    turn,
)
from proxy import Proxy
from samples import NOW, name
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from statscache.engine import Engine
from statscache.engine.retry import Outcome, Result, retry
from statscache.errors import PluginError
from statscache.plugins import Count
from statscache.store import Store, checkpoints, deadletters, progress, tables
from statscache.store.faults import is_outage

BAD = "bad-1s"


def fail(*_: Any) -> None:
    raise ValueError("no")


class Mendable:
    """What a plugin does with a message, or a session: fail, until `act` is something else."""

    def __init__(self) -> None:
        self.act: Callable[[Any], Any] = fail

    def __call__(self, argument: Any) -> None:
        self.act(argument)

    def mend(self) -> None:
        self.act = lambda _: None


@pytest.fixture
def plugin() -> Mendable:
    return Mendable()


@pytest.fixture
def engine(make_engine: MakeEngine, plugin: Mendable) -> Engine:
    """Its plugin `bad` has set three messages aside; `Ids` has counted them."""
    made = make_engine(bad(process=plugin), Ids)
    feed(made, range(3), NOW + 5)
    turn(made, NOW + 7)
    assert len(letters(made.store, BAD)) == 3
    return made


def ids_of(store: Store, ident: str = BAD) -> list[int]:
    with store.reading() as connection:
        found = deadletters.numbers(connection)
    return [number for number, owner in found.items() if owner == ident]


def again(engine: Engine, ident: str = BAD, now: float = NOW, store: Any = None) -> list[Result]:
    """Retry all letters of that plugin."""
    store = store or engine.store
    numbers = ids_of(engine.store, ident)
    return list(retry(store, engine.registry.enabled[ident], engine.config, numbers, now))


def outcomes(results: list[Result]) -> list[Outcome]:
    return [result.outcome for result in results]


# -- mended ----------------------------------------------------------------------------------------


def test_what_a_mended_plugin_digests_is_counted_once(engine: Engine, plugin: Mendable) -> None:
    plugin.mend()
    assert outcomes(again(engine)) == 3 * [Outcome.COUNTED]
    assert counted(engine.store, BAD) == once(range(3))
    assert not letters(engine.store, BAD)
    assert checkpoint(engine.store, BAD).counted == 3
    feed(engine, range(5))
    turn(engine)
    assert counted(engine.store, BAD) == counted(engine.store) == once(range(5))


@on_sqlite
def test_the_bookmark_stays_and_the_revision_rises(engine: Engine, plugin: Mendable) -> None:
    before = checkpoint(engine.store, BAD)
    plugin.mend()
    again(engine)
    after = checkpoint(engine.store, BAD)
    assert after == before._replace(revision=before.revision + 3, counted=3)


@on_sqlite
def test_changes_are_noted_with_the_revision_of_their_commit(
    engine: Engine, plugin: Mendable
) -> None:
    plugin.mend()
    again(engine, now=NOW + 9)
    change = tables.change.c
    with engine.store.reading() as connection:
        query = sa.select(change.revision, change.timestamp, change.key, change.at)
        found = connection.execute(query.where(change.ident == BAD).order_by(change.id)).all()
    last = checkpoint(engine.store, BAD).revision
    assert [row.revision for row in found] == [last - 2, last - 1, last]
    assert json.loads(found[0].key) == {"name": f"2026-{name(0)}"}
    assert {(row.timestamp, row.at) for row in found} == {(NOW - 60, NOW + 9)}


@on_sqlite
def test_a_statistic_is_complete_again_when_its_last_letter_is_counted(
    engine: Engine, plugin: Mendable
) -> None:
    def complete_until() -> float:
        with engine.store.reading() as connection:
            found = progress.read(connection, BAD)
        assert found
        return found.complete_until

    assert complete_until() == NOW - 60
    plugin.mend()
    again(engine)
    assert complete_until() == checkpoint(engine.store, BAD).complete_until == NOW + 7


@on_sqlite
def test_the_letters_of_a_suspended_plugin_can_be_retried(engine: Engine, plugin: Mendable) -> None:
    suspend(engine.store, BAD, "broken")
    plugin.mend()
    assert outcomes(again(engine)) == 3 * [Outcome.COUNTED]
    assert checkpoint(engine.store, BAD).suspended == "broken"


@on_sqlite
def test_the_daemon_need_not_run(engine: Engine, plugin: Mendable) -> None:
    plugin.mend()
    engine.stop(NOW)
    assert outcomes(again(engine)) == 3 * [Outcome.COUNTED]
    assert counted(engine.store, BAD) == once(range(3))


@on_sqlite
def test_a_table_that_has_gone_is_made(engine: Engine, plugin: Mendable) -> None:
    with engine.store.writing() as connection:
        connection.execute(sa.text("DROP TABLE stat_bad_1s"))
    plugin.mend()
    again(engine)
    assert counted(engine.store, BAD) == once(range(3))


def test_a_plugin_of_an_outside_package_counts_its_letters(make_engine: MakeEngine) -> None:
    failing = [True]

    class Elder(Outside):
        name, interval = "elder", SECOND

        def update(self, session: Session) -> None:
            super().update(session)
            if failing[0]:
                raise ValueError

    engine = make_engine(Elder)
    feed(engine, range(3))
    turn(engine)
    assert rows(engine.store, "data_scalar", "scalar") == []
    failing[0] = False
    assert outcomes(again(engine, "elder-1s")) == 3 * [Outcome.COUNTED]
    assert rows(engine.store, "data_scalar", "scalar") == [(3,)]


@on_sqlite
@pytest.mark.parametrize("attribute", ["envelope_only", "reads_only"])
def test_a_message_is_what_the_engine_would_hand_over(
    make_engine: MakeEngine, attribute: str
) -> None:
    seen: list[Message] = []

    class Witness(Count):
        name, by, interval = "witness", ("name",), SECOND

        def count(self, message: Message) -> Iterator[str]:
            seen.append(message)
            if len(seen) == 1:
                raise ValueError
            yield message["msg_id"]

    setattr(Witness, attribute, True)
    engine = make_engine(Witness)
    feed(engine, [0], msg={"half": "\ud83d", "big": 2**70})
    turn(engine)
    assert outcomes(again(engine, "witness-1s")) == [Outcome.COUNTED]
    assert seen[0] == seen[1]
    assert seen[0] is not seen[1]


# -- not mended ------------------------------------------------------------------------------------


def test_what_fails_again_is_kept_with_the_new_error(engine: Engine, plugin: Mendable) -> None:
    def fail_otherwise(message: Message) -> None:
        if message["i"] == 1:
            raise KeyError("otherwise")

    plugin.act = fail_otherwise
    before = checkpoint(engine.store, BAD)
    first, second, third = again(engine)
    assert outcomes([first, second, third]) == [Outcome.COUNTED, Outcome.FAILED, Outcome.COUNTED]
    assert second.error == "KeyError: 'otherwise'"
    (letter,) = letters(engine.store, BAD).values()
    assert (letter["message_id"], letter["attempts"]) == (name(1), 2)
    assert letter["error"] == second.error
    assert "fail_otherwise" in letter["traceback"]
    assert counted(engine.store, BAD) == once([0, 2])
    assert checkpoint(engine.store, BAD).counted == before.counted + 2


def deeper() -> Any:
    return deeper()


BLAMED: dict[str, Callable[[], Any]] = {
    "exit": lambda: sys.exit(3),
    "stop iteration": lambda: next(iter([])),
    "recursion": deeper,
}


@on_sqlite
@pytest.mark.parametrize("act", BLAMED.values(), ids=BLAMED)
def test_whatever_a_plugin_raises_its_letter_is_kept(
    engine: Engine, plugin: Mendable, act: Callable[[], Any]
) -> None:
    plugin.act = lambda message: act()
    assert outcomes(again(engine)) == 3 * [Outcome.FAILED]
    assert {letter["attempts"] for letter in letters(engine.store, BAD).values()} == {2}


@on_sqlite
def test_an_interrupt_ends_it_and_leaves_the_letter_as_it_was(
    engine: Engine, plugin: Mendable
) -> None:
    def interrupt(message: Message) -> None:
        if message["i"] == 1:
            raise KeyboardInterrupt

    plugin.act = interrupt
    before = letters(engine.store, BAD)
    with pytest.raises(KeyboardInterrupt):
        again(engine)
    assert letters(engine.store, BAD) == {key: before[key] for key in (name(1), name(2))}
    assert counted(engine.store, BAD) == once([0])


ENDS: dict[str, Callable[[Session], Any]] = {
    "rollback": lambda session: session.rollback(),
    "commit": lambda session: session.connection().commit(),
    "driver commit": lambda session: _driver(session).cursor().execute("COMMIT"),
    "driver rollback": lambda session: _driver(session).rollback(),
    "driver close": lambda session: _driver(session).close(),
    "driver commit, then fail": lambda session: (
        _driver(session).cursor().execute("COMMIT"),
        1 / 0,
    ),
}


def _driver(session: Session) -> Any:
    return session.connection().connection.driver_connection


@pytest.mark.parametrize("act", ENDS.values(), ids=ENDS)
def test_a_plugin_that_ends_the_transaction_doubles_nothing(
    make_engine: MakeEngine, plugin: Mendable, act: Callable[[Session], Any]
) -> None:
    """A message is a letter, or it is counted, and never both, however often it is retried."""
    engine = make_engine(bad(plugin), Ids)
    feed(engine, range(3))
    turn(engine)
    plugin.act = act
    for _ in range(2):
        with suppress(DBAPIError):
            again(engine)
    left = Counter(f"2026-{known}" for known in letters(engine.store, BAD))
    taken_back = act is ENDS["rollback"]
    assert counted(engine.store, BAD) + left == (Counter() if taken_back else once(range(3)))
    assert checkpoint(engine.store, BAD).counted == 3 - left.total()
    assert counted(engine.store) == once(range(3))


@on_sqlite
def test_a_plugin_that_cannot_begin_changes_nothing(make_engine: MakeEngine) -> None:
    able = [True]

    def begin(*_: Any) -> None:
        if not able[0]:
            sys.exit("no network")

    engine = make_engine(bad(fail, initialize=begin))
    feed(engine, range(3))
    turn(engine)
    before = letters(engine.store, BAD)
    able[0] = False
    with pytest.raises(PluginError, match="bad-1s cannot begin: SystemExit: no network"):
        again(engine)
    assert letters(engine.store, BAD) == before


@on_sqlite
def test_an_instance_is_stopped_in_the_end(make_engine: MakeEngine) -> None:
    seen: list[str] = []
    plugin = bad(
        fail,
        launch=lambda *_: seen.append("launch"),
        stop=lambda *_: seen.append("stop"),
    )
    engine = make_engine(plugin)
    feed(engine, range(2))
    turn(engine)
    seen.clear()
    again(engine)
    assert seen == 2 * ["launch", "stop"]


# -- too old ---------------------------------------------------------------------------------------


def test_a_letter_that_is_older_than_the_rows_is_expired_and_begins_no_row(
    make_engine: MakeEngine, plugin: Mendable
) -> None:
    engine = make_engine(bad(process=plugin), retention={"*": 1})
    feed(engine, range(2))
    feed(engine, [2], timestamp=int(NOW) + 3_600, now=NOW + 3_600)
    turn(engine, NOW + 3_600)
    plugin.mend()
    results = again(engine, now=NOW + 86_400 + 1_800)
    assert outcomes(results) == [Outcome.EXPIRED, Outcome.EXPIRED, Outcome.COUNTED]
    assert counted(engine.store, BAD) == once([2])
    found = checkpoint(engine.store, BAD)
    assert (found.counted, found.expired) == (1, 2)
    assert not letters(engine.store, BAD)


# -- at the same time ------------------------------------------------------------------------------


@on_sqlite
def test_a_letter_that_somebody_takes_meanwhile_is_not_counted(
    engine: Engine, plugin: Mendable
) -> None:
    """Which also shows that others may write while the plugin takes a message in."""

    def take(message: Message) -> None:
        with engine.store.writing() as connection:
            checkpoints.lock(connection, BAD)
            deadletters.remove(connection, ids_of(engine.store)[:1])

    plugin.act = take
    assert outcomes(again(engine)) == 3 * [Outcome.GONE]
    assert not counted(engine.store, BAD)
    assert checkpoint(engine.store, BAD).counted == 0


@on_sqlite
def test_a_letter_whose_rows_go_meanwhile_begins_none(engine: Engine, plugin: Mendable) -> None:
    def expire(_message: Message) -> None:
        with engine.store.writing() as connection:
            checkpoints.lock(connection, BAD)
            checkpoints.set_horizon(connection, BAD, NOW)

    plugin.act = expire
    (first, *_) = again(engine)
    assert first.outcome is Outcome.EXPIRED
    assert not counted(engine.store, BAD)
    assert first.id not in ids_of(engine.store)


@on_sqlite
def test_a_letter_that_is_not_there_is_told(engine: Engine, plugin: Mendable) -> None:
    plugin.mend()
    statistic = engine.registry.enabled[BAD]
    assert list(retry(engine.store, statistic, engine.config, [77], NOW)) == [
        Result(77, BAD, Outcome.GONE)
    ]


def other_process(store: Store, *fate: str) -> subprocess.Popen[str]:
    """Another process that retries all there is, as soon as it is told to."""
    uri = store.url.render_as_string(hide_password=False)
    command = [sys.executable, retrying.__file__, uri, *fate]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def fussy(make_engine: MakeEngine) -> Engine:
    """Its two plugins have set half of a hundred messages aside."""
    engine = make_engine(*retrying.plugins(mended=False), Ids, engine__suspend_after=1_000)
    feed(engine, range(100))
    turn(engine)
    assert {len(ids_of(engine.store, ident)) for ident in FUSSY} == {len(retrying.POISON)}
    return engine


FUSSY = ("fussy-1s", "elder-15s")


@pytest.mark.slow
def test_two_processes_retry_the_same_letters_while_the_daemon_counts(fussy: Engine) -> None:
    others = [other_process(fussy.store) for _ in range(2)]
    for other in others:
        assert other.stdin
        print("go", file=other.stdin, flush=True)
    last = 100
    while any(other.poll() is None for other in others) and last < 20_000:
        feed(fussy, range(last, last + 5))
        last += 5
        assert fussy.drain(NOW)
    said = [line for other in others for line in other.communicate(timeout=60)[0].splitlines()]
    assert [other.returncode for other in others] == [0, 0]
    turn(fussy)
    assert last > 110
    for ident in FUSSY:
        assert Counter(said)[f"{ident} counted"] == len(retrying.POISON)
        assert checkpoint(fussy.store, ident).counted == last
        assert not letters(fussy.store, ident)
    assert counted(fussy.store, "fussy-1s") == once(range(last)) + Counter(all=last)
    assert rows(fussy.store, "data_scalar", "scalar") == [(last,)]
    assert counted(fussy.store) == once(range(last))


@pytest.mark.slow
def test_a_retry_that_is_killed_at_any_point_leaves_a_letter_or_a_count(fussy: Engine) -> None:
    for place, point in enumerate(retrying.POINTS):
        for count in (1, 2 if point == retrying.BEGUN else 4 + 3 * place):
            other = other_process(fussy.store, point, str(count))
            _, error = other.communicate("go\n", timeout=60)
            assert other.returncode == -signal.SIGKILL, f"{point} {count}: {error}"
            assert_each_is_a_letter_or_counted(fussy.store)
    other = other_process(fussy.store)
    _, error = other.communicate("go\n", timeout=60)
    assert other.returncode == 0, error
    assert_each_is_a_letter_or_counted(fussy.store)
    assert not ids_of(fussy.store, FUSSY[0]) + ids_of(fussy.store, FUSSY[1])


def assert_each_is_a_letter_or_counted(store: Store) -> None:
    waiting = {ident: letters(store, ident) for ident in FUSSY}
    done = counted(store, "fussy-1s")
    assert done.pop("all") == 100 - len(waiting["fussy-1s"])
    assert done + Counter(f"2026-{known}" for known in waiting["fussy-1s"]) == once(range(100))
    assert rows(store, "data_scalar", "scalar") == [(100 - len(waiting["elder-15s"]),)]
    for ident in FUSSY:
        assert checkpoint(store, ident).counted == 100 - len(waiting[ident])


# -- outages ---------------------------------------------------------------------------------------


@on_sqlite
def test_a_database_that_is_locked_changes_nothing(
    engine: Engine, plugin: Mendable, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.mend()
    before = letters(engine.store, BAD)
    monkeypatch.setattr("statscache.store.database.BUSY_SECONDS", 0.1)
    impatient = Store(str(engine.store.url))
    other = sqlite3.connect(engine.store.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DBAPIError) as error:
        again(engine, store=impatient)
    assert is_outage(error.value)
    other.close()
    impatient.close()
    assert letters(engine.store, BAD) == before


@on_postgresql
def test_a_commit_of_which_nobody_hears_counts_once(engine: Engine, plugin: Mendable) -> None:
    plugin.mend()
    uri = engine.store.url.render_as_string(hide_password=False)
    with Proxy(uri) as proxy:
        store = Store(proxy.uri)
        first, second, *third = ids_of(engine.store)
        statistic = engine.registry.enabled[BAD]
        results = retry(store, statistic, engine.config, [first, second], NOW)
        assert next(results).outcome is Outcome.COUNTED
        proxy.cut_after_commits(1)
        with pytest.raises(DBAPIError) as error:
            next(results)
        store.close()
    assert is_outage(error.value)
    assert proxy.cuts == 1
    end = time.monotonic() + 10
    while ids_of(engine.store) != third and time.monotonic() < end:
        time.sleep(0.02)
    assert counted(engine.store, BAD) == once([0, 1])
    again(engine)
    assert counted(engine.store, BAD) == once(range(3))


@on_postgresql
def test_a_statement_that_is_cut_off_is_a_failure_like_others(
    make_engine: MakeEngine, plugin: Mendable
) -> None:
    def sleep(session: Session) -> None:
        session.execute(sa.text("SET LOCAL statement_timeout = '20ms'"))
        session.execute(sa.text("SELECT pg_sleep(10)"))

    engine = make_engine(bad(plugin))
    feed(engine, [0])
    turn(engine)
    plugin.act = sleep
    (result,) = again(engine)
    assert result.outcome is Outcome.FAILED
    assert "statement timeout" in result.error
