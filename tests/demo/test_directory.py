"""The directory of a demo, and the fedmsg.d in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from statscache import hubconfig
from statscache.demo import directory
from statscache.errors import ConfigError

ELSEWHERE = """
config = {
    "endpoints": {"production": ["tcp://bus.example.org:9940"]},
    "srv_endpoints": ["example.org"],
    "validate_signatures": True,
    "logging": {"version": 1, "loggers": {"statscache": {"level": "DEBUG", "handlers": ["mail"]}}},
    "statscache.consumer.enabled": False,
    "statscache.sqlalchemy.uri": "postgresql://production/statscache",
    "statscache.plugins.disabled": ["*"],
    "statscache.retention": {"*": 1},
}
"""


def test_without_a_wish_it_is_a_new_one_every_time(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, other = directory.make(None), directory.make(None)
    assert one != other
    assert one.is_dir()
    assert one.is_absolute()


def test_a_wished_one_is_made_with_those_above_it_or_used_if_it_is_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert directory.make(Path("a/b")) == tmp_path / "a" / "b"
    assert directory.make(Path("a/b")) == tmp_path / "a" / "b"


def test_one_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ConfigError, match="is not empty"):
        directory.make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ConfigError, match=r"thesis.txt cannot be used: "):
        directory.make(tmp_path / "thesis.txt")


@pytest.mark.parametrize("name", ["plain", "it's [a] demo?", "100% #1 ünïcode"])
def test_the_hub_and_the_commands_find_everything_in_it(tmp_path, monkeypatch, name):
    folder = directory.make(tmp_path / name)
    directory.configure(folder, "tcp://127.0.0.1:4567")
    monkeypatch.chdir(folder)
    config = hubconfig.read()
    assert config["endpoints"] == {"demo": ["tcp://127.0.0.1:4567"]}
    assert config["statscache.consumer.enabled"] is True
    assert config["statscache.journal.path"] == folder / "journal.sqlite"


def test_what_the_machine_says_of_other_buses_is_not_for_the_demo(tmp_path, monkeypatch):
    (tmp_path / ".fedmsg.d").mkdir()
    (tmp_path / ".fedmsg.d" / "production.py").write_text(ELSEWHERE)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = directory.make(tmp_path / "demo")
    directory.configure(folder, "tcp://127.0.0.1:4567")
    monkeypatch.chdir(folder)
    config = hubconfig.read()
    assert config["endpoints"] == {"demo": ["tcp://127.0.0.1:4567"]}
    assert config["srv_endpoints"] == []
    assert config["validate_signatures"] is False
    assert "mail" not in str(config["logging"])
    assert config["statscache.sqlalchemy.uri"] == f"sqlite:///{folder}/statscache.sqlite"
    assert config["statscache.plugins.disabled"] == ()
    assert config["statscache.retention"] == {}


def test_plugins_of_ones_own_are_found_from_there(tmp_path, monkeypatch):
    (tmp_path / "plugins").mkdir()
    folder = directory.make(tmp_path / "demo")
    monkeypatch.chdir(tmp_path)
    directory.configure(folder, "tcp://127.0.0.1:4567", Path("plugins"))
    monkeypatch.chdir(folder)
    assert hubconfig.read()["statscache.plugins.dir"] == tmp_path / "plugins"
