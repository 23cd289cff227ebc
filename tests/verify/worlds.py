"""A daemon that has counted two days, and an archive that has the same messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

import faults
from datagrepper import Datagrepper
from faults import DAY, SINCE, Heard, Tables
from samples import NOW
from traffic import traffic

from statscache import history
from statscache.backlog.importer import Importer
from statscache.builtin.audit import Audit
from statscache.builtin.volume import Volume, VolumeByPackage, VolumeByTopic
from statscache.engine import Engine
from statscache.journal import Span
from statscache.registry import Statistic
from statscache.verify.repair import Repaired, repair
from statscache.verify.source import of_datagrepper
from statscache.verify.verification import Case, Comparison, compare

HOUR = 3_600
SPAN = Span(SINCE, NOW - HOUR)

PLUGINS = (
    Audit,
    Volume.at(timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)),
    VolumeByTopic.at(timedelta(hours=1)),
    VolumeByPackage.at(timedelta(days=1)),
)


class World:
    """A daemon and an archive that hear the same; `heard` is what they heard."""

    def __init__(self, engine: Engine, archive: Datagrepper) -> None:
        self.engine = engine
        self.archive = archive.archive
        self.heard: list[Heard] = []
        source = of_datagrepper(history.Datagrepper(archive.url))
        self.case = Case(engine.config, engine.store, engine.journal, source, NOW)
        self.statistics: list[Statistic] = list(engine.registry.enabled.values())

    def hear(self, those: Iterable[Heard]) -> None:
        """Both hear them; the daemon counts them at its next turn."""
        for one in those:
            assert self.engine.accept(one.message, one.arrived, more=True)
            self.archive.add(one.message)
            self.heard.append(one)
        self.engine.flush(NOW)

    def count(self) -> None:
        assert self.engine.drain(NOW)

    def compare(self, span: Span = SPAN) -> Comparison:
        return compare(self.case, self.statistics, span)

    def repair(self, found: Comparison) -> Repaired:
        engine = self.engine
        importer = Importer(engine.journal, engine.store, engine.config)
        installed = engine.registry
        return repair(self.case, installed, self.statistics, SPAN, found, importer, self.count)

    def stored(self) -> Tables:
        return faults.stored(self.engine.store, self.statistics)

    def write(self, tables: Tables) -> None:
        """Make the rows what is given, behind the back of the daemon."""
        before = self.stored()
        for one in self.statistics:
            now, then = tables[one.ident], before[one.ident]
            for key in now.keys() | then.keys():
                if now.get(key) != then.get(key):
                    faults.write(self.engine.store, one, key, now.get(key))


MakeWorld = Callable[..., World]
"""Makes one of plugins and settings, as `make_engine` takes them."""


def spread(number: int, seed: int) -> list[Heard]:
    """Messages that arrived in two days, in order, with whatever a bus does to them."""
    apart = (NOW - SPAN.start) / number
    sent = traffic(number, seed, NOW, apart)
    return [Heard(one, SPAN.start + place * apart) for place, one in enumerate(sent)]


def deltas_of(truth: Tables, stored: Tables) -> dict[tuple[str, faults.Key], faults.Sums]:
    """The same, of rows that stand in whole windows of the range."""
    wanted = {}
    for ident, rows in truth.items():
        length = {"d": DAY, "h": HOUR, "m": 60}[ident[-1]]
        for key in rows.keys() | stored[ident].keys():
            here, there = stored[ident].get(key, ()), rows.get(key, ())
            start = key[0] // length * length
            if here != there and SPAN.start <= start <= SPAN.stop - length:
                none = (0,) * max(len(here), len(there))
                pairs = zip(here or none, there or none, strict=True)
                wanted[ident, key] = tuple(b - a for a, b in pairs)
    return wanted


def first_arrivals(world: World) -> list[Heard]:
    """Each message that has an id, where it came first; the latest first."""
    found: dict[str, Heard] = {}
    for one in world.heard:
        if "msg_id" in one.message:
            found.setdefault(one.id, one)
    return [*found.values()][::-1]


def in_both(one: Heard) -> bool:
    """Whether all its windows are compared."""
    return SPAN.start <= one.message["timestamp"] < SPAN.start + DAY
