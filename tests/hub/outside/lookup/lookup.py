"""Plugins as they were written of old that look things up, in threads, for each message.

`worked.log` has a line for each time that something was.
"""

from __future__ import annotations

import datetime
import os
import time

import sqlalchemy as sa

import statscache.plugins
from statscache.plugins.models import BaseModel
from statscache.plugins.threads import asynchronous


class Build(BaseModel):
    __tablename__ = "data_lookup_builds"
    build = sa.Column(sa.UnicodeText, nullable=False, index=True)
    owner = sa.Column(sa.UnicodeText, nullable=True)


class Push(BaseModel):
    __tablename__ = "data_lookup_pushes"
    rev = sa.Column(sa.UnicodeText, nullable=False)
    checked = sa.Column(sa.Integer, nullable=False)


class Plugin(statscache.plugins.AsyncPlugin):
    """Rows first, which are looked up when they stand in the database."""

    name = "lookup builds"
    summary = "who owns what is built"
    description = "Asks for the owner of each build."
    model = Build

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._pending = []

    def process(self, message):
        if ".buildsys." in message["topic"]:
            self._pending.append(
                self.model(timestamp=_time(message), build="{} {}".format(*_identity(message)))
            )

    def update(self, session):
        session.add_all(self._pending)
        session.commit()
        for row in self._pending:
            self.queue.enqueue(row)
        self._pending = []

    def fill(self, session):
        for row in session.query(self.model).filter(self.model.owner == None):  # noqa: E711
            self.queue.enqueue(row)

    def work(self, row):
        time.sleep(0.005)
        _note(row.build)
        row.owner = "owner of " + row.build


class EarlyPlugin(statscache.plugins.AsyncPlugin):
    """Messages first: the rows are what comes of looking them up."""

    name = "lookup pushes"
    summary = "what was pushed"
    description = "Checks each push."
    interval = datetime.timedelta(seconds=5)
    model = Push

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._results = []

    def process(self, message):
        if message["topic"].endswith("git.receive"):
            self.queue.enqueue(message)

    def work(self, message):
        time.sleep(0.005)
        _note(message["msg"]["commit"]["rev"])
        start = self.schedule.last(_time(message))
        row = self.model(timestamp=start, rev=message["msg"]["commit"]["rev"], checked=1)
        self._results.append(row)

    def update(self, session):
        session.add_all(self._results)
        session.commit()
        self._results = []


class Edits(statscache.plugins.ScalarModel):
    __tablename__ = "data_lookup_edits"


class FuturePlugin(statscache.plugins.BasePlugin):
    """Counts wiki edits, and has a future computed on the way."""

    name = "lookup edits"
    summary = "how many edits"
    description = "Counts edits."

    model = Edits

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._edits = 0

    def process(self, message):
        if ".wiki." in message["topic"]:
            self._edits += 1
            future = asynchronous(lambda: message["msg"]["title"])()
            future.on_success(_note)

    def update(self, session):
        if self._edits:
            now = datetime.datetime(2026, 1, 1)
            row = session.query(self.model).first() or self.model(timestamp=now, scalar=0)
            row.scalar += self._edits
            session.add(row)
            session.commit()
        self._edits = 0


plugins = [Plugin, EarlyPlugin, FuturePlugin]


def _identity(message):
    return message["msg"]["name"], message["msg"]["build_id"]


def _time(message):
    return datetime.datetime.utcfromtimestamp(message["timestamp"])


def _note(text):
    log = os.open("worked.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, (text + "\n").encode("utf-8"))
    os.close(log)
