"""What a database holds, as people export it: to be compared byte by byte."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from statscache.registry import Registry
from statscache.store import Store


def exports(store: Store, installed: Registry) -> dict[str, str]:
    """The rows of each statistic that runs, as CSV, by ident.

    What tells of the arrivals, and not of the messages, is left out.
    """
    found = {}
    for ident, statistic in installed.enabled.items():
        model = statistic.model
        assert model
        order = [getattr(model, column) for column in ("timestamp", *model.by)]
        with store.reading() as connection, Session(connection) as session:
            rows = session.scalars(sa.select(model).order_by(*order)).all()
            for row in rows:
                for column in getattr(statistic.plugin, "by_arrival", ()):
                    setattr(row, column, 0)
            with session.no_autoflush:
                found[ident] = model.to_csv(rows)
            session.expunge_all()
    return found
