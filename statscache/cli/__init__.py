"""The command line: `statscache`."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from ..errors import StatscacheError
from ..store.faults import is_outage
from ..text import one_line, printable
from .backlog import backlog
from .backup import backup
from .db import db
from .dead_letters import dead_letters
from .demo import demo
from .grafana import grafana
from .journal import journal
from .plugin import plugin
from .plugins import plugins
from .replay import replay
from .serve import serve
from .user import user
from .verify import verify

LONGEST = 1_000
"""Characters of an error."""


class _Statscache(click.Group):
    """Tells errors as one line; the exit code is then 1, and 2 where the call itself is wrong."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except StatscacheError as error:
            raise click.ClickException(printable(str(error), keep="\n")) from error
        except DBAPIError as error:
            if is_outage(error):
                reason = one_line(str(error.orig).strip(), LONGEST)
                raise click.ClickException(f"the database is away: {reason}") from error
            raise


@click.group(cls=_Statscache, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="statscache")
def main() -> None:
    """Statistics of a fedmsg bus, kept exactly and served over REST.

    The daemon itself is fedmsg-hub. Every command reads the same fedmsg.d as the hub does in this
    directory.
    """


COMMANDS = (
    *(backlog, backup, db, dead_letters, demo, grafana),
    *(journal, plugin, plugins, replay, serve, user, verify),
)
for command in COMMANDS:
    main.add_command(command)
