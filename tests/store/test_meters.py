from __future__ import annotations

import sqlalchemy as sa

from statscache.store import Store, meters, tables
from statscache.store.meters import ACCEPTED, METERS, TURNS


def test_what_was_written_last_is_read(store: Store) -> None:
    with store.writing() as connection:
        meters.write(connection, {ACCEPTED: {"": 5}, TURNS: {"1s": 9, "60s": 1}}, 100.0)
        meters.write(connection, {TURNS: {"1s": 10, "5s": 2}}, 105.0)
    with store.reading() as connection:
        assert meters.read(connection) == {TURNS: {"1s": 10, "5s": 2}}
        assert set(connection.execute(sa.select(tables.meter.c.at)).scalars()) == {105.0}


def test_what_another_version_measures_is_left_out(store: Store) -> None:
    with store.writing() as connection:
        meters.write(connection, {meters.Meter("statscache_moods_total", "Moods."): {"": 1}}, 1.0)
        meters.write(connection, {}, 2.0)
        other = {"name": "statscache_moods_total", "label": "", "value": 1, "at": 3.0}
        connection.execute(sa.insert(tables.meter).values(other))
    with store.reading() as connection:
        assert meters.read(connection) == {}


def test_names_are_as_prometheus_wants_them() -> None:
    names = [meter.name for meter in METERS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("statscache_") for name in names)
    assert all(meter.help.endswith(".") for meter in METERS)
