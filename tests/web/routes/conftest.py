"""An application where something is amiss."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import EntryPoint

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from statscache import registry
from statscache.plugins import BasePlugin, Count, Latest, latest_log_model
from statscache.store import schema, tables
from statscache.store.tables import NOT_LISTENING
from statscache.web import create_app

from ..conftest import CHECKPOINT, config, daemons, serving, writing
from ..guests import FIRST, HOUR, NOW
from ..reading import NASTY


class Topics(Latest):
    """When each topic was last heard of."""

    name, by = "latest message per topic", ("topic",)


class Releng(BasePlugin):
    """What release engineering did last."""

    name = "release engineering event logs"
    model = latest_log_model("release-engineering-event-logs")


class Volume(Count):
    """Messages on the bus."""

    name, unit = "volume", "messages"


class Quiet(BasePlugin):
    """Messages, in another way that keeps nothing."""

    name, interval = "volume", timedelta(seconds=5)


watched = [
    Topics,
    Releng,
    Quiet,
    *Volume.at(timedelta(days=1), timedelta(minutes=1), timedelta(hours=1)),
]


@pytest.fixture
def watching(uri: str) -> Iterator[FlaskClient]:
    """An application over topics that have fallen silent, with all that can be amiss."""
    checked = config(uri)
    found = registry.load(checked, [EntryPoint("watched", f"{__name__}:watched", registry.GROUP)])
    app = create_app(checked, found=found, now=lambda: NOW)
    with daemons(app) as store:
        schema.upgrade(store)
    idents = ("latest-message-per-topic", "release-engineering-event-logs", "volume-1h")
    topics, releng, volume = (serving(app).plugins[ident].model for ident in idents)
    counted = CHECKPOINT["complete_until"]
    with writing(app) as connection, Session(connection) as session:
        models = [one.model for one in serving(app).plugins.values() if one.model]
        topics.metadata.create_all(connection, [one.__table__ for one in models])
        ages = {
            "now": HOUR,
            "since.yesterday": 25 * HOUR,
            "long.ago": 8 * 24 * HOUR,
            NASTY: 50 * HOUR,
        }
        topics.put(session, [(counted - age, (topic,), "{}") for topic, age in ages.items()])
        hour = FIRST + 8 * HOUR
        volume.add(session, {(hour - 7 * 24 * HOUR,): 1_000, (hour,): 1_500, (hour + HOUR,): 9})
        told = ('{"name": "<b>Rawhide</b>", "status": "done", "link": "javascript:alert(1)"}', "no")
        releng.put(session, [(counted, ("rawhide", text[:4]), text) for text in told])
        session.flush()
        for ident in serving(app).plugins:
            connection.execute(sa.insert(tables.checkpoint).values(ident=ident, **CHECKPOINT))
        gap = {"addressee": "", "start": 10.0, "stop": 20.0, "opened": 20.0}
        connection.execute(sa.insert(tables.owed).values(reason=NOT_LISTENING, **gap))
        letter = {"message_id": "1", "arrived": 1.0, "time": counted, "topic": "t", "attempts": 1}
        secret = {"body": "SECRET", "error": "SECRET", "traceback": "SECRET", "set_aside": 1.0}
        dead = sa.insert(tables.dead_letter).values(id=1, ident=Topics.__name__, **letter, **secret)
        connection.execute(dead)
        refused = {"journal": "j", "reason": "too far ahead", "number": 1_234, "last": 1.0}
        connection.execute(sa.insert(tables.refused).values(example="SECRET", **refused))
    yield app.test_client()
    serving(app).store.close()
