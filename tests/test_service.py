"""Builds an engine from the hub's configuration; one engine a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from guests import feed, rows, turn
from samples import NOW

from statscache import service
from statscache.errors import ConfigError, JournalInUseError, StoreError


def raw(folder: Path, **others: Any) -> dict[str, Any]:
    """What a hub has read from `fedmsg.d/`: our settings among those of others."""
    return {
        "endpoints": {},
        "moksha.workers_per_consumer": 1,
        "statscache.sqlalchemy.uri": f"sqlite:///{folder / 'db'}",
        "statscache.journal.path": folder / "journal.sqlite",
        **others,
    }


def test_an_engine_counts_for_all_that_is_installed(tmp_path: Path) -> None:
    engine = service.build(service.configure(raw(tmp_path)))
    engine.start(NOW)
    feed(engine, range(3))
    turn(engine)
    assert "volume-1s" in engine.registry.enabled
    assert rows(engine.store, "stat_volume_1d", "volume") == [(3,)]
    engine.stop(NOW)


def test_there_are_connections_enough_for_every_plugin_at_once(tmp_path: Path) -> None:
    engine = service.build(service.configure(raw(tmp_path)))
    assert engine.store.engine.pool.size() > len(engine.registry.enabled)
    engine.stop(NOW)


def test_a_setting_that_is_ignored_is_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service.configure(raw(tmp_path, **{"statscache.producer.frequency": 1}))
    assert "statscache.producer.frequency is ignored" in caplog.text


def test_an_unknown_setting_is_refused_but_those_of_plugins_are_theirs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean statscache\.journal\.path"):
        service.configure(raw(tmp_path, **{"statscache.journal.pat": "x"}))
    assert service.configure(raw(tmp_path, **{"statscache.volume.anything": 7}))


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    config = service.configure(raw(tmp_path))
    first = service.build(config)
    with pytest.raises(JournalInUseError):
        service.build(config)
    first.stop(NOW)
    (tmp_path / "file").touch()
    uri = {"statscache.sqlalchemy.uri": f"sqlite:///{tmp_path / 'file' / 'db'}"}
    with pytest.raises(StoreError):
        service.build(service.configure(raw(tmp_path, **uri)))
