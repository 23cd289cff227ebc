"""`GET /metrics`: requests, the statistics, and the daemon, as Prometheus reads them.

What the daemon counts comes out of the database, as of one state of it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator

from flask import Blueprint, Response, request
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from ...errors import StatscacheError
from ...store import Store, standing
from ...store.meters import Meter
from ...store.standing import Standing
from ...text import sentence
from ..query import arguments as args
from ..serving import serving

log = logging.getLogger(__name__)
blueprint = Blueprint("metrics", __name__)


class Stored(Collector):
    """What the database tells of the statistics `idents`; fails never."""

    def __init__(self, store: Store, idents: Collection[str], now: float) -> None:
        self._store = store
        self._idents = idents
        self._now = now

    def collect(self) -> Iterator[Metric]:
        found = self._read()
        help_ = "Whether the database can be read, and its tables are of this version."
        yield GaugeMetricFamily("statscache_up", help_, value=found is not None)
        if found is not None:
            yield from self._statistics(found)
            yield from _gaps(found)
            yield from self._daemon(found)

    def _read(self) -> Standing | None:
        try:
            with self._store.reading() as connection:
                return standing.read(connection)
        except (SQLAlchemyError, StatscacheError) as error:
            log.warning("there are no metrics of the statistics: %s", sentence(error))
            return None

    def _statistics(self, found: Standing) -> Iterator[Metric]:
        label = ("statistic",)
        lag = GaugeMetricFamily(
            "statscache_lag_seconds",
            "How old the arrivals are that were counted last.",
            labels=label,
        )
        suspended = GaugeMetricFamily(
            "statscache_suspended", "Whether a statistic is suspended.", labels=label
        )
        letters = GaugeMetricFamily(
            "statscache_dead_letters", "Messages that are set aside.", labels=label
        )
        counted = CounterMetricFamily(
            "statscache_messages_counted", "Messages that were counted.", labels=label
        )
        expired = CounterMetricFamily(
            "statscache_messages_expired", "Messages older than rows are kept.", labels=label
        )
        revisions = CounterMetricFamily(
            "statscache_revisions", "How often rows were changed.", labels=label
        )
        for ident in self._idents:
            one = found.checkpoints.get(ident)
            if one:
                lag.add_metric([ident], max(0.0, self._now - one.complete_until))
                suspended.add_metric([ident], one.suspended is not None)
                letters.add_metric([ident], found.dead_letters.get(ident, 0))
                counted.add_metric([ident], one.counted)
                expired.add_metric([ident], one.expired)
                revisions.add_metric([ident], one.revision)
        yield from (lag, suspended, letters, counted, expired, revisions)

    def _daemon(self, found: Standing) -> Iterator[Metric]:
        """What the daemon measured counts only while it lives."""
        alive = found.is_beating(self._now)
        yield GaugeMetricFamily("statscache_daemon_up", "Whether the daemon lives.", value=alive)
        refused = CounterMetricFamily(
            "statscache_messages_refused",
            "Messages of the bus that were refused.",
            labels=["reason"],
        )
        for reason, number in sorted(found.refused.items()):
            refused.add_metric([reason], number)
        yield refused
        for meter, values in found.meters.items() if alive else ():
            yield _measured(meter, values)


@blueprint.get("/metrics")
def index() -> Response:
    """The text format of Prometheus, or that of OpenMetrics where it is asked for."""
    args.parse(request.query_string, ())
    here = serving()
    registry = here.requests.registry()
    registry.register(Stored(here.store, here.plugins, here.now()))
    encode, media = choose_encoder(request.headers.get("Accept", ""))
    response = Response(encode(registry), content_type=media)
    response.cache_control.no_store = True
    return response


def _gaps(found: Standing) -> Iterator[Metric]:
    gaps = GaugeMetricFamily(
        "statscache_gaps", "Gaps in listening whose messages are missing.", value=len(found.gaps)
    )
    number = GaugeMetricFamily(
        "statscache_owed", "Stretches of time that are still owed.", labels=["reason"]
    )
    seconds = GaugeMetricFamily(
        "statscache_owed_seconds",
        "How long they are, what has been read left out.",
        labels=["reason"],
    )
    unread = defaultdict(list)
    for debt in found.debts:
        unread[debt.reason].append(debt.stop - debt.read_until)
    for reason in sorted(unread):
        number.add_metric([reason], len(unread[reason]))
        seconds.add_metric([reason], sum(unread[reason]))
    yield from (gaps, number, seconds)


def _measured(meter: Meter, values: dict[str, float]) -> Metric:
    kind = CounterMetricFamily if meter.name.endswith("_total") else GaugeMetricFamily
    labels = [meter.label] if meter.label else []
    family = kind(meter.name, meter.help, labels=labels)
    for label, value in values.items():
        family.add_metric([label] if meter.label else [], value)
    return family
