"""The docs are run: every block of code in README and docs is tried, each page in a directory.

A block with a caption is a file of that name. `...` stands for anything, and in a block of the
class `live` any number stands for any other.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import click
import pytest
import sqlalchemy as sa
from test_house import FLOORS

from statscache import cli, plugins, tables
from statscache.config import IGNORED, SETTINGS, Config
from statscache.demo import traffic
from statscache.intake import UNWRITABLE
from statscache.plugins import BasePlugin
from statscache.web import query

ROOT = Path(__file__).parent.parent
README = ROOT / "README.rst"
PAGES = [README, *sorted(ROOT.glob("docs/*.rst"))]
TOP = [README, ROOT / "CONTRIBUTING.rst", ROOT / "CHANGELOG.rst"]
SCRIPTS = Path(sys.executable).parent

DAY = 1_767_744_000
"""2026-01-07 00:00:00 UTC: the day that the examples ask for."""
NOW = DAY + 86_400

READY = {
    "statscache demo": "Ctrl-C ends it",
    "statscache serve": "Serving on",
    "fedmsg-hub": "listening to the bus",
}
"""Commands that do not end by themselves, and what they say when they work."""

FILL = f"""
import json, sys
from statscache import hubconfig, service
engine = service.build(hubconfig.read())
engine.start({DAY})
for line in sys.stdin:
    engine.accept(json.loads(line), {NOW}, more=True)
engine.drain({NOW})
engine.stop({NOW})
"""

DIRECTIVE = re.compile(
    r"^(?P<indent> *)\.\. code-block::(?P<language>.*)\n"
    r"(?P<options>(?: +:.*\n)*)"
    r"(?P<text>(?:\n|(?P=indent) +.*\n)+)",
    re.MULTILINE,
)


class Block(NamedTuple):
    """A block of code; one with a name is a file, and in a live one the numbers may differ."""

    page: Path
    line: int
    language: str
    name: str
    live: bool
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    source = page.read_text()
    return [
        Block(
            page=page,
            line=source.count("\n", 0, found.start()) + 1,
            language=found["language"].strip(),
            name="".join(re.findall(r":caption: (.*)", found["options"])),
            live=":class: live" in found["options"],
            text=textwrap.dedent(found["text"]).strip("\n") + "\n",
        )
        for found in DIRECTIVE.finditer(source)
    ]


BLOCKS = [block for page in PAGES for block in blocks(page)]
PLUGINS = [block for block in BLOCKS if re.search(r"\((Count|BasePlugin)\):", block.text)]
"""Blocks that define plugins: these are run in an engine."""


# -- a page, tried in a directory ----------------------------------------------------------------


class Place:
    """A directory with a configuration, a day of statistics, and the processes that run there.

    Args:
        packages: where the README's plugin is installed.
    """

    def __init__(self, folder: Path, packages: Path) -> None:
        self.folder = self.here = folder
        self.address = ""
        self._installed = folder / "installed"
        self._environment = {
            "HOME": str(folder),
            "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
            "PYTHONPATH": f"{self._installed}:{packages}",
            "PYTHONUNBUFFERED": "1",
        }
        self._running: list[subprocess.Popen[bytes]] = []
        shutil.copytree(ROOT / "fedmsg.d", folder / "fedmsg.d")
        self.run(f"python -c {shlex.quote(FILL)}", given="\n".join(map(json.dumps, messages())))

    def keep(self, block: Block) -> None:
        """Write the file that the block is, unless its place is elsewhere on the machine."""
        path = self.here / block.name
        if block.name and path.is_relative_to(self.folder):
            path.write_text(block.text)

    def run(self, command: str, fails: bool = False, given: str = "") -> str:
        """What a command says, which ends by itself."""
        done = subprocess.run(
            command,
            shell=True,
            input=given,
            cwd=self.here,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert bool(done.returncode) == fails, f"{command}\n{done.stdout}"
        return done.stdout

    def start(self, command: str, ready: str) -> str:
        """What a command has said by the time that it works; it runs until the page ends."""
        log = self.folder / f"{len(self._running)}.log"
        command = command.replace("--port 8080", "--port 0")
        with log.open("wb") as file:
            process = subprocess.Popen(
                shlex.split(command), cwd=self.here, env=self._environment, stdout=file, stderr=file
            )
        self._running.append(process)
        end = time.monotonic() + 60
        while ready not in log.read_text():
            assert time.monotonic() < end, f"{command}\n{log.read_text()}"
            assert process.poll() is None, f"{command}\n{log.read_text()}"
            time.sleep(0.1)
        said = log.read_text()
        if address := re.search(r"http://127\.0\.0\.1:\d+", said):
            self.address = address[0]
        return said.replace(self.address or "nowhere", "http://127.0.0.1:8080")

    def local(self, text: str) -> str:
        """`text` with the web application that runs here, which is started if need be."""
        if "localhost:8080" in text and not self.address:
            self.start("statscache serve --port 0", READY["statscache serve"])
        return text.replace("http://localhost:8080", self.address)

    def install(self, what: str) -> None:
        self.run(f"python -m {pip_install(what, self._installed)}")

    def end(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(30)


def messages() -> Iterator[dict[str, Any]]:
    """A day of builds, of which some fail, and a message that is refused."""
    yield {"msg": {}}
    topic = "org.fedoraproject.prod.buildsys.build.state.change"
    for hour in range(24):
        states = [0, 1] * (1 + hour % 3) + [3] * (hour % 4 == 0)
        for minute, state in enumerate(states):
            stamp = DAY + 3600 * hour + 60 * minute
            yield {"topic": topic, "timestamp": stamp, "msg": {"name": "kernel", "new": state}}


def pip_install(what: str, where: Path) -> str:
    """Without a network: the build tools are those of this environment."""
    return f"pip install -q --no-index --no-deps --no-build-isolation --target {where} {what}"


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's plugin is installed, from what the README shows."""
    source, where = (tmp_path_factory.mktemp(name) for name in ("source", "packages"))
    shown = {block.language: block.text for block in blocks(README)}
    head = '[project]\nname = "my-statistics"\nversion = "1"\n'
    (source / "pyproject.toml").write_text(head + shown["toml"])
    (source / "my_statistics.py").write_text(shown["python"])
    command = [sys.executable, "-m", *shlex.split(pip_install(str(source), where))]
    subprocess.run(command, check=True)
    return where


@pytest.mark.slow
@pytest.mark.parametrize("page", [*filter(blocks, PAGES)], ids=lambda page: page.name)
def test_everything_on_a_page_works_in_its_order(page, tmp_path, packages):
    place = Place(tmp_path, packages)
    try:
        for block in blocks(page):
            place.keep(block)
            LANGUAGES[block.language](place, block)
    finally:
        place.end()


# -- languages -----------------------------------------------------------------------------------


def try_console(place: Place, block: Block) -> None:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        said = COMMANDS[command.split()[0]](place, command, expected)
        assert matches(expected, said, block.live), f"{block}: {command}\n{said}"


def try_python(place: Place, block: Block) -> None:
    """What neither a command nor an engine runs."""
    if block in PLUGINS or block.name.endswith("it.py"):
        return
    names: dict[str, Any] = {}
    exec(place.local(block.text), names)
    if "config" in names:
        assert Config(names["config"])


def try_toml(_place: Place, block: Block) -> None:
    project = tomllib.loads(block.text)["project"]
    assert list(project["entry-points"]) == ["statscache.plugin"]


def try_ini(_place: Place, block: Block) -> None:
    """A unit of systemd, which starts a program that we or fedmsg install."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(block.text)
    program = Path(unit["Service"]["ExecStart"].split()[0]).name
    assert program in {point.name for point in entry_points(group="console_scripts")}


def try_sql(place: Place, block: Block) -> None:
    file = place.folder / ".local/state/statscache/statscache.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute(block.text)


LANGUAGES = {
    "console": try_console,
    "python": try_python,
    "toml": try_toml,
    "ini": try_ini,
    "sql": try_sql,
    "json": lambda _place, block: json.loads(block.text),
    "text": lambda _place, _block: None,
}


def matches(expected: str, said: str, live: bool) -> bool:
    """Whether `said` is what the docs show; where they show nothing, anything is."""
    pattern = re.escape(_tidy(expected)).replace(r"\.\.\.", ".*")
    if live:
        pattern = re.sub(r"\d[\d,]*", r"[\\d,]+", pattern)
    return not pattern or bool(re.fullmatch(pattern, _tidy(said), re.DOTALL))


def _tidy(text: str) -> str:
    """Without the blanks that make columns."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


# -- commands: each takes the place, the command and what it is expected to say -------------------


def run(place: Place, command: str, expected: str) -> str:
    for name, ready in READY.items():
        if command.startswith(name):
            return place.start(command, ready)
    return place.run(command, fails=expected.startswith("Error:"))


def run_python(place: Place, command: str, expected: str) -> str:
    """A script; one of the repository takes its time, and here only tells of itself."""
    if "benchmarks/" in command:
        command = command.replace("benchmarks/", f"{ROOT}/benchmarks/") + " --help"
    return run(place, command, expected)


def make(place: Place, command: str, _expected: str) -> str:
    return place.run(f"{command} --dry-run --directory {ROOT}") and ""


def pip(place: Place, command: str, _expected: str) -> str:
    """What is here is installed; of what is not, the extras exist."""
    what = shlex.split(command)[-1]
    if what == ".":
        place.install(what)
    else:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        name, _, extras = what.rstrip("]").partition("[")
        assert name == project["name"]
        assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    return ""


def sudo(place: Place, command: str, _expected: str) -> str:
    """Nobody is root here, but what is meant has to be understood."""
    if " install " in command:
        pip(place, command, "")
    return place.run(f"bash -n -c {shlex.quote(command)}")


def change_directory(place: Place, command: str, _expected: str) -> str:
    place.here = (place.here / command.split()[1]).resolve(strict=True)
    return ""


def activate(_place: Place, command: str, _expected: str) -> str:
    """The environment that make has made."""
    assert command.split()[1].removesuffix("/bin/activate") in (ROOT / "Makefile").read_text()
    return ""


def curl(place: Place, command: str, expected: str) -> str:
    """The same request, and with `-i` the headers of the answer, too."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-i", action="store_true")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("url")
    given = parser.parse_args(shlex.split(command)[1:])
    headers = dict(header.split(": ", 1) for header in ["Host: localhost:8080", *given.H])
    try:
        answer = urlopen(Request(place.local(given.url), headers=headers))
    except HTTPError as error:
        answer = error
    assert answer.status == 200 or expected, command
    with answer:
        head = f"HTTP/1.1 {answer.status} {answer.reason}\n{answer.headers}" if given.i else ""
        return head + answer.read().decode()


COMMANDS = {
    ".": activate,
    "cd": change_directory,
    "curl": curl,
    "fedmsg-hub": run,
    "make": make,
    "mkdir": run,
    "pip": pip,
    "python": run_python,
    "statscache": run,
    "sudo": sudo,
}


# -- plugins -------------------------------------------------------------------------------------


@cache
def targets(block: Block) -> list[Any]:
    """What entry points would name: its lists and generators of classes, else its classes."""
    names: dict[str, Any] = {"__name__": f"docs_{block.page.stem}_{block.line}"}
    exec(block.text, names)
    several = [value for value in names.values() if isinstance(value, list | Iterator)]
    classes = [value for value in names.values() if isinstance(value, type)]
    mine = [one for one in classes if one.__module__ == names["__name__"]]
    return [list(one) for one in several] or [one for one in mine if issubclass(one, BasePlugin)]


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


# -- what the pages say of the code --------------------------------------------------------------


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def literals(text: str) -> set[str]:
    """What stands between double backquotes."""
    return set(re.findall(r"``(.+?)``(?!`)", text))


def test_every_block_has_a_language_that_is_tried():
    assert {block.language for block in BLOCKS} <= LANGUAGES.keys()
    for path in PAGES:
        prose = DIRECTIVE.sub("", path.read_text())
        assert "code-block" not in prose
        assert not re.search(r"^(?! *\.\.).*::$", prose, re.MULTILINE)


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
    raised = [node for node in nodes() if isinstance(node, ast.Call)]
    raised = [call.args[0] for call in raised if getattr(call.func, "id", "") == "RefusedError"]
    reasons = {reason.value for reason in raised if isinstance(reason, ast.Constant)}
    explained = page("operator.rst").split(".. _refused:")[1].split("Not refused:")[0]
    assert set(re.findall(r"\* - ``(.*)``", explained)) == {*reasons, UNWRITABLE}


def test_every_setting_that_is_named_exists():
    known = SETTINGS.keys() | IGNORED.keys()
    for path in (*PAGES, *TOP):
        for name in re.findall(r"``(statscache\.[a-z]+\.[a-z_]+)``", path.read_text()):
            assert name in known or name.startswith("statscache.plugins.")


def test_the_plugin_reference_names_the_whole_contract():
    words = set(re.findall(r"\w+", " ".join(literals(page("plugins.rst")))))
    contract = {name for name in vars(BasePlugin) if not name.startswith("_")}
    assert {*plugins.__all__, *contract} - {"at", "ident"} <= words


def test_the_rest_reference_names_every_argument_and_format():
    assert literals(page("rest.rst")) >= query.ARGUMENTS


def test_the_guide_names_every_command():
    shown = " ".join(path.read_text() for path in PAGES)
    assert [name for name in command_names(cli.main) if f"statscache {name}" not in shown] == []


def command_names(group: click.Group) -> Iterator[str]:
    for name, command in group.commands.items():
        yield name
        if isinstance(command, click.Group):
            yield from (f"{name} {one}" for one in command_names(command))


def test_every_path_that_is_named_exists():
    folders = [path.name for path in ROOT.iterdir() if path.is_dir()]
    for path in {*PAGES, *TOP}:
        for name in literals(path.read_text()):
            first = name.partition("/")[0]
            if (first in folders and "/" in name) or re.fullmatch(r"[A-Z]+\.rst", name):
                assert (ROOT / name).exists(), f"{path.name}: {name}"


def test_the_house_stands_as_it_is_told():
    told = page("why.rst").split("The house\n")[1]
    rooms = {name.removesuffix("/").removesuffix(".py") for name in literals(told)}
    assert set().union(*FLOORS.values()) <= rooms


@pytest.mark.slow
def test_the_pages_can_be_built_and_fetch_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", ROOT / "docs", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for built in tmp_path.glob("*.html"):
        assert not re.search(r'(<link[^>]* href|src)="(https?:)?//', built.read_text())
    assert all(name in (tmp_path / "operator.html").read_text() for name in SETTINGS)
