"""`Distinct`: what a plugin yields, and the row that it adds to."""

from __future__ import annotations

from datetime import timedelta
from itertools import count as counter

import pytest
import sqlalchemy as sa
from samples import NOW, message

from statscache.errors import PluginError
from statscache.models.distinct import member
from statscache.plugins import Distinct, Schedule
from statscache.store import Store
from statscache.store.tables import dead_letter

HOUR = timedelta(hours=1)
AT = int(NOW)
numbers = counter()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request, tmp_path_factory):
    """One database for all tests, without tables of ours."""
    if request.param == "sqlite":
        uri = f"sqlite:///{tmp_path_factory.mktemp('distinct') / 'statscache.sqlite'}"
    else:
        uri = request.getfixturevalue("postgresql")
    opened = Store(uri)
    yield opened
    opened.close()


def make(*found, by=()):
    """A Distinct of its own that yields `found` for each message."""

    class Plugin(Distinct):
        name, interval = f"distinct {next(numbers)}", HOUR

        def count(self, message):
            yield from found

    Plugin.by = by
    return Plugin(Schedule(HOUR), {})


def stored(store, plugin, *buckets):
    """The rows that `buckets` come to, each in a transaction of its own."""
    with store.writing() as connection:
        plugin.model.__table__.create(connection)
    for bucket in buckets:
        with store.writing() as connection, sa.orm.Session(connection) as session:
            plugin.handle(session, bucket)
    names = (*plugin.model.by, "volume")
    with store.reading() as connection:
        rows = connection.execute(sa.select(*(getattr(plugin.model, name) for name in names)))
        return {tuple(key): volume for *key, volume in rows}


@pytest.mark.parametrize(
    ("by", "found", "row"),
    [
        ((), "ada", ((member("ada"),), 2)),
        ((), ("ada",), ((member("ada"),), 2)),
        ((), ("ada", 3), ((member("ada"),), 6)),
        ((), 5, ((member("5"),), 2)),
        (("a",), ("x", "ada"), (("x", member("ada")), 2)),
        (("a",), ("x", "ada", 3), (("x", member("ada")), 6)),
        (("a",), ("x", 5), (("x", member("5")), 2)),
        (("b", "a"), ("x", "y", "ada"), (("x", "y", member("ada")), 2)),
        (("a",), ("\0", "\ud800"), (("\\u0000", member("\\ud800")), 2)),
    ],
)
def test_what_comes_last_is_the_member_and_stands_there_as_a_hash(store, by, found, row):
    assert stored(store, make(found, by=by), [message(1)], [message(2)]) == {row[0]: row[1]}


@pytest.mark.parametrize(
    ("by", "found"), [((), ()), ((), ("a", "b")), (("a",), "x"), (("a",), ("x", "y", "z"))]
)
def test_what_lacks_a_key_or_the_member_is_an_error_that_says_so(store, by, found):
    with pytest.raises(PluginError, match=r"counts by .*member, but yielded"):
        stored(store, make(found, by=by), [message()])


def test_nothing_can_be_taken_away(store):
    with pytest.raises(PluginError, match="take nothing away"):
        stored(store, make(("ada", -1)), [message()])
    assert stored(store, make(("ada", 0)), [message()]) == {}


@pytest.mark.parametrize("name", ["member", "distinct", "volume", "Distinct"])
def test_key_columns_are_not_called_like_its_own(name):
    with pytest.raises(PluginError, match="cannot be the name"):
        make(by=(name,))


def test_rows_show_how_many_there_are_and_not_who():
    model = make(by=("b", "a")).model
    assert model.columns() == ["timestamp", "a", "b", "distinct", "volume"]
    assert model.shown_by() == ("b", "a")
    assert model.by == ("b", "a", "member")


def test_one_that_says_nothing_of_members_sets_every_message_aside(make_engine):
    class Nobody(Distinct):
        """Forgot to say who."""

        name, interval = "nobody", HOUR

    engine = make_engine(Nobody)
    engine.accept(message(), NOW)
    assert engine.drain(NOW)
    with engine.store.reading() as connection:
        assert "lacks `count`" in connection.execute(sa.select(dead_letter.c.error)).scalar_one()


def test_a_member_is_16_digits_of_its_blake2b():
    # As `printf ada | b2sum -l 64` has it.
    assert member("ada") == "15b0da4321160527"
    assert member("größe") != member("groesse")
    assert len(member("\ud800" * 999)) == 16
