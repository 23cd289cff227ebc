from __future__ import annotations

from pathlib import Path

import pytest

from statscache import hubconfig
from statscache.errors import ConfigError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder `fedmsg.d` of the directory that commands are run in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("FEDMSG_CONFIG", raising=False)
    folder = tmp_path / "fedmsg.d"
    folder.mkdir()
    return folder


def write(folder, **settings):
    names = {f"statscache.{name.replace('__', '.')}": value for name, value in settings.items()}
    (folder / "endpoints.py").write_text("config = {'endpoints': {}}")
    (folder / "statscache.py").write_text(f"config = {names!r}")


def test_the_settings_of_this_directory_are_read_and_checked(folder):
    write(folder, engine__batch=7, journal__path="/x/journal.sqlite")
    config = hubconfig.read()
    assert config["statscache.engine.batch"] == 7
    assert config["statscache.journal.path"] == Path("/x/journal.sqlite")


def test_they_are_read_anew_each_time(folder):
    write(folder, engine__batch=7)
    assert hubconfig.read()["statscache.engine.batch"] == 7
    write(folder, engine__batch=80)
    assert hubconfig.read()["statscache.engine.batch"] == 80


def test_the_arguments_of_the_command_line_are_not_taken_for_settings(folder, monkeypatch):
    write(folder)
    monkeypatch.setattr("sys.argv", ["statscache", "--help", "--topic", "x"])
    assert hubconfig.read()["statscache.engine.batch"] == 5000


def test_settings_of_installed_plugins_are_theirs(folder):
    write(folder, volume__anything=5)
    assert hubconfig.read()["statscache.volume.anything"] == 5


def test_a_setting_that_cannot_be_used_is_named(folder):
    write(folder, engine__batch="many")
    with pytest.raises(ConfigError, match=r"^statscache\.engine\.batch is 'many'; allowed: "):
        hubconfig.read()


def test_an_unknown_setting_is_named_with_the_nearest(folder):
    write(folder, engine__batsch=5)
    with pytest.raises(ConfigError, match=r"did you mean statscache\.engine\.batch\?"):
        hubconfig.read()


@pytest.mark.parametrize("text", ["config = {", "config = 1 / 0", "import nothing_of_that_name"])
def test_a_file_that_cannot_be_read_is_an_error_that_says_why(folder, text):
    (folder / "statscache.py").write_text(text)
    with pytest.raises(ConfigError, match=r"fedmsg\.d cannot be read: \w+: "):
        hubconfig.read()


def test_what_the_hub_itself_lacks_is_told_too(folder):
    with pytest.raises(ConfigError, match=r"cannot be read: .*'endpoints'"):
        hubconfig.read()
