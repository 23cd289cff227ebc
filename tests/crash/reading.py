"""What has to stand in a database once the whole feed is counted, and what does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from guests import Message, Scalar, checkpoint, owed
from life import KEPT, is_poison, is_refused
from reckoning import KEYS, identity, newest, once, others, tally, volumes

from statscache.engine import Engine
from statscache.models import Newest
from statscache.store import tables
from statscache.store.tables import NOT_LISTENING
from statscache.times import epoch

MINUTE, DAY = 60, 86_400

DERIVED = "derived"
"""Stands for the ids of those that came without one."""

INVENTED = "archive-"
"""Begins the ids that the archive gives to those."""

YEAR = re.compile(r"^\d{4}-")
"""What bridges put in front of ids."""

SHOWN = 3
"""Rows that are shown of many that differ."""

BY = ("", *(f"-by-{key}" for key in KEYS))

OTHERS = (
    *("active-contributors-1d", "active-contributors-by-category-1d"),
    *("bodhi-updates-1d", "koji-builds-1h", "koji-builds-1d"),
)
"""The other statistics that have rows of such traffic."""

LATEST = "latest-message-per-topic"

Rows = Counter[tuple[Any, ...]]


def reckoned(sent: Iterable[Message], now: float) -> dict[str, Rows]:
    """The rows of each statistic at `now` (epoch seconds): start of window, key, number."""
    accepted = list(once(message for message in sent if not is_refused(message)))
    fine = [message for message in accepted if not is_poison(message)]
    horizon = (now - KEPT) // MINUTE * MINUTE
    rows = {
        "ids-1s": _one_each(accepted),
        "bad-1s": _one_each(fine),
        "kept-1s": _one_each(one for one in accepted if int(one["timestamp"]) >= horizon),
        "outside-15s": _rows(tally(accepted, 15, lambda _: [(15,)])),
        "outside-1d": _rows(tally(accepted, DAY, lambda _: [(DAY,)])),
    }
    for name in ("1s", "by-category-1m", "by-topic-1h", "by-user-1d", "by-package-1h"):
        rows[f"volume-{name}"] = _rows(volumes(accepted, f"volume-{name}"))
    return rows


def reckoned_of_built_in(sent: Iterable[Message]) -> dict[str, Rows]:
    """The same of every statistic that is built in; of the audit, the volume.

    Of the latest messages the time, since of several in one second the ids decide.
    """
    accepted = list(once(message for message in sent if not is_refused(message)))
    idents = [f"volume{by}-{length}" for by in BY for length in ("1s", "5s", "1m", "1h", "1d")]
    rows = {ident: _rows(volumes(accepted, ident)) for ident in idents}
    rows |= {ident: _rows(others(accepted, ident)) for ident in OTHERS}
    latest = Counter((round(time, 3), topic) for topic, time in newest(accepted).items())
    return {**rows, "audit-1m": rows["volume-1m"], LATEST: latest}


def differences(engine: Engine, sent: Sequence[Message], rows: dict[str, Rows]) -> list[str]:
    """How the database and the journal of `engine` differ from `rows` and the books, in words."""
    return [
        *_differing_rows(engine, rows),
        *_differing_books(engine, [message for message in sent if not is_refused(message)]),
        *_odd_spans(engine),
    ]


def _differing_rows(engine: Engine, rows: dict[str, Rows]) -> list[str]:
    found = {ident: _found(engine, ident) for ident in engine.registry.enabled}
    said = []
    for ident in sorted(found.keys() | rows.keys()):
        want, have = rows.get(ident, Counter()), found.get(ident, Counter())
        if want - have:
            said.append(f"{ident} lacks {_some(want - have)}")
        if have - want:
            said.append(f"{ident} has too much: {_some(have - want)}")
    return said


def _differing_books(engine: Engine, taken: Sequence[Message]) -> list[str]:
    """Whether every bookmark stands at the end, and its sums and the dead letters are right."""
    accepted = list(once(taken))
    poison = Counter(_known(identity(message)) for message in accepted if is_poison(message))
    end, said = engine.journal.end(), []
    for ident in engine.registry.enabled:
        read = checkpoint(engine.store, ident)
        dead = _dead(engine, ident)
        if dead != (poison if ident == "bad-1s" else Counter()):
            said.append(f"{ident} has the dead letters {sorted(dead.elements())}")
        wanted = sum(engine.registry.enabled[ident].wants(one["topic"]) for one in accepted)
        if read.counted + read.expired + dead.total() != wanted:
            said.append(f"{ident} has other sums than {wanted}: {read}, {dead.total()}")
        if read.position != end or read.suspended:
            said.append(f"{ident} does not stand at the end of the journal, {end}: {read}")
    return said


def _odd_spans(engine: Engine) -> list[str]:
    """Spans of listening follow one another, and what lies between two is owed."""
    spans = engine.journal.spans()
    gaps = [("", before.stop, after.start) for before, after in pairwise(spans)]
    odd = [span for span in spans if span.start > span.stop]
    odd += [gap for gap in gaps if gap[1] > gap[2]]
    missing = {gap for gap in gaps if gap[1] < gap[2]} ^ set(owed(engine.store, NOT_LISTENING))
    return [f"odd spans: {odd}"] * bool(odd) + [f"owed otherwise: {missing}"] * bool(missing)


def _found(engine: Engine, ident: str) -> Rows:
    statistic = engine.registry.enabled[ident]
    model: Any = statistic.model
    names = ("timestamp", *model.by, "volume")
    if issubclass(model, Newest):
        names = ("timestamp", *model.by)
    elif model is Scalar:
        names = ("timestamp", "seconds", "scalar")
    with engine.store.reading() as connection:
        rows = connection.execute(sa.select(*(model.__table__.c[name] for name in names)))
        found = Counter((round(epoch(time), 3), *map(_known, parts)) for time, *parts in rows)
    if model is Scalar:  # one table for both
        return Counter({row: found[row] for row in found if row[1] == statistic.schedule.length})
    return found


def _dead(engine: Engine, ident: str) -> Counter[str]:
    letter = tables.dead_letter.c
    with engine.store.reading() as connection:
        rows = connection.scalars(sa.select(letter.message_id).where(letter.ident == ident))
        return Counter(map(_known, rows))


def _one_each(messages: Iterable[Message]) -> Rows:
    """What a statistic by id has: a row for each."""
    return Counter((int(one["timestamp"]), _known(identity(one)), 1) for one in messages)


def _rows(tallied: Mapping[tuple[Any, ...], int]) -> Rows:
    return Counter((*key, number) for key, number in tallied.items())


def _known(part: Any) -> Any:
    """What can be foretold of an id: which of a message's names came first, cannot."""
    if not isinstance(part, str):
        return part
    bare = YEAR.sub("", part)
    return DERIVED if bare.startswith(("derived-", "[", INVENTED)) else bare


def _some(rows: Rows) -> str:
    shown = ", ".join(map(str, sorted(rows.elements())[:SHOWN]))
    return f"{rows.total()} rows: {shown}" + ", ..." * (rows.total() > SHOWN)
