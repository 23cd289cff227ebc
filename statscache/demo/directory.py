"""The directory of a demo: its data, its logs, and the fedmsg.d that says where they are."""

from __future__ import annotations

import tempfile
from pathlib import Path
from pprint import pformat
from typing import Any

import sqlalchemy as sa

from ..errors import ConfigError

ALONE = """\
# fedmsg merges this directory with /etc/fedmsg.d and ~/.fedmsg.d. What these say of other buses,
# say, is not for the demo, so it is taken away here before demo.py says what is.
config = {"endpoints": None, "logging": None, "statscache.retention": None}
"""
HEADER = """\
# Written by `statscache demo`. `fedmsg-hub` and every `statscache` command read it when they are
# run in the directory above this one.
"""


def make(wanted: Path | None) -> Path:
    """The absolute path of an empty directory: `wanted`, or a new temporary one.

    Raises:
        ConfigError: `wanted` cannot be made, or is not empty.
    """
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="statscache-demo-")).absolute()
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        empty = not any(wanted.iterdir())
    except OSError as error:
        raise ConfigError(f"--directory {wanted} cannot be used: {error.strerror}") from error
    if not empty:
        raise ConfigError(
            f"--directory {wanted} is not empty, and a demo begins anew: name another one; to "
            "look at the one before, run `statscache serve` in it"
        )
    return wanted.absolute()


def configure(directory: Path, endpoint: str, plugins: Path | None = None) -> None:
    """Write the fedmsg.d of a demo whose bus publishes at `endpoint`.

    The files in `plugins` run beside what is installed.
    """
    folder = directory / "fedmsg.d"
    folder.mkdir()
    (folder / "alone.py").write_text(ALONE)
    settings = pformat(_settings(directory, endpoint, plugins), width=100, sort_dicts=False)
    (folder / "demo.py").write_text(f"{HEADER}config = {settings}\n")


def _settings(directory: Path, endpoint: str, plugins: Path | None) -> dict[str, Any]:
    database = sa.URL.create("sqlite", database=str(directory / "statscache.sqlite"))
    return {
        "endpoints": {"demo": [endpoint]},
        "srv_endpoints": [],
        "zmq_enabled": True,
        "zmq_publish_endpoints": "tcp://127.0.0.1:*",
        "validate_signatures": False,
        "statscache.consumer.enabled": True,
        "statscache.journal.path": str(directory / "journal.sqlite"),
        "statscache.sqlalchemy.uri": database.render_as_string(),
        "statscache.datagrepper.endpoint": None,
        "statscache.plugins.enabled": ["*"],
        "statscache.plugins.disabled": [],
        "statscache.plugins.dir": str(plugins.absolute()) if plugins else None,
        "statscache.retention": {},
        "logging": _logging(),
    }


def _logging() -> dict[str, Any]:
    """Standard output gets what statscache says, and of the others only what is wrong."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": "ext://sys.stdout",
            }
        },
        "loggers": {"statscache": {"level": "INFO"}},
        "root": {"level": "WARNING", "handlers": ["console"]},
    }
