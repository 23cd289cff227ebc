"""Plugins in single files, as an operator puts them into a directory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samples import NOW, message

from statscache import registry, service
from statscache.config import Config
from statscache.errors import ConfigError
from statscache.registry import Registry
from statscache.web import create_app

BUILDS = """
from __future__ import annotations
from datetime import timedelta
from sqlalchemy.orm import Mapped, mapped_column
from statscache.plugins import *
"""
ONE = """
class Builds(Count):
    name, by, interval = "file builds", ("package",), timedelta(hours=1)
    def count(self, message):
        yield message["msg"]["name"]
"""

Load = Callable[..., Registry]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plugins"
    made.mkdir()
    return made


def raw(folder: Path, **settings: Any) -> dict[str, Any]:
    names = {f"statscache.{key.replace('__', '.')}": value for key, value in settings.items()}
    return {
        "statscache.journal.path": folder.parent / "journal.sqlite",
        "statscache.sqlalchemy.uri": f"sqlite:///{folder.parent / 'statscache.sqlite'}",
        "statscache.plugins.dir": str(folder),
        "statscache.plugins.enabled": ["*.py:*"],
        **names,
    }


@pytest.fixture
def load(folder: Path) -> Load:
    def load_with(**settings: Any) -> Registry:
        given = raw(folder, **settings)
        return registry.load(Config(given, registry.names(given)))

    return load_with


def test_a_plugin_in_a_file_counts_and_is_served_like_one_that_is_installed(folder: Path) -> None:
    (folder / "builds.py").write_text(BUILDS + ONE)
    config = Config(raw(folder))
    engine = service.build(config)
    engine.start(NOW - 3_600)
    engine.accept(message(msg={"name": "kernel"}), NOW)
    assert engine.drain(NOW)
    engine.stop(NOW)
    app = create_app(config)
    answer = app.test_client().get("/api/file-builds-1h")
    assert json.loads(answer.text) == [{"timestamp": NOW - 3_600, "package": "kernel", "volume": 1}]
    statistic = registry.load(config).enabled["file-builds-1h"]
    assert statistic.distribution == "builds.py"


def test_a_file_is_run_once_however_often_it_is_loaded(folder: Path, load: Load) -> None:
    model = "class Model(ScalarModel):\n    __tablename__ = 'data_file_once'\n"
    more = "    weight: Mapped[int | None] = mapped_column()\n"
    plugin = "def made():\n    yield type('Once', (BasePlugin,), dict(name='once', model=Model))\n"
    (folder / "once.py").write_text(f"{BUILDS}{model}{more}{plugin}generator = made()\n")
    assert [*load().enabled] == [*load().enabled] == ["once"]


def test_bases_are_no_plugins_and_neither_is_what_comes_from_elsewhere(
    folder: Path, load: Load
) -> None:
    at = "both = Builds.at(timedelta(hours=1), timedelta(days=1))\n"
    (folder / "at.py").write_text(BUILDS + ONE + at)
    base = "class Base(BasePlugin):\n    pass\n\n\nclass Made(Base):\n    name = 'made'\n"
    heir = "class Heir(Made):\n    name = 'heir'\n"
    (folder / "bases.py").write_text(BUILDS + base + heir)
    loaded = load()
    assert loaded.enabled.keys() == {"file-builds-1h", "file-builds-1d", "made", "heir"}
    assert loaded.skipped == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "x = 1\ndef f(:\n",
            "it cannot be imported (SyntaxError: invalid syntax (broken.py, line",
        ),
        ("import a_module_that_is_not_there", "ModuleNotFoundError"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        (BUILDS, "there is no plugin class in it: write a subclass of BasePlugin"),
        (BUILDS + "class A(Count): pass", "in it has a name: set `name` in A"),
    ],
)
def test_a_broken_file_is_skipped_and_named_in_log_and_index(
    folder: Path, load: Load, caplog: pytest.LogCaptureFixture, text: str, reason: str
) -> None:
    (folder / "broken.py").write_text(text)
    (folder / "sound.py").write_text(BUILDS + ONE)
    loaded = load()
    assert [*loaded.enabled] == ["file-builds-1h"]
    assert "the plugin broken of broken.py is skipped: " in caplog.text
    index = create_app(Config(raw(folder))).test_client().get("/api/?detail=1").get_json()
    (skipped,) = index["skipped"]
    assert reason in skipped.pop("reason")
    assert skipped == {"name": "broken", "distribution": "broken.py"}


def test_files_that_are_not_meant_are_left_alone(folder: Path, load: Load) -> None:
    for name in ("_helper.py", ".hidden.py", "notes.txt", "__init__.py"):
        (folder / name).write_text("raise SystemExit")
    (folder / "__pycache__").mkdir()
    loaded = load()
    assert (loaded.enabled, loaded.skipped) == ({}, [])


def test_its_settings_are_those_under_the_name_of_the_file(folder: Path, load: Load) -> None:
    setting = "    settings = (Setting('least', 3, checks.whole_number(0, 9), ''),)\n"
    (folder / "builds.py").write_text(BUILDS + ONE + setting)
    loaded = load(builds__least=5)
    assert loaded.enabled["file-builds-1h"].settings == {"least": 5}
    with pytest.raises(ConfigError, match=r"statscache.builds.least is 10; allowed: "):
        load(builds__least=10)
    with pytest.raises(ConfigError, match=r"statscache.build.least is no setting of statscache"):
        load(build__least=10)


def test_patterns_name_a_file_as_they_name_a_package(folder: Path, load: Load) -> None:
    (folder / "builds.py").write_text(BUILDS + ONE)
    loaded = load(plugins__disabled=["builds.py:*"])
    assert loaded.enabled == {}
    assert loaded.disabled["file-builds-1h"].distribution == "builds.py"


def test_what_is_installed_wins_a_clash_with_a_file_of_ours(folder: Path, load: Load) -> None:
    (folder / "a.py").write_text(BUILDS + "class V(BasePlugin): name = 'audit-1m'")
    loaded = load(plugins__enabled=["audit-1m"])
    assert loaded.enabled["audit-1m"].distribution == "statscache"
    assert loaded.skipped[0].reason.startswith("its ident audit-1m is taken by statscache")


def test_a_directory_that_is_not_there_is_refused(folder: Path, load: Load) -> None:
    with pytest.raises(ConfigError, match=r"plugins.dir is '/nowhere', which cannot be read \(No"):
        load(plugins__dir="/nowhere")


def test_settings_of_the_same_name_of_entry_point_are_those_of_all_that_have_it(
    folder: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = "    settings = (Setting({!r}, 3, checks.whole_number(0, 9), ''),)\n"
    (folder / "same.py").write_text(BUILDS + ONE + setting.format("least"))
    site = folder.parent / "site"
    (site / "same-1.dist-info").mkdir(parents=True)
    (site / "same-1.dist-info" / "METADATA").write_text("Name: same\nVersion: 1\n")
    point = "[statscache.plugin]\nsame = module_same:Builds\n"
    (site / "same-1.dist-info" / "entry_points.txt").write_text(point)
    text = (BUILDS + ONE + setting.format("most")).replace("file builds", "site builds")
    (site / "module_same.py").write_text(text)
    monkeypatch.syspath_prepend(site)
    loaded = load(same__least=5, same__most=6, plugins__enabled=["*-builds-1h"])
    assert loaded.enabled["file-builds-1h"].settings == {"least": 5}
    assert loaded.enabled["site-builds-1h"].settings == {"most": 6}


def test_a_file_with_another_content_makes_answers_with_another_tag(
    folder: Path, load: Load
) -> None:
    modules = set()
    for number in range(2):
        path = folder / f"again{number}.py"
        path.write_text(f"{BUILDS}{ONE}# {number}\n".replace("file builds", f"again {number}"))
        modules.add(load().enabled[f"again-{number}-1h"].plugin.__module__.rpartition("_")[2])
    assert len(modules) == 2
