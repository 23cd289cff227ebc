"""A daemon that has counted two days, and an archive that has the same messages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import faults
from datagrepper import Datagrepper
from faults import Heard, Tables
from samples import NOW
from traffic import traffic

from statscache import history
from statscache.builtin.audit import Audit
from statscache.builtin.volume import Volume, VolumeByPackage, VolumeByTopic
from statscache.engine import Engine
from statscache.engine.importer import Importer
from statscache.journal import Span
from statscache.registry import Statistic
from statscache.verify.repair import Repaired, repair
from statscache.verify.source import of_datagrepper
from statscache.verify.verification import Case, Comparison, compare

DAY, HOUR = 86_400, 3_600
SPAN = Span(NOW - 2 * DAY, NOW - HOUR)

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
        return repair(self.case, installed, SPAN, found.differences, importer, self.count)

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


def spread(number: int, seed: int) -> list[Heard]:
    """Messages that arrived in two days, in order, with whatever a bus does to them."""
    apart = (NOW - SPAN.start) / number
    sent = traffic(number, seed, NOW, apart)
    return [Heard(one, SPAN.start + place * apart) for place, one in enumerate(sent)]
