"""A plugin as they were written of old: it counts in memory, and commits by itself."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from statscache.plugins import BasePlugin, CategorizedModel


class ElderPlugin(BasePlugin):
    name = "elder volume, by category"
    summary = "the count of messages organized by category"
    description = "For any given time window, the number of messages of each category."

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._volumes = Counter()

    def process(self, message):
        sent = datetime.fromtimestamp(message["timestamp"], UTC).replace(tzinfo=None)
        self._volumes[self.schedule.last(sent), message["topic"].split(".")[3]] += 1

    def update(self, session):
        for (time, category), volume in self._volumes.items():
            rows = session.query(self.model).filter_by(timestamp=time, category=category)
            row = rows.first() or self.model(timestamp=time, category=category, scalar=0)
            row.scalar += volume
            session.add(row)
        session.commit()
        self._volumes.clear()


def _at(interval, suffix):
    table = {"__tablename__": f"data_elder_{suffix}"}
    model = type(f"ElderModel{suffix}", (CategorizedModel,), table)
    return type(f"ElderPlugin{suffix}", (ElderPlugin,), {"interval": interval, "model": model})


plugins = (
    _at(interval, suffix)
    for interval, suffix in ((timedelta(seconds=15), "15s"), (timedelta(days=1), "1d"))
)
