"""A real `fedmsg-hub` in a process of its own, and the bus that it listens to."""

from __future__ import annotations

import json
import os
import pprint
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import zmq
from reckoning import identity, once, volumes

SCRIPTS = Path(sys.executable).parent
SHIPPED = Path(__file__).parent.parent.parent / "fedmsg.d"
LENGTHS = ("1s", "5s", "1m", "1h", "1d")
VOLUMES = (
    *(f"volume-{length}" for length in LENGTHS),
    *(f"volume-by-user-{length}" for length in LENGTHS),
    *(f"volume-by-category-{length}" for length in ("1m", "1h", "1d")),
    *(f"volume-by-{key}-{length}" for key in ("topic", "package") for length in ("1h", "1d")),
)
"""What runs where by-user statistics are turned on."""

LISTENING = "listening to the bus"
COMPLAINTS = ("CRITICAL ", "ERROR ", "WARNING statscache.")

LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?P<level>[A-Z]+) +(?P<text>\S+: .*)")
"""A line of the log, as the logging of fedmsg.d writes it."""


def wait_until(true: Callable[[], Any], seconds: float = 30) -> Any:
    """What `true` gives as soon as that is true; a failure after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


class Bus:
    """Publishes as fedmsg does: the topic in one frame, JSON in another."""

    def __init__(self) -> None:
        self._subscribers = 0
        self._socket = zmq.Context.instance().socket(zmq.XPUB)
        self._socket.set(zmq.XPUB_VERBOSER, 1)  # tells of everyone who comes and goes
        self._socket.set(zmq.SNDHWM, 0)
        self._socket.set(zmq.LINGER, 0)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"

    def wait_for(self, subscribers: int) -> None:
        """Return once so many hubs have subscribed; nothing sent from then on is missed."""
        while self._subscribers != subscribers:
            assert self._socket.poll(30_000), f"{self._subscribers} subscribers after 30 s"
            self._subscribers += 1 if self._socket.recv()[0] else -1

    def send(self, *messages: Mapping[str, Any]) -> None:
        for message in messages:
            self.send_frames(message["topic"].encode(), json.dumps(message).encode())

    def send_frames(self, *frames: bytes) -> None:
        self._socket.send_multipart(frames)

    def close(self) -> None:
        self._socket.close()


class Hub:
    """A hub with the configuration that is shipped, and with what the test adds to it.

    Args:
        folder: where it runs; also its home, so that nothing of this machine is read.
        endpoint: of the bus.
        uri: of the database.
    """

    def __init__(self, folder: Path, endpoint: str, uri: str, **settings: Any) -> None:
        self.folder = folder
        self.uri = uri
        self.journal = folder / "journal.sqlite"
        self.environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
        self._process: subprocess.Popen[bytes] | None = None
        self._config: dict[str, Any] = {}
        shutil.copytree(SHIPPED, folder / "fedmsg.d")
        self.configure(
            {
                "endpoints": {"local": [endpoint]},
                "statscache.journal.path": str(self.journal),
                "statscache.sqlalchemy.uri": uri,
            }
        )

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Add to what fedmsg.d says, from the next start on."""
        self._config.update(settings)
        text = f"config = {pprint.pformat(self._config)}\n"
        (self.folder / "fedmsg.d" / "test.py").write_text(text)

    # -- the process -----------------------------------------------------------------------

    def start(self) -> Hub:
        """Start it; its log begins anew."""
        with (self.folder / "hub.log").open("w") as log:
            self._process = subprocess.Popen(
                [SCRIPTS / "fedmsg-hub"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def listen(self) -> Hub:
        """Start it, and wait until it listens."""
        self.start()
        self.wait_for(LISTENING)
        return self

    def wait_for(self, text: str, seconds: float = 30) -> None:
        """Return once the log holds `text`."""
        try:
            wait_until(lambda: text in self.log or self.process.poll() is not None, seconds)
            assert text in self.log
        except AssertionError:
            raise AssertionError(f"no {text!r} in the log of the hub:\n{self.log}") from None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 30) -> int:
        """The exit code; a failure if it does not end within so many seconds."""
        return self.process.wait(seconds)

    def end(self) -> None:
        """End it as an operator does."""
        self.signal(signal.SIGTERM)
        assert self.wait() == 0

    def kill(self) -> None:
        """SIGKILL; does nothing if it has ended."""
        if self._process:
            self._process.kill()
            self._process.wait()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process
        return self._process

    @property
    def log(self) -> str:
        return (self.folder / "hub.log").read_text()

    @property
    def complaints(self) -> list[str]:
        """What the log says above INFO, `LEVEL logger: message`; but not what others warn of."""
        lines = (LOGGED.match(line) for line in self.log.splitlines())
        said = [f"{line['level']} {line['text']}" for line in lines if line]
        return [line for line in said if line.startswith(COMPLAINTS)]

    def statscache(self, *arguments: str) -> str:
        """What the command line says in this directory."""
        done = subprocess.run(
            [SCRIPTS / "statscache", *arguments],
            cwd=self.folder,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # -- what it has written ---------------------------------------------------------------

    def query(self, statement: str) -> list[Any]:
        """Rows of the database."""
        uri = self.uri.replace("postgresql:", "postgresql+psycopg2:")
        engine = sa.create_engine(uri, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return list(connection.execute(sa.text(statement)))

    def journaled(self, statement: str = "SELECT id FROM seen ORDER BY position") -> list[Any]:
        """Rows of the journal; the ids in order of arrival unless told otherwise."""
        with self._open_journal() as connection:
            return [row[0] if len(row) == 1 else row for row in connection.execute(statement)]

    def volumes(self, ident: str) -> dict[tuple[Any, ...], int]:
        """The rows of a volume statistic: start of window (epoch seconds), key: volume."""
        rows = self.query(f"SELECT * FROM stat_{ident.replace('-', '_')}")
        return {(_epoch(row.timestamp), *_key(row)): row.volume for row in rows}

    def wait_for_arrival(self, sent: Iterable[Mapping[str, Any]]) -> None:
        """Return once all of `sent` is in the journal, and nothing else."""
        distinct = len(list(once(sent)))
        wait_until(lambda: len(self.journaled()) == distinct, 60)

    def missing(self, sent: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """What of `sent` is not in the journal; of what has no id, all."""
        arrived = set(self.journaled())
        return [message for message in sent if identity(message) not in arrived]

    def has_counted_all(self) -> bool:
        """Whether every statistic stands at the end of the journal."""
        end = self.journaled("SELECT coalesce(max(position), 0) FROM seen")[0]
        return all(row.position == end for row in self.query("SELECT * FROM statscache_checkpoint"))

    @contextmanager
    def blocked_journal(self) -> Iterator[None]:
        """Hold the journal (for less than 10 s): what arrives waits in the hub's memory."""
        with self._open_journal() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def _open_journal(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.journal, isolation_level=None, timeout=10)) as opened:
            yield opened


def assert_counts_exactly(hub: Hub, sent: Iterable[Mapping[str, Any]]) -> None:
    """Every volume table of `hub` holds what `sent` comes to, once all that is counted."""
    hub.wait_for_arrival(sent)
    # What has windows of a minute and more is counted once a minute.
    wait_until(hub.has_counted_all, 90)
    for ident in VOLUMES:
        assert hub.volumes(ident) == volumes(sent, ident), (ident, hub.uri)
    assert not hub.complaints


def _epoch(time: float | datetime) -> float:
    return time.replace(tzinfo=UTC).timestamp() if isinstance(time, datetime) else time


def _key(row: Any) -> tuple[str, ...]:
    return tuple(
        value for name, value in row._mapping.items() if name not in ("id", "timestamp", "volume")
    )
