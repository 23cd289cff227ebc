"""The entrance for messages of the past, beside who counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from guests import (
    Ids,
    MakeEngine,
    bad,
    checkpoint,
    counted,
    feed,
    on_sqlite,
    once,
    suspend,
    turn,
)
from samples import NOW, message

from statscache.backlog.importer import Brought
from statscache.engine import Engine
from statscache.errors import AddresseeError, JournalInUseError, OwnerError
from statscache.journal import Journal
from statscache.journal.lock import keep_out
from statscache.message import EVERYBODY
from statscache.replay import entrance
from statscache.store import Store

pytestmark = on_sqlite
LATER = NOW + 9


def sent(*numbers: int) -> list[dict[str, Any]]:
    return [message(number) for number in numbers]


def bring(engine: Engine, *numbers: int, to: Sequence[str] = (EVERYBODY,)) -> Brought:
    """Bring messages in beside `engine`, as another process."""
    with (
        closing(Store(engine.config["statscache.sqlalchemy.uri"])) as store,
        entrance.enter(engine.config, engine.registry, store, to) as door,
    ):
        return door.importer.bring(sent(*numbers), LATER, to)


def test_beside_a_daemon_that_counts(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    assert bring(engine, 2, 3) == Brought(1, 1, 0, Counter())
    assert counted(engine.store) == {}
    turn(engine)
    assert counted(engine.store) == once(range(4))


# -- who is not let in ---------------------------------------------------------------------------


def test_a_database_that_is_fed_from_another_journal(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    engine = make_engine(Ids)
    other = {**engine.config, "statscache.journal.path": tmp_path / "other.sqlite"}
    engine.config = type(engine.config)(other)
    held = Journal(tmp_path / "other.sqlite")
    with pytest.raises(OwnerError, match="is fed from the journal"):
        bring(engine, 1)
    assert held.end() == 0
    held.close()


def test_a_journal_that_is_adopted_while_a_guest_is_there(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    with (
        entrance.enter(engine.config, engine.registry, engine.store),
        pytest.raises(JournalInUseError, match="statscache replay"),
    ):
        keep_out(engine.journal.path)


def test_a_statistic_that_does_not_run(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad(), plugins__disabled=["bad-*"])
    refused = {
        "bad-1s": r"bad-1s is off: name it in statscache\.plugins\.enabled",
        "worse-1s": "there is no statistic worse-1s; see `statscache plugins`",
    }
    entrance.require(["ids-1s"], engine.registry, engine.store)
    for ident, said in refused.items():
        with pytest.raises(AddresseeError, match=said):
            entrance.require(["ids-1s", ident], engine.registry, engine.store)
    suspend(engine.store, "ids-1s", "it is ill")
    with pytest.raises(AddresseeError, match="statscache plugins resume ids-1s"):
        entrance.require(["ids-1s"], engine.registry, engine.store)


def test_a_statistic_that_the_daemon_does_not_know_yet(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    with pytest.raises(AddresseeError, match="does not know bad-1s yet: restart it"):
        bring(engine, 1, to=["bad-1s"])
    assert engine.journal.end() == 0


# -- rehearsing ----------------------------------------------------------------------------------


def test_what_is_rehearsed_leaves_no_trace(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    turn(engine)
    before = checkpoint(engine.store)
    with entrance.rehearse(engine.config, engine.store) as importer:
        assert importer.bring(sent(2, 3, 4), NOW) == Brought(2, 1, 0, Counter())
        assert importer.bring(sent(3, 4, 5), NOW) == Brought(1, 2, 0, Counter())
    turn(engine)
    assert (engine.journal.end(), checkpoint(engine.store)) == (3, before)
    assert counted(engine.store) == once(range(3))


def test_where_there_is_no_journal_none_is_made_by_rehearsing(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    engine = make_engine(Ids)
    path = tmp_path / "other.sqlite"
    config = type(engine.config)({**engine.config, "statscache.journal.path": path})
    with entrance.rehearse(config, engine.store) as importer:
        assert importer.bring(sent(1), NOW) == Brought(1, 0, 0, Counter())
    assert not list(tmp_path.glob("other.sqlite*"))
