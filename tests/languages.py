"""How a block of code of each language is tried, and in consoles each command.

The functions for languages take the place and the block. Those for commands take the place, the
command, and what it is expected to say; they give what it said.
"""

from __future__ import annotations

import argparse
import configparser
import inspect
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import tomllib
from contextlib import closing
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import yaml
from pages import ROOT, Block, blocks
from place import Place
from werkzeug.middleware.proxy_fix import ProxyFix

from statscache import registry
from statscache.cli.serve import serve
from statscache.config import Config
from statscache.store import views

READY = {
    "statscache demo": "Ctrl-C ends it",
    "statscache serve": "Serving on",
    "fedmsg-hub": "listening to the bus",
}
"""Commands that do not end by themselves, and what they say when they work."""


def try_out(place: Place, block: Block) -> None:
    place.keep(block)
    LANGUAGES[block.language](place, block)


def console(place: Place, block: Block) -> None:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        said = COMMANDS[command.split()[0]](place, command, expected)
        assert matches(expected, said, block.live), f"{block}: {command}\n{said}"


def python(place: Place, block: Block) -> None:
    """Run what neither a command nor an engine runs."""
    if block.has_plugins or block.name.startswith("test_"):
        return
    names: dict[str, Any] = {}
    exec(place.local(block.text), names)
    if "config" in names:
        assert Config(names["config"], registry.names(names["config"]))


def toml(_place: Place, block: Block) -> None:
    project = tomllib.loads(block.text)["project"]
    assert list(project["entry-points"]) == ["statscache.plugin"]


def ini(_place: Place, block: Block) -> None:
    """A unit of systemd, which starts a program that we or fedmsg install."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(block.text)
    program = Path(unit["Service"]["ExecStart"].split()[0]).name
    assert program in {point.name for point in entry_points(group="console_scripts")}


def sql(place: Place, block: Block) -> None:
    """What reads the views needs PostgreSQL, and is tried there, by the tests of `db reader`."""
    if f"{views.SCHEMA}." in block.text:
        return
    file = place.folder / ".local/state/statscache/statscache.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute(block.text)


def nginx(_place: Place, block: Block) -> None:
    """There is no nginx here; what it says of us is held to the code."""
    lines = [line.strip() for line in block.text.splitlines() if line.strip()]
    assert all(line.endswith((";", "{", "}")) for line in lines)
    assert block.text.count("{") == block.text.count("}")
    ports = set(re.findall(r"proxy_pass http://127\.0\.0\.1:(\d+)", block.text))
    assert ports == {str(option.default) for option in serve.params if option.name == "port"}
    believed = [name for name in inspect.signature(ProxyFix).parameters if name.startswith("x_")]
    told = re.findall(r"proxy_set_header X-Forwarded-(\w+)", block.text)
    assert {f"x_{name.lower()}" for name in told} == set(believed)


def apache(_place: Place, block: Block) -> None:
    """There is no httpd here; the application that it names stands on the same page."""
    opened, closed = (re.findall(rf"<{mark}(\w+)", block.text) for mark in ("", "/"))
    assert opened == closed
    (script,) = re.findall(r"^WSGIScriptAlias \S+ (\S+)", block.text, re.MULTILINE)
    assert script in {one.name for one in blocks(block.page)}


def rules(_place: Place, block: Block) -> None:
    """Rules of Prometheus; that their metrics exist is for another test."""
    (group,) = yaml.safe_load(block.text)["groups"]
    for rule in group["rules"]:
        assert {"alert", "expr"} <= rule.keys() <= {"alert", "expr", "for"}


def javascript(place: Place, block: Block) -> None:
    """Where there is Node, it reads the block; in any case it asks for what there is."""
    (url,) = re.findall('"(/api/[^"]+)"', block.text)
    with urlopen(place.local(f"http://localhost:8080{url}")) as answer:
        assert answer.status == 200
    if node := shutil.which("node"):
        file = place.folder / "block.mjs"
        file.write_text(block.text)
        subprocess.run([node, "--check", file], check=True)


LANGUAGES = {
    "console": console,
    "javascript": javascript,
    "python": python,
    "toml": toml,
    "ini": ini,
    "sql": sql,
    "json": lambda _place, block: json.loads(block.text),
    "nginx": nginx,
    "apache": apache,
    "yaml": rules,
    "promql": lambda _place, _block: None,
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


# -- commands ------------------------------------------------------------------------------------


def run(place: Place, command: str, expected: str) -> str:
    for name, ready in READY.items():
        if command.startswith(name):
            return place.start(command, ready)
    return place.run(command, fails=bool(re.search("^Error:", expected, re.MULTILINE)))


def run_python(place: Place, command: str, expected: str) -> str:
    """A script; one of the repository takes its time, and here only tells of itself."""
    if "benchmarks/" in command:
        command = command.replace("benchmarks/", f"{ROOT}/benchmarks/") + " --help"
    return run(place, command, expected)


def make(place: Place, command: str, _expected: str) -> str:
    return place.run(f"{command} --dry-run --directory {ROOT}")


def pip(place: Place, command: str, _expected: str) -> str:
    """What is here is installed; of what is not, the extras exist."""
    what = shlex.split(command)[-1]
    if what == ".":
        place.install(what)
    elif what == "pytest":
        assert find_spec(what)
    else:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        name, _, extras = what.rstrip("]").partition("[")
        assert name == project["name"]
        assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    return ""


def sudo(place: Place, command: str, expected: str) -> str:
    """Nobody is root here, but what is meant has to be understood."""
    if "pip install" in command:
        pip(place, command, expected)
    return place.run(f"bash -n -c {shlex.quote(command)}")


def change_directory(place: Place, command: str, _expected: str) -> str:
    place.here = (place.here / command.split()[1]).resolve(strict=True)
    return ""


def activate(_place: Place, command: str, _expected: str) -> str:
    """The environment that make has made."""
    folder = command.split()[1].removesuffix("/bin/activate")
    assert f"VENV ?= {folder}\n" in (ROOT / "Makefile").read_text()
    return ""


def curl(place: Place, command: str, expected: str) -> str:
    """The same request, and with `-i` the headers of the answer, too; tags are kept in files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-i", action="store_true")
    parser.add_argument("-N", action="store_true")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("--etag-save", type=place.here.joinpath)
    parser.add_argument("--etag-compare", type=place.here.joinpath)
    parser.add_argument("url")
    given = parser.parse_args(shlex.split(command)[1:])
    headers = dict(header.split(": ", 1) for header in ["Host: localhost:8080", *given.H])
    if given.etag_compare:
        headers["If-None-Match"] = given.etag_compare.read_text()
    try:
        answer = urlopen(Request(place.local(given.url), headers=headers))
    except HTTPError as error:
        answer = error
    assert answer.status == 200 or expected, command
    if given.etag_save:
        given.etag_save.write_text(answer.headers["ETag"])
    with answer:
        if given.N:
            # A stream has no end: how it begins, and its first event.
            return "".join(answer.readline().decode() for _ in range(6))
        head = f"HTTP/1.1 {answer.status} {answer.reason}\n{answer.headers}" if given.i else ""
        return head + answer.read().decode()


COMMANDS = {
    ".": activate,
    "cd": change_directory,
    "cp": run,
    "curl": curl,
    "fedmsg-hub": run,
    "make": make,
    "mkdir": run,
    "pip": pip,
    "python": run_python,
    "rm": run,
    "statscache": run,
    "sudo": sudo,
}
