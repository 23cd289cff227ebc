"""Who is at work: counted by the daemon, on each kind of database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from samples import NOW

from statscache.builtin.contributions import contributions
from statscache.models.distinct import member
from statscache.times import epoch

DAY = 86_400
COMMENT = "org.fedoraproject.prod.bodhi.update.comment"
PUSH = "org.fedoraproject.prod.git.receive"

SENT = [
    # days ago, topic, account
    (2, COMMENT, "ada"),
    (2, COMMENT, "ada"),
    (2, PUSH, "ada"),
    (2, PUSH, "eve"),
    (1, PUSH, "eve"),
    (1, "org.fedoraproject.prod.bodhi.masher.start", None),
]


def days_ago(number):
    return int(NOW) - number * DAY


@pytest.fixture
def engine(make_engine):
    made = make_engine(*contributions, plugins__enabled=["*", "contributions-by-user-1d"])
    for number, (days, topic, account) in enumerate(SENT):
        message = {"topic": topic, "msg": {"agent": account}, "msg_id": f"2025-{number}"}
        made.accept({**message, "timestamp": days_ago(days) + number}, NOW, more=True)
    assert made.drain(NOW)
    return made


def rows(engine, ident):
    model = engine.registry.enabled[ident].model
    names = ("timestamp", *model.by, "volume")
    with engine.store.reading() as connection:
        found = connection.execute(sa.select(*(getattr(model, name) for name in names)))
        return {(int(epoch(time)), *keys): volume for time, *keys, volume in found}


def test_the_calendar_has_each_user_s_days_by_category(engine):
    assert rows(engine, "contributions-by-user-1d") == {
        (days_ago(2), "ada", "bodhi"): 2,
        (days_ago(2), "ada", "git"): 1,
        (days_ago(2), "eve", "git"): 1,
        (days_ago(1), "eve", "git"): 1,
    }


def test_active_contributors_stand_there_under_no_name(engine):
    ada, eve = member("ada"), member("eve")
    assert rows(engine, "active-contributors-1d") == {
        (days_ago(2), ada): 3,
        (days_ago(2), eve): 1,
        (days_ago(1), eve): 1,
    }
    assert rows(engine, "active-contributors-by-category-1d") == {
        (days_ago(2), "bodhi", ada): 2,
        (days_ago(2), "git", ada): 1,
        (days_ago(2), "git", eve): 1,
        (days_ago(1), "git", eve): 1,
    }
