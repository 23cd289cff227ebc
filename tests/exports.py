"""What a database holds, as CSV: to be compared byte by byte."""

from __future__ import annotations

import sqlalchemy as sa

from statscache.formats import csv
from statscache.registry import Registry, Statistic
from statscache.store import Store


def exports(store: Store, installed: Registry) -> dict[str, str]:
    """The rows of each statistic that runs, as they are stored, by ident.

    What tells of the arrivals, and not of the messages, is left out.
    """
    return {ident: _export(store, one) for ident, one in installed.enabled.items()}


def _export(store: Store, statistic: Statistic) -> str:
    model = statistic.model
    assert model
    left_out = {"id", *statistic.plugin.by_arrival}
    names = [one.key for one in sa.inspect(model).column_attrs if one.key not in left_out]
    columns = [getattr(model, name) for name in names]
    order = [getattr(model, name) for name in ("timestamp", *model.by)]
    with store.reading() as connection:
        rows = connection.execute(sa.select(*columns).order_by(*order))
        return csv.dumps(names, rows)
