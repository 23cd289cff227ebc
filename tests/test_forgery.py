"""Whatever a message, an exception or a request says, no line of the log is its own."""

from __future__ import annotations

import io
import json
import logging
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from guests import Ids, MakeEngine, bad, build, checkpoint, counted, feed, letters, turn
from samples import NOW, message
from sqlalchemy.orm import Session

from statscache import registry
from statscache.cli import main
from statscache.config import Config
from statscache.engine import Engine
from statscache.web import create_app
from statscache.web.serving import EXTENSION

SHIPPED = Path(__file__).parent.parent / "fedmsg.d" / "logging.py"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+ +statscache[.\w]*: .*|  .*")
"""A line of ours, or one of a traceback below it."""

FORGED = "2026-01-01 00:00:00 CRITICAL statscache.engine: forged"
ENDS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2K", "\x1c", "\x85", "\x9b2K", "\u2028", "\u2029")
HIDDEN = ("\0", "\x08", "\x7f", "\u200b", "\u202e", "\u2066", "\ufeff", "\udcff", "\U000e0041")
HOSTILE = "".join(f"x{end}{FORGED}" for end in (*ENDS, *HIDDEN))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What our loggers write in the shipped format."""
    shipped = runpy.run_path(str(SHIPPED))["config"]["logging"]["formatters"]["bare"]
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter(shipped["format"], shipped["datefmt"]))
    logger = logging.getLogger("statscache")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield written
    logger.removeHandler(handler)
    logger.setLevel(before)


def assert_ours(text: str, at_least: int = 1) -> None:
    """However it is cut into lines, each begins as ours; and nothing in them is hidden."""
    lines = text.splitlines()
    assert len(lines) == text.count("\n") >= at_least
    assert [line for line in lines if not LINE.fullmatch(line) or not line.isprintable()] == []
    assert "forged" in text
    assert not any(line.startswith(FORGED) for line in lines)


class WorseError(Exception):
    """Its very name is hostile, and it cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError(HOSTILE)


WorseError.__name__ = WorseError.__qualname__ = f"x\n{FORGED}\x1b\x85{FORGED}"


def throw(error: BaseException) -> Callable[..., Any]:
    def thrower(*_: Any) -> None:
        raise error from ValueError(HOSTILE)

    return thrower


def shout(text: str) -> Callable[[Session], Any]:
    """Have the database itself say it."""
    quoted = text.replace("\0", "").encode("utf-8", "replace").decode().replace("'", "''")
    return lambda session: session.execute(
        sa.text(f"SELECT nothing('{quoted}') --".replace(":", r"\:"))
    )


# -- the daemon ------------------------------------------------------------------------------------


def test_a_hostile_message_forges_nothing(make_engine: MakeEngine, log: io.StringIO) -> None:
    fields = ("topic", "msg_id", "username", "headers", "crypto", "signature")
    hostile = dict.fromkeys(fields, HOSTILE) | {"msg": {HOSTILE: [HOSTILE, {"a": HOSTILE}]}}
    engine = make_engine(Ids, bad(process=lambda one: throw(ValueError(str(one)))()))
    assert engine.accept({**message(1), **hostile}, NOW)
    for refused in ({**hostile, "topic": None}, {**hostile, "timestamp": NOW * 2}, [HOSTILE]):
        assert not engine.accept(refused, NOW)  # type: ignore[arg-type]
    turn(engine)
    assert len(counted(engine.store)) == len(letters(engine.store, "bad-1s")) == 1
    assert_ours(log.getvalue(), 3)


@pytest.mark.parametrize(
    "error", [ValueError(HOSTILE), KeyError(HOSTILE), WorseError(), SystemExit(HOSTILE)]
)
@pytest.mark.parametrize("method", ["__init__", "initialize", "launch", "handle", "update", "stop"])
def test_a_hostile_exception_of_a_plugin_forges_nothing(
    sqlite_uri: str, tmp_path: Path, log: io.StringIO, method: str, error: BaseException
) -> None:
    attributes = {method: throw(error)} if method != "__init__" else {}
    plugin = bad(**attributes)
    engine = build(sqlite_uri, tmp_path / "journal.sqlite", Ids, plugin)
    engine.start(NOW)
    if method == "__init__":
        plugin.__init__ = throw(error)  # type: ignore[method-assign]
    feed(engine, range(2))
    turn(engine)
    engine.stop(NOW)
    assert_ours(log.getvalue())


def test_a_database_that_repeats_what_it_was_told_forges_nothing(
    make_engine: MakeEngine, log: io.StringIO
) -> None:
    engine = make_engine(
        Ids,
        bad(shout(HOSTILE)),
        bad(name="launched", launch=lambda _, session: shout(HOSTILE)(session)),
    )
    feed(engine, range(2))
    turn(engine)
    assert_ours(log.getvalue(), 3)


class Point:
    """An entry point that leads nowhere."""

    dist = None
    name = HOSTILE

    def load(self) -> Any:
        raise ImportError(HOSTILE)


def test_a_hostile_plugin_is_skipped_and_forges_nothing(
    sqlite_uri: str, tmp_path: Path, log: io.StringIO
) -> None:
    config = Config(
        {"statscache.sqlalchemy.uri": sqlite_uri, "statscache.journal.path": tmp_path / "j"}
    )

    class Named:
        dist = None
        name = "named"

        def load(self) -> Any:
            return [bad(name=f"x{one}y") for one in (*ENDS, *HIDDEN)]

    found = registry.load(config, [Point(), Named()])  # type: ignore[list-item]
    assert found.enabled == {}
    assert len(found.skipped) == 1 + len(ENDS) + len(HIDDEN)
    assert_ours(log.getvalue(), len(found.skipped))


# -- the web application and the command line ------------------------------------------------------


@pytest.fixture
def app(make_engine: MakeEngine) -> Iterator[Flask]:
    """Over a statistic that is suspended, for it choked on a message that it then repeats."""
    engine: Engine = make_engine(
        Ids, bad(process=lambda one: throw(ValueError(str(one)))()), engine__suspend_after=2
    )
    feed(engine, range(3), msg={"secret": HOSTILE})
    turn(engine)
    assert checkpoint(engine.store, "bad-1s").suspended
    made = create_app(engine.config, found=engine.registry)
    yield made
    made.extensions[EXTENSION].store.close()


def test_no_page_shows_what_a_message_says(app: Flask) -> None:
    for path in ("/api/", "/api/?detail=1", "/api/bad-1s", "/api/nothing", "/api/bad-1s?order=x"):
        for accept in ("text/html", "application/json", "text/csv"):
            answer = app.test_client().get(path, headers={"Accept": accept}).text
            assert "secret" not in answer
            assert "forged" not in answer
    assert (
        "suspended: 2 dead letters in a row"
        in app.test_client().get("/api/", headers={"Accept": "text/html"}).text
    )


def test_a_hostile_request_forges_nothing(app: Flask, log: io.StringIO) -> None:
    @app.get("/broken/<path:what>")
    def broken(what: str) -> str:
        raise ValueError(what)

    @app.get("/mistaken/<path:what>")
    def mistaken(what: str) -> str:
        raise sa.exc.ProgrammingError(what, {}, ValueError(what))

    text = HOSTILE.encode("utf-8", "replace").decode()
    for path in ("broken", "mistaken"):
        answer = app.test_client().get(f"/{path}/{text}")
        assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
        assert "forged" not in answer.text
    assert_ours(log.getvalue(), 2)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "nowhere.invalid"])
def test_the_command_line_tells_a_failure_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    (tmp_path / "fedmsg.d").mkdir()
    settings = {"endpoints": {}, "statscache.sqlalchemy.uri": f"postgresql://{host}/statscache"}
    (tmp_path / "fedmsg.d" / "a.py").write_text(f"config = {json.dumps(settings)}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    done = CliRunner().invoke(main, ["db", "current"])
    assert done.exit_code == 1
    (line,) = done.output.splitlines()
    assert line.startswith("Error: the database is away: ")
