"""Rebuilds: a plugin of a new version counts anew, and its old rows are served until it is done."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from datagrepper import Archive
from datagrepper import Datagrepper as StandIn
from guests import (
    Ids,
    MakeEngine,
    Message,
    Scalar,
    abandon,
    checkpoint,
    counted,
    feed,
    on_sqlite,
    rows,
    turn,
)
from past import catch_up, debts, listen, sent
from samples import NOW
from sqlalchemy.orm import Session, mapped_column

from statscache.engine import Engine, recall
from statscache.history import Datagrepper
from statscache.models import BaseModel
from statscache.plugins import BasePlugin
from statscache.store.tables import RECALLED
from statscache.times import moment
from statscache.web import create_app
from statscache.web.serving import EXTENSION

SETTINGS = {"datagrepper__overlap": 10, "datagrepper__again": 0, "datagrepper__backlog": 100}
NUMBERS = itertools.count()
URL = "/api/ids-1s"
Open = Callable[..., Engine]


def version(number: int) -> type[BasePlugin]:
    """Counts `Ids`, each message so many times."""

    def count(self: Ids, message: Message) -> Iterator[Any]:
        yield message["msg_id"], number

    return type("Ids", (Ids,), {"version": str(number), "count": count})


@pytest.fixture
def daemon(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper, stand_in: StandIn
) -> Open:
    """Starts daemons of plugins, which can read what was sent from -30 to 20."""
    archive.add(*sent(*range(-30, 20)))

    def opened(*plugins: type[BasePlugin], now: float = 0, **settings: Any) -> Engine:
        all_settings = {"datagrepper__endpoint": stand_in.url} | SETTINGS | settings
        return make_engine(*plugins, now=NOW + now, history=history, **all_settings)

    return opened


@pytest.fixture
def old(daemon: Open) -> Engine:
    """A daemon that has counted all of it by version 1, and has ended."""
    engine = daemon(version(1))
    listen(engine, range(20))
    catch_up(engine, NOW + 30)
    assert counted(engine.store) == each(1)
    engine.stop(NOW + 30)
    return engine


def each(number: int) -> dict[str, int]:
    return {one["msg_id"]: number for one in sent(*range(-30, 20))}


class Served:
    """A web application over what that daemon counts."""

    def __init__(self, engine: Engine) -> None:
        self._app = create_app(engine.config, found=engine.registry, now=lambda: NOW + 100)
        self._client = self._app.test_client()

    def volumes(self, url: str = URL) -> dict[str, int]:
        return {row["name"]: row["volume"] for row in self.get(url).json}

    def get(self, url: str = URL) -> Any:
        return self._client.get(f"{url}?rows_per_page=1000")

    def close(self) -> None:
        self._app.extensions[EXTENSION].store.close()


def test_the_old_rows_are_served_until_the_new_ones_are_complete(
    old: Engine, daemon: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = daemon(version(2), now=40)
    served = Served(engine)
    monkeypatch.setattr("statscache.backlog.backlog.AT_MOST", 20)
    for _ in range(3):
        assert served.volumes() == each(1)
        assert "X-Statscache-Rebuilding" in served.get().headers
        turn(engine, NOW + 41)
        assert engine._reading.wait(20)
    assert served.get(f"{URL}.csv").text.count("\n") == 51
    catch_up(engine, NOW + 60)
    assert served.volumes() == each(2) == counted(engine.store)
    assert "X-Statscache-Rebuilding" not in served.get().headers
    assert checkpoint(engine.store).version == "2"
    assert old_tables(engine) == []
    served.close()


def old_tables(engine: Engine) -> list[str]:
    with engine.store.reading() as connection:
        names = sa.inspect(connection).get_table_names()
    return [name for name in names if name.startswith("old_")]


def test_it_goes_on_after_a_kill_and_every_start(
    old: Engine, daemon: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now in (40, 41, 42):
        engine = daemon(version(2), now=now, engine__batch=7)
        served = Served(engine)
        assert served.volumes() == each(1)
        served.close()
        monkeypatch.setattr("statscache.backlog.backlog.AT_MOST", 20)
        turn(engine, NOW + now)
        assert engine._reading.wait(20)
        abandon(engine)
    engine = daemon(version(2), now=43)
    catch_up(engine, NOW + 80)
    assert counted(engine.store) == each(2)
    assert len([debt for debt in debts(engine) if debt.reason == RECALLED]) == 1


def test_back_to_the_old_version_in_the_middle_serves_the_old_rows_too(
    old: Engine, daemon: Open
) -> None:
    abandon(daemon(version(2), now=40))
    engine = daemon(version(1), now=41)
    served = Served(engine)
    assert served.volumes() == each(1)
    catch_up(engine, NOW + 80)
    assert served.volumes() == each(1) == counted(engine.store)
    assert old_tables(engine) == []
    served.close()


@on_sqlite
def test_without_a_history_the_old_rows_are_kept_and_the_log_names_the_cure(
    old: Engine, daemon: Open, caplog: pytest.LogCaptureFixture
) -> None:
    engine = daemon(version(2), now=40, datagrepper__endpoint=None)
    assert counted(engine.store) == each(1)
    assert checkpoint(engine.store).version == "1"
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "ids-1s goes on with the rows that version 1 has counted: PluginError: there is no history "
        "to count them anew from: set statscache.datagrepper.endpoint, or run `statscache plugins "
        "reset ids-1s --without-history` and replay what was recorded"
    ]
    feed(engine, [5], NOW + 40)
    turn(engine, NOW + 40)
    assert len(counted(engine.store)) == 51


@on_sqlite
def test_rows_that_cannot_be_told_from_those_of_others_stay(
    daemon: Open, caplog: pytest.LogCaptureFixture
) -> None:
    def both(number: str) -> list[type[BasePlugin]]:
        same = {"model": Scalar, "version": number, "revert": lambda *_: None}
        return [type(name, (BasePlugin,), {"name": name, **same}) for name in ("one", "other")]

    daemon(*both("1")).stop(NOW)
    engine = daemon(*both("2"))
    assert "by version 1" not in caplog.text
    assert (
        "that version 1 has counted: PluginError: it keeps them in one table with o" in caplog.text
    )
    assert checkpoint(engine.store, "one").version == "1"


def with_columns(number: str, **columns: Any) -> type[BasePlugin]:
    """Keeps each message in a row with those columns."""
    model = type(
        f"Wide{next(NUMBERS)}",
        (BaseModel,),
        {"__tablename__": "data_wide", "metadata": sa.MetaData(), **columns},
    )

    class Wide(BasePlugin):
        name = "wide"

        def handle(self, session: Session, messages: Iterable[Message]) -> None:
            for message in messages:
                values = dict.fromkeys(columns, message["topic"])
                session.add(model(timestamp=moment(message["timestamp"]), **values))

    Wide.model, Wide.version = model, number
    return Wide


def column(**options: Any) -> Any:
    return mapped_column(sa.String(255), nullable=False, **options)


def test_a_table_with_other_columns_is_made_anew(daemon: Open) -> None:
    first = daemon(with_columns("1", gone=column(), kept=column(index=True)))
    listen(first, range(20))
    catch_up(first, NOW + 30)
    first.stop(NOW + 30)
    engine = daemon(with_columns("2", kept=column(index=True), new=column()), now=40)
    served = Served(engine)
    (topic,) = {one["topic"] for one in sent(1)}
    for state in ({"kept": topic, "new": None}, {"kept": topic, "new": topic}):
        answer = served.get("/api/wide").json
        assert len(answer) == 50
        assert [{name: row[name] for name in state} for row in answer] == [state] * 50
        catch_up(engine, NOW + 60)
    assert len(rows(engine.store, "data_wide", "kept", "new")) == 50
    served.close()


@on_sqlite
def test_what_is_given_up_leaves_the_new_rows(old: Engine, daemon: Open) -> None:
    engine = daemon(version(2), now=40)
    with engine.store.writing() as connection:
        connection.exec_driver_sql("UPDATE statscache_owed SET accepted = 1 WHERE healed IS NULL")
    served = Served(engine)
    assert served.volumes() == {}
    engine.stop(NOW + 41)
    assert old_tables(daemon(version(2), now=42)) == []
    served.close()


@on_sqlite
def test_a_recall_in_the_middle_keeps_the_old_rows(old: Engine, daemon: Open) -> None:
    engine = daemon(version(2), now=40)
    recall.recall(engine.store, engine.registry, "ids-1s", engine.config, None, NOW + 41)
    served = Served(engine)
    assert served.volumes() == each(1)
    catch_up(engine, NOW + 60)
    assert served.volumes() == each(2)
    served.close()
