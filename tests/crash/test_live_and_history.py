"""Whether a daemon hears what the bus carries, or reads it in history: the exports are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from exports import exports
from guests import abandon, build
from hearing import DAY, owes, read
from history import NewDatabase
from life import drain, new_report
from samples import NOW
from stream import Sent, Stream, archived, carried

from statscache.engine import Engine
from statscache.history import Datagrepper

STREAM = Stream(messages=3_000, apart=2, overlap=240, turns=500, built_in=True)
JOINS = 1_800
"""Messages after which statistics join: an hour."""

FIRST_ONES = {
    "plugins__enabled": ["*", "volume-by-user-*"],
    "plugins__disabled": ["volume-by-*", "audit-*"],
}


@pytest.fixture(scope="module")
def sent() -> list[Sent]:
    """All of the stream that has ids, as everything on a bus has since fedmsg gives them."""
    return [one for one in carried(STREAM, 1) if "msg_id" in one.message]


@pytest.fixture
def endpoint(sent: list[Sent]) -> Iterator[str]:
    """Of an archive that has all of it, and fails over one page in ten at first."""
    report = new_report()
    report.now = sent[-1].at + STREAM.overlap
    with archived(sent, report, "half_a_page") as url:
        yield url


def made(uri: str, folder: Path, endpoint: str, now: float, **settings: Any) -> Engine:
    """A daemon of all that is built in, or what `settings` say, started."""
    names = {"plugins__enabled": ["*", "volume-by-*"], "datagrepper__overlap": STREAM.overlap}
    names |= {"datagrepper__backlog": DAY, "datagrepper__endpoint": endpoint, **settings}
    history = Datagrepper(endpoint, sleep=lambda _: None)
    engine = build(uri, folder / "journal.sqlite", history=history, **names)
    engine.start(now)
    return engine


def hear(engine: Engine, sent: Sequence[Sent]) -> None:
    for place, one in enumerate(sent):
        engine.accept(one.message, one.at, more=place % 100 != 0)
        if place % STREAM.turns == 0:
            engine.turn(60, one.at)


def end(engine: Engine, now: float) -> dict[str, str]:
    """What it exports when all is read and counted; it is stopped then."""
    drain(engine, now)
    while owes(engine):
        now += STREAM.overlap / 4
        read(engine, now)
    found = exports(engine.store, engine.registry)
    engine.stop(now)
    return found


@pytest.mark.slow
def test_live_is_history_is_live_that_was_joined_late(
    new_database: NewDatabase, sent: list[Sent], endpoint: str, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("heard", "read", "joined")]
    found = []
    for folder in folders:
        folder.mkdir()
        with new_database(folder) as uri:
            found.append(EXPORTED[folder.name](uri, folder, endpoint, sent))
    heard, came, joined = found
    assert len(heard) == 36
    assert sum(text.count("\n") for text in heard.values()) > 10_000
    assert [ident for ident in heard if came[ident] != heard[ident]] == []
    assert [ident for ident in heard if joined[ident] != heard[ident]] == []


def heard_all(uri: str, folder: Path, endpoint: str, sent: Sequence[Sent]) -> dict[str, str]:
    engine = made(uri, folder, endpoint, NOW)
    hear(engine, sent)
    return end(engine, sent[-1].at)


def read_all(uri: str, folder: Path, endpoint: str, sent: Sequence[Sent]) -> dict[str, str]:
    now = sent[-1].at + STREAM.overlap
    return end(made(uri, folder, endpoint, now), now)


def joined_late(uri: str, folder: Path, endpoint: str, sent: Sequence[Sent]) -> dict[str, str]:
    """Most are installed after an hour, and the daemon is killed while it reads for them."""
    engine = made(uri, folder, endpoint, NOW, **FIRST_ONES)
    hear(engine, sent[:JOINS])
    engine.stop(sent[JOINS].at)
    engine = made(uri, folder, endpoint, sent[JOINS].at)
    hear(engine, sent[JOINS : JOINS + 300])
    abandon(engine)
    engine = made(uri, folder, endpoint, sent[JOINS + 450].at)
    hear(engine, sent[JOINS + 450 :])
    return end(engine, sent[-1].at)


EXPORTED = {"heard": heard_all, "read": read_all, "joined": joined_late}
