"""Recalls: rows are deleted, and come again from history, byte for byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from datagrepper import Archive
from guests import (
    Ids,
    MakeEngine,
    Message,
    Scalar,
    abandon,
    bad,
    checkpoint,
    counted,
    letters,
    on_sqlite,
    rows,
    turn,
)
from past import catch_up, debts, listen, names, sent
from samples import NOW
from sqlalchemy.orm import Session

from statscache.engine import Engine, joining
from statscache.engine.recall import recall
from statscache.errors import PluginError
from statscache.history import Datagrepper
from statscache.journal import Span
from statscache.plugins import BasePlugin
from statscache.store.owed import Debt
from statscache.store.tables import change

OVERLAP = 10
SETTINGS = {"datagrepper__overlap": OVERLAP, "datagrepper__backlog": 200, "datagrepper__again": 0}
BEFORE = range(-90, 0)
"""What was sent before the daemon first ran."""
IDENT = "ids-1s"
Open = Callable[..., Engine]
Hear = Callable[..., None]


@pytest.fixture
def daemon(make_engine: MakeEngine, archive: Archive, history: Datagrepper) -> Open:
    """Starts daemons that can read all that was ever sent."""
    archive.add(*sent(*BEFORE))

    def opened(*plugins: type[BasePlugin], now: float = 0, **settings: Any) -> Engine:
        some = plugins or (Ids, bad())
        return make_engine(*some, now=NOW + now, history=history, **SETTINGS | settings)

    return opened


@pytest.fixture
def hear(archive: Archive) -> Hear:
    """Sends messages, which the daemon hears, and history keeps."""

    def hearing(engine: Engine, numbers: Iterable[int], **changes: Any) -> None:
        archive.add(*sent(*numbers, **changes))
        listen(engine, numbers, **changes)

    return hearing


def until(stop: int) -> Counter[str]:
    """What is to be counted of all that was sent until then."""
    return names(*BEFORE, *range(stop))


def recalled(engine: Engine, since: float | None, now: float, ident: str = IDENT) -> Span:
    """What is owed to it then; all times count from `NOW`."""
    when = None if since is None else NOW + since
    start, stop = recall(engine.store, engine.registry, ident, engine.config, when, NOW + now)
    return Span(start - NOW, stop - NOW)


def table(engine: Engine, ident: str = IDENT) -> list[tuple[Any, ...]]:
    """All that the rows say, but for their ids."""
    return rows(engine.store, f"stat_{ident.replace('-', '_')}", "timestamp", "name", "volume")


def is_owed(engine: Engine) -> list[Debt]:
    return [debt for debt in debts(engine) if debt.healed is None]


@pytest.mark.parametrize("since", [None, -90, 20, 39.9])
def test_rows_come_again_as_they_were_and_nobody_else_notices(
    daemon: Open, hear: Hear, since: float | None
) -> None:
    engine = daemon()
    hear(engine, range(40))
    catch_up(engine, NOW + 60)
    before, others = table(engine), checkpoint(engine.store, "bad-1s")
    assert counted(engine.store) == until(40)
    recalled(engine, since, 60)
    assert len(table(engine)) < len(before)
    catch_up(engine, NOW + 60 + OVERLAP)
    assert table(engine) == before == table(engine, "bad-1s")
    assert checkpoint(engine.store, "bad-1s").counted == others.counted
    assert is_owed(engine) == []


@pytest.mark.parametrize("wanted", [0, 20])
def test_what_it_has_counted_itself_comes_again_however_little_history_it_wants(
    daemon: Open, hear: Hear, wanted: int
) -> None:
    class Short(Ids):
        backlog_delta = timedelta(seconds=wanted)

    engine = daemon(Short)
    hear(engine, range(100))
    catch_up(engine, NOW + 100 + OVERLAP)
    before = table(engine)
    assert recalled(engine, None, 300).start == -wanted
    catch_up(engine, NOW + 300 + OVERLAP)
    assert table(engine) == before
    assert counted(engine.store) == names(*range(-wanted, 100))


def test_whoever_watches_the_rows_is_told(daemon: Open, hear: Hear) -> None:
    engine = daemon()
    hear(engine, range(5))
    catch_up(engine, NOW + 5)
    recalled(engine, 2, 60)
    with engine.store.reading() as connection:
        noted = connection.execute(sa.select(change).order_by(change.c.id.desc())).first()
    assert noted is not None
    assert (noted.ident, noted.timestamp) == (IDENT, None)
    assert noted.revision == checkpoint(engine.store, IDENT).revision


def test_what_comes_in_meanwhile_is_counted_once(daemon: Open, hear: Hear) -> None:
    engine = daemon()
    hear(engine, range(20))
    turn(engine, NOW + 20)
    hear(engine, range(20, 30))
    recalled(engine, 10, 30)
    assert counted(engine.store)[next(iter(names(25)))] == 0
    hear(engine, range(30, 40))
    catch_up(engine, NOW + 40)
    hear(engine, range(40, 50))
    catch_up(engine, NOW + 100)
    assert counted(engine.store) == until(50)


def test_one_that_is_cut_off_goes_on(
    daemon: Open, hear: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = daemon(engine__batch=7)
    hear(engine, range(40))
    catch_up(engine, NOW + 60)
    monkeypatch.setattr("statscache.backlog.backlog.TOGETHER", 10)
    recalled(engine, None, 60)
    for now in range(61, 64):
        monkeypatch.setattr("statscache.backlog.backlog.AT_MOST", 20)
        turn(engine, NOW + now)
        assert engine._reading.wait(20)
        abandon(engine)
        engine = daemon(now=now, engine__batch=7)
    assert 0 < sum(counted(engine.store).values()) < 130
    catch_up(engine, NOW + 100)
    assert counted(engine.store) == until(40)


def test_one_in_the_middle_of_another_begins_anew(
    daemon: Open, hear: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = daemon()
    hear(engine, range(40))
    catch_up(engine, NOW + 60)
    monkeypatch.setattr("statscache.backlog.backlog.TOGETHER", 10)
    monkeypatch.setattr("statscache.backlog.backlog.AT_MOST", 20)
    for since in (None, 20, None):
        recalled(engine, since, 60)
        turn(engine, NOW + 60)
        assert engine._reading.wait(20)
    catch_up(engine, NOW + 100)
    assert counted(engine.store) == until(40)


def test_its_dead_letters_of_that_time_come_again(daemon: Open, hear: Hear) -> None:
    refuse = {"poison"}

    def process(message: Message) -> None:
        if message["msg"] in refuse:
            raise ValueError

    engine = daemon(bad(process=process), datagrepper__backlog=0)
    hear(engine, range(5, 20), msg="poison")
    turn(engine, NOW + 20)
    assert len(letters(engine.store, "bad-1s")) == 15
    refuse.clear()
    recalled(engine, 10, 20, "bad-1s")
    catch_up(engine, NOW + 40)
    assert counted(engine.store, "bad-1s") == names(*range(10, 20))
    assert len(letters(engine.store, "bad-1s")) == 5


def test_no_less_is_owed_than_it_had(daemon: Open, hear: Hear) -> None:
    engine = daemon()
    hear(engine, range(50))
    catch_up(engine, NOW + 60)
    for now in (200, 400):
        assert recalled(engine, None, now) == (-200, now)
        catch_up(engine, NOW + now + OVERLAP)
        assert counted(engine.store) == until(50)


@on_sqlite
def test_what_is_older_than_its_retention_is_not_owed(daemon: Open, hear: Hear) -> None:
    engine = daemon(retention={"*": 120 / 86_400})
    hear(engine, range(50))
    catch_up(engine, NOW + 60)
    assert recalled(engine, None, 80).start == -60
    assert recalled(engine, -90, 80).start == -60
    catch_up(engine, NOW + 80 + OVERLAP)
    assert counted(engine.store) == names(*range(-60, 50))


def joined(daemon: Open, hear: Hear) -> Engine:
    """A daemon in which `bad` has joined at 30, and has got what was before that."""
    first = daemon(Ids)
    hear(first, range(30))
    turn(first, NOW + 30)
    first.stop(NOW + 30)
    engine = daemon(Ids, bad(), now=30)
    hear(engine, range(30, 50))
    catch_up(engine, NOW + 50)
    assert counted(engine.store, "bad-1s") == until(50)
    return engine


@pytest.mark.parametrize(("since", "start"), [(41, 41), (39, -170), (-20, -170), (-180, -180)])
def test_it_begins_earlier_where_the_plugin_alone_was_brought_some_of_that_time(
    daemon: Open, hear: Hear, since: float, start: float
) -> None:
    engine = joined(daemon, hear)
    assert recalled(engine, since, 50, "bad-1s").start == start
    catch_up(engine, NOW + 60)
    assert counted(engine.store, "bad-1s") == until(50)


@pytest.mark.parametrize("since", [41, 35])
@pytest.mark.parametrize("alone", [True, False])
def test_what_stands_before_it_is_known_for_ever(
    daemon: Open, hear: Hear, since: float, alone: bool
) -> None:
    engine = joined(daemon, hear)
    recalled(engine, since, 50, "bad-1s")
    asked = [engine.registry.enabled["bad-1s"]] if alone else []
    for _ in range(2):
        joining.ask(engine.store, asked, engine.config, Span(NOW - 90, NOW + 50), NOW + 51)
        catch_up(engine, NOW + 60)
        assert counted(engine.store, "bad-1s") == until(50)


@on_sqlite
def test_rows_that_cannot_be_told_from_those_of_others_are_not_deleted(daemon: Open) -> None:
    def revert(self: BasePlugin, when: datetime, session: Session) -> None:
        reverted.append(self.ident)

    reverted: list[str] = []
    shared = {"model": Scalar}
    some = [type(name, (BasePlugin,), {"name": name, **shared}) for name in ("one", "other")]
    engine = daemon(*some, type("Third", (some[0],), {"name": "third", "revert": revert}))
    third = engine.registry.enabled.pop("third")
    engine.registry.disabled["third"] = third._replace(model=None)
    with pytest.raises(PluginError, match="one keeps its rows in one table with other, third"):
        recalled(engine, None, 10, "one")
    engine.registry.enabled["third"] = third
    recalled(engine, None, 10, "third")
    assert reverted == ["third"]


@on_sqlite
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_recalled_and_whenever_each_message_is_counted_once(
    daemon: Open, hear: Hear, archive: Archive, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    monkeypatch.setattr("statscache.backlog.backlog.TOGETHER", random.randint(1, 60))
    engine, now = daemon(Ids, engine__batch=random.randint(1, 40)), 0
    for _ in range(30):
        act = random.choice(["hear", "hear", "recall", "recall", "ask", "read", "die", "join"])
        statistics = engine.registry.enabled
        ident = random.choice(sorted(statistics))
        until_then = now + random.randint(0, 6)
        if act == "hear":
            hear(engine, range(now, until_then))
            now = until_then
            turn(engine, NOW + now)
        elif act == "recall":
            recalled(engine, random.choice([None, *range(-95, now + 1, 3)]), now, ident)
        elif act == "ask":
            whom = random.choice([[], [statistics[ident]]])
            span = Span(NOW - random.randint(1, 90), NOW + now)
            joining.ask(engine.store, whom, engine.config, span, NOW + now)
        elif act == "read":
            monkeypatch.setattr("statscache.backlog.backlog.AT_MOST", random.choice([9, 50_000]))
            turn(engine, NOW + now)
            engine._reading.wait(20)
        else:
            abandon(engine)
            archive.add(*sent(*range(now, until_then)))
            now = until_then
            several = act == "join" or len(statistics) > 1
            engine = daemon(Ids, *[bad()] * several, now=now)
    monkeypatch.setattr("statscache.backlog.backlog.AT_MOST", 50_000)
    catch_up(engine, NOW + now + 2 * OVERLAP)
    for ident in engine.registry.enabled:
        found = counted(engine.store, ident)
        assert {name for name, number in found.items() if number > 1} == set()
        assert found == until(now)
