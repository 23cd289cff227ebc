"""The statistics of ours: what they count, in every window, on each kind of database."""

from __future__ import annotations

from collections import Counter

import pytest
import sqlalchemy as sa

from statscache import registry
from statscache.builtin import volume
from statscache.config import Config
from statscache.text import key
from statscache.times import epoch

NOW = 1_767_225_600
LENGTHS = {"1s": 1, "5s": 5, "1m": 60, "1h": 3600, "1d": 86_400}

BUILD = "org.fedoraproject.prod.buildsys.build.state.change"
COMMENT = "org.fedoraproject.prod.bodhi.update.comment"
KINDS = [
    # topic, msg, category, users, packages
    (BUILD, {"name": "kernel", "owner": "ada", "new": 1}, "buildsys", ["ada"], ["kernel"]),
    (BUILD, {"name": "Kernel", "owner": "Ada", "new": 1}, "buildsys", ["Ada"], ["Kernel"]),
    (COMMENT, {"agent": "eve"}, "bodhi", ["eve"], []),
    ("org.centos.prod.ci.run", {}, "ci", [], []),
    ("short", None, "short", [], []),
    ("org.example.prod.\0\ud800.x", "text", "\0\ud800", [], []),
    (f"org.example.prod.{'x' * 9999}.y", [], "x" * 9999, [], []),
]
BY = {
    "volume": lambda kind: [()],
    "volume-by-category": lambda kind: [(key(kind[2]),)],
    "volume-by-topic": lambda kind: [(key(kind[0]),)],
    "volume-by-user": lambda kind: [(user,) for user in kind[3]],
    "volume-by-package": lambda kind: [(package,) for package in kind[4]],
}
TIMES = [NOW - 1, NOW, NOW + 0.999, NOW + 4, NOW + 5, NOW + 59.5, NOW - 86_401, NOW - 3601.5]
EVERYTHING = [
    {"topic": kind[0], "msg": kind[1], "timestamp": time, "msg_id": f"2026-{number}-{time}"}
    for number, kind in enumerate(KINDS)
    for time in TIMES
]


def rows(engine, ident):
    model = engine.registry.enabled[ident].model
    names = ("timestamp", *model.by, "volume")
    with engine.store.reading() as connection:
        found = connection.execute(sa.select(*(getattr(model, name) for name in names)))
        return {(int(epoch(time)), *keys): volume for time, *keys, volume in found}


def wanted(statistic, length):
    return Counter(
        (int(time // length) * length, *keys)
        for kind in KINDS
        for keys in BY[statistic](kind)
        for time in TIMES
    )


def send(engine, messages):
    for message in messages:
        assert engine.accept(message, NOW + 60, more=True)
    assert engine.drain(NOW + 60)


def test_every_statistic_counts_every_window_exactly(make_engine):
    engine = make_engine(
        now=NOW, plugins__enabled=["volume-*"], retention={"*": None}, engine__batch=9
    )
    send(engine, EVERYTHING)
    assert len(engine.registry.enabled) == len(BY) * len(LENGTHS)
    for statistic in BY:
        for length, seconds in LENGTHS.items():
            assert rows(engine, f"{statistic}-{length}") == wanted(statistic, seconds)


def test_what_comes_twice_is_counted_once_and_late_ones_join_their_window(make_engine):
    engine = make_engine(now=NOW, retention={"*": None}, plugins__enabled=["volume-1h"])
    send(engine, EVERYTHING[::2])
    send(engine, EVERYTHING)
    assert rows(engine, "volume-1h") == wanted("volume", 3600)


@pytest.fixture
def installed(tmp_path):
    return registry.load(
        Config(
            {
                "statscache.sqlalchemy.uri": f"sqlite:///{tmp_path / 'statscache.sqlite'}",
                "statscache.journal.path": tmp_path / "journal.sqlite",
                "statscache.plugins.enabled": ["statscache:*"],
            }
        )
    )


def test_each_statistic_is_installed_at_five_intervals(installed):
    idents = {f"{statistic}-{length}" for statistic in BY for length in LENGTHS}
    assert idents <= set(installed.enabled)


def test_each_says_what_it_is(installed):
    for statistic in BY:
        plugin = installed.enabled[f"{statistic}-1h"].plugin
        assert plugin.unit == "messages"
        assert plugin.__doc__.startswith("Messages")
        assert plugin.reads_only or plugin.envelope_only


@pytest.mark.parametrize(
    ("plugin", "by"),
    [
        (volume.Volume, ()),
        (volume.VolumeByCategory, ("category",)),
        (volume.VolumeByTopic, ("topic",)),
        (volume.VolumeByUser, ("user",)),
        (volume.VolumeByPackage, ("package",)),
    ],
)
def test_each_has_the_key_column_it_is_named_after(plugin, by):
    assert plugin.by == by
    assert [each.interval.total_seconds() for each in plugin.at(*volume.INTERVALS)] == list(
        LENGTHS.values()
    )


def test_a_statistic_of_the_envelope_asks_for_nothing_else(installed):
    envelope = {"topic": BUILD, "timestamp": NOW, "msg_id": "a"}
    for ident, statistic in installed.enabled.items():
        if ident.startswith("volume") and statistic.plugin.envelope_only:
            plugin = statistic.build(Config({}))
            assert list(plugin.count(envelope))
