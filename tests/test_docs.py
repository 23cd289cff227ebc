"""The docs are run, and what they say of the code is held to the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa
from languages import LANGUAGES, try_out
from pages import BLOCKS, PAGES, README, ROOT, Block, blocks, literals, prose
from place import DAY, NOW, Place, install_readme
from test_house import FLOORS

from statscache import cli, plugins, testing
from statscache.config import IGNORED, SETTINGS
from statscache.demo import traffic
from statscache.engine.intake import UNWRITABLE
from statscache.plugins import BasePlugin
from statscache.store import Store, schema, tables
from statscache.store.meters import METERS
from statscache.web import create_app
from statscache.web.query import query
from statscache.web.serving import EXTENSION

TOP = [README, ROOT / "CONTRIBUTING.rst", ROOT / "CHANGELOG.rst"]
PLUGINS = [block for block in BLOCKS if block.has_plugins]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


# -- what is shown works -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's plugin is installed."""
    source, where = (tmp_path_factory.mktemp(name) for name in ("source", "packages"))
    install_readme(source, where)
    return where


@pytest.mark.slow
@pytest.mark.parametrize("path", [*filter(blocks, PAGES)], ids=lambda path: path.name)
def test_everything_on_a_page_works_in_its_order(path, tmp_path, packages):
    place = Place(tmp_path, packages)
    try:
        for block in blocks(path):
            try_out(place, block)
    finally:
        place.end()


@cache
def targets(block: Block) -> list[Any]:
    """What entry points would name: its lists and generators of classes, else its classes."""
    names: dict[str, Any] = {"__name__": f"docs_{block.page.stem}_{block.line}"}
    exec(block.text, names)
    several = [list(value) for value in names.values() if isinstance(value, list | Iterator)]
    classes = [value for value in names.values() if isinstance(value, type)]
    mine = [one for one in classes if one.__module__ == names["__name__"]]
    return several or [one for one in mine if issubclass(one, BasePlugin)]


@pytest.mark.parametrize("block", PLUGINS, ids=str)
def test_every_plugin_that_is_shown_counts_a_day_of_traffic(block, make_engine):
    engine = make_engine(*targets(block), now=DAY)
    for arrival in traffic.messages(DAY, NOW, rate=0.05, seed=1):
        engine.accept(arrival.message, NOW, more=True)
    assert engine.drain(NOW)
    with engine.store.reading() as connection:
        assert connection.execute(sa.select(tables.dead_letter.c["ident", "error"])).all() == []
        for statistic in engine.registry.enabled.values():
            assert connection.scalar(sa.select(sa.func.count()).select_from(statistic.model))


def test_every_block_has_a_language_that_is_tried():
    assert {block.language for block in BLOCKS} <= LANGUAGES.keys()
    for path in PAGES:
        assert "code-block" not in prose(path)
        assert not re.search(r"^(?! *\.\.).*::$", prose(path), re.MULTILINE)


# -- what is said is so --------------------------------------------------------------------------


@cache
def nodes() -> list[ast.AST]:
    """The syntax of all our code."""
    sources = (path.read_text() for path in ROOT.glob("statscache/**/*.py"))
    return [node for source in sources for node in ast.walk(ast.parse(source))]


@cache
def sentences() -> list[str]:
    """Every text in the code, with `...` where something is put in."""
    found = []
    for node in nodes():
        if isinstance(node, ast.JoinedStr):
            parts = [getattr(part, "value", None) for part in node.values]
            found.append("".join(part if isinstance(part, str) else "..." for part in parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(re.sub(r"%(\.\d)?[sdf]", "...", node.value))
    return found


TERMS = re.findall(r"^(``.*``)\n   \S", page("operator.rst"), re.MULTILINE)


@pytest.mark.parametrize("line", sorted(set().union(*map(literals, TERMS))))
def test_every_line_of_the_log_that_is_explained_is_written(line):
    pattern = re.sub(r"\\\.\\\.\\\.|\d+", ".*", re.escape(line))
    assert any(re.search(pattern, sentence) for sentence in sentences())


def test_every_reason_for_a_refusal_is_explained():
    calls = [node for node in nodes() if isinstance(node, ast.Call)]
    given = [call.args[0] for call in calls if getattr(call.func, "id", "") == "RefusedError"]
    reasons = {reason.value for reason in given if isinstance(reason, ast.Constant)}
    explained = page("operator.rst").split(".. _refused:")[1].split("Not refused:")[0]
    assert set(re.findall(r"\* - ``(.*)``", explained)) == {*reasons, UNWRITABLE}


def test_every_setting_that_is_named_exists():
    known = SETTINGS.keys() | IGNORED.keys()
    for path in (*PAGES, *TOP):
        named = re.findall(r"``(statscache\.[a-z]+\.[a-z_]+)``", path.read_text())
        assert set(named) <= known


def metrics(uri: str) -> set[str]:
    """The names of all that `/metrics` can tell."""
    store = Store(uri)
    schema.upgrade(store)
    store.close()
    app = create_app({"statscache.sqlalchemy.uri": uri})
    told = app.test_client().get("/metrics").text
    app.extensions[EXTENSION].store.close()
    return {*re.findall(r"# TYPE (\w+)", told), *(meter.name for meter in METERS)}


def test_every_metric_is_explained_and_what_is_asked_of_prometheus_exists(sqlite_uri):
    names = metrics(sqlite_uri)
    assert names <= literals(page("rest.rst"))
    asked = "".join(block.text for block in BLOCKS if block.language in ("yaml", "promql"))
    asked = re.sub(r"_bucket\b", "", asked)
    assert set(re.findall(r"\bstatscache_\w+", asked)) <= names


def test_the_plugin_reference_names_the_whole_contract():
    told = literals(page("plugins.rst")) | literals(page("oldapi.rst"))
    words = set(re.findall(r"\w+", " ".join(told)))
    contract = {name for name in vars(BasePlugin) if not name.startswith("_")}
    assert words >= {*plugins.__all__, *testing.__all__, *contract} - {"ident"}


def test_the_rest_reference_names_every_argument():
    assert literals(page("rest.rst")) >= query.ARGUMENTS


def test_every_command_is_named_somewhere():
    shown = "".join(path.read_text() for path in PAGES)
    assert [name for name in commands(cli.main) if f"statscache {name}" not in shown] == []


def commands(group: click.Group) -> Iterator[str]:
    """`journal`, `journal show` and so on."""
    for name, command in group.commands.items():
        yield name
        if isinstance(command, click.Group):
            yield from (f"{name} {one}" for one in commands(command))


def test_every_path_that_is_named_exists():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    for path in {*PAGES, *TOP}:
        for name in literals(path.read_text()):
            inside = name.partition("/")[0] in folders and "/" in name
            if inside or re.fullmatch(r"[A-Z]+\.rst", name):
                assert (ROOT / name).exists(), f"{path.name}: {name}"


def test_the_house_stands_as_it_is_told():
    told = literals(page("why.rst").split("The house\n")[1])
    assert {name.removesuffix("/").removesuffix(".py") for name in told} >= set().union(
        *FLOORS.values()
    )


@pytest.mark.slow
def test_the_pages_can_be_built_and_fetch_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", ROOT / "docs", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for built in tmp_path.glob("*.html"):
        assert not re.search(r'(<link[^>]* href|src)="(https?:)?//', built.read_text())
    assert all(name in (tmp_path / "operator.html").read_text() for name in SETTINGS)
