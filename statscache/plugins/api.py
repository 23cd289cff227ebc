"""The plugin contract: what the framework asks of a plugin, with a harmless default for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..config import Setting
from ..message import Message
from ..models import BaseModel
from ..schedule import Schedule

_SPACE_TO_HYPHEN = str.maketrans(" ", "-", "\"'()*&?,")


class BasePlugin:
    """Turns messages into rows of its `model`.

    The framework calls `handle` with the messages that are new to this plugin, each once, in a
    transaction of its own. What `handle` writes through the session is committed together with
    the note that these messages were counted; if it raises, neither is.

    Class attributes:
        name: what people call the statistic.
        summary: one line; else the first line of the docstring.
        description: more than that; else the docstring.
        interval: the length of a window, which divides a day, or None.
        model: the class of the rows.
        topics: patterns such as `org.fedoraproject.*.bodhi.*`; only matching messages are handed
            over. None is all.
        backlog_delta: how much history is useful; None is all there is.
        retention: how long rows are kept; None is for ever.
        unit: what is counted, for the axis of a chart.
        drilldown: which columns of the rows datagrepper can be asked for, each with the argument
            that asks for it; None is `category`, `package`, `topic` and `user`, by these names.
        layout: what a dashboard should know, served at `/api/IDENT/layout`; None is nothing.
        version: a new one means that the rows have to be made anew.
        reads_only: True promises that messages are never changed, and saves a copy of each.
        envelope_only: True asks for nothing of a message but `topic`, `timestamp`, `msg_id` (as
            the journal knows it) and `arrived` (epoch seconds), and saves decoding it.
        settings: what operators can set, one `Setting` each, under `statscache.ENTRYPOINT.NAME`.
        by_arrival: columns of the rows that depend on when messages arrived, which history does
            not tell.
    """

    name: Any = None
    summary: Any = None
    description: Any = None
    interval: ClassVar[timedelta | None] = None
    model: Any = None
    topics: ClassVar[Sequence[str] | None] = None
    backlog_delta: ClassVar[timedelta | None] = None
    retention: ClassVar[timedelta | None] = None
    unit: ClassVar[str | None] = None
    drilldown: ClassVar[Mapping[str, str] | None] = None
    layout: Any = None
    version: ClassVar[str] = "1"
    reads_only: ClassVar[bool] = False
    envelope_only: ClassVar[bool] = False
    by_arrival: ClassVar[Sequence[str]] = ()
    settings: ClassVar[Sequence[Setting]] = ()

    def __init__(
        self,
        schedule: Schedule | None,
        config: Mapping[str, Any],
        model: type[BaseModel] | None = None,
    ) -> None:
        self.schedule = schedule
        self.config = config
        if model is not None:
            self.model = model

    @classmethod
    def at(cls, *intervals: timedelta) -> list[type[BasePlugin]]:
        """The same statistic once for each of `intervals`: what an entry point may point to."""
        same = {"__doc__": cls.__doc__, "__module__": cls.__module__}
        return [type(cls.__name__, (cls,), {**same, "interval": each}) for each in intervals]

    @property
    def ident(self) -> str:
        """The name in URLs and settings: `volume, by topic` each hour is `volume-by-topic-1h`."""
        name = str(self.name).lower().translate(_SPACE_TO_HYPHEN)
        return f"{name}-{self.schedule}" if self.schedule else name

    def setting(self, name: str) -> Any:
        """The value of one of `settings`: what the operator has set, else the default.

        Raises:
            KeyError: there is none of that name.
        """
        return self.config.get(name, {one.name: one.default for one in self.settings}[name])

    def process(self, message: Message) -> None:
        """Take one message in; called by the default `handle`, before the transaction opens."""

    def update(self, session: Session) -> None:
        """Write down what the messages came to; called by the default `handle`."""

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        """Take in the messages that are new to this plugin and write down what they come to."""
        for message in messages:
            self.process(message)
        self.update(session)

    def initialize(self, session: Session) -> None:
        """Prepare; called once for each instance, before anything else."""

    def launch(self, session: Session) -> None:
        """Start whatever runs beside; called once for each instance, after `initialize`."""

    def stop(self) -> None:
        """Let go of everything; the instance is not used again."""

    def latest(self, session: Session) -> datetime | None:
        """The timestamp of the newest row."""
        if self.model is None:
            return None
        newest: datetime | None = session.scalar(sa.select(sa.func.max(self.model.timestamp)))
        return newest

    def revert(self, when: datetime, session: Session) -> None:
        """Delete the rows from `when` on."""
        if self.model is not None:
            session.execute(sa.delete(self.model).where(self.model.timestamp >= when))


Definition = type[BasePlugin] | Iterable[type[BasePlugin]]
"""What an entry point of the group `statscache.plugin` may point to."""
