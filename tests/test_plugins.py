"""The contract of plugins: `BasePlugin` and its defaults, and `Count`."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from itertools import count as counter

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from statscache import plugins
from statscache.errors import PluginError
from statscache.plugins import BasePlugin, Count, ScalarModel, Schedule
from statscache.store import Store
from statscache.store.tables import dead_letter
from statscache.text import key
from statscache.times import epoch

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86_400))
AT = 1_767_225_600
MIDNIGHT = datetime(2026, 1, 1)
numbers = counter()


class Scalar(ScalarModel):
    __tablename__ = "data_plugins_scalar"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request, tmp_path_factory):
    if request.param == "sqlite":
        uri = f"sqlite:///{tmp_path_factory.mktemp('plugins') / 'statscache.sqlite'}"
    else:
        uri = request.getfixturevalue("postgresql")
    opened = Store(uri)
    yield opened
    opened.close()


@pytest.fixture
def session(store):
    """A session of which nothing is left."""
    with store.connection() as connection, connection.begin() as transaction:
        Scalar.__table__.create(connection)
        with Session(connection) as session:
            yield session
        transaction.rollback()


def message(time=AT, **msg):
    return {"topic": "org.example.prod.a.b", "timestamp": time, "msg": msg, "msg_id": "a"}


# -- BasePlugin ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "interval", "ident"),
    [
        ("volume", SECOND, "volume-1s"),
        ("volume, by topic", HOUR, "volume-by-topic-1h"),
        ("Release Engineering: event logs", None, "release-engineering:-event-logs"),
        ("release engineering event logs", None, "release-engineering-event-logs"),
        ("\"a' (b) *c& d?, e", 15 * SECOND, "a-b-c-d-e-15s"),
        ("BUILDS", 12 * HOUR, "builds-12h"),
        ("a  b-c", DAY, "a--b-c-1d"),
        ("größe", 90 * SECOND, "größe-1m30s"),
        (5, MINUTE, "5-1m"),
    ],
)
def test_the_ident_is_made_of_name_and_interval(name, interval, ident):
    plugin = type("Plugin", (BasePlugin,), {"name": name, "interval": interval})
    schedule = Schedule(interval) if interval else None
    assert plugin(schedule, {}).ident == ident


def test_a_plugin_needs_nothing_but_a_name(session):
    plugin = type("Plugin", (BasePlugin,), {"name": "bare"})(None, {"a": 1})
    assert (plugin.schedule, plugin.config, plugin.model) == (None, {"a": 1}, None)
    assert plugin.initialize(session) is None
    assert plugin.launch(session) is None
    assert plugin.handle(session, [message()]) is None
    assert plugin.latest(session) is None
    assert plugin.revert(MIDNIGHT, session) is None
    assert plugin.stop() is None
    for name in (
        "summary",
        "description",
        "topics",
        "retention",
        "backlog_delta",
        "unit",
        "layout",
    ):
        assert getattr(plugin, name) is None


def test_a_model_may_be_handed_over():
    assert BasePlugin(None, {}).model is None
    assert BasePlugin(None, {}, Scalar).model is Scalar
    assert BasePlugin(None, {}, model=Scalar).model is Scalar
    assert BasePlugin.model is None


def test_process_comes_before_update_and_each_message_once(session):
    calls = []

    class Old(BasePlugin):
        """As older plugins are written."""

        name = "old"

        def process(self, message):
            calls.append(message["i"])

        def update(self, given):
            calls.append(given)

    Old(None, {}).handle(session, [{"i": 1}, {"i": 2}])
    assert calls == [1, 2, session]


def test_the_same_statistic_is_made_for_several_intervals():
    class Builds(Count):
        """Builds of each hour.

        And more about them.
        """

        name, by, unit = "builds", ("state",), "builds"

    several = Builds.at(MINUTE, HOUR)
    assert [plugin.interval for plugin in several] == [MINUTE, HOUR]
    assert [plugin(Schedule(plugin.interval), {}).ident for plugin in several] == [
        "builds-1m",
        "builds-1h",
    ]
    for plugin in several:
        assert issubclass(plugin, Builds)
        assert (plugin.__name__, plugin.__module__) == ("Builds", Builds.__module__)
        assert inspect.getdoc(plugin).startswith("Builds of each hour.")
        assert plugin.unit == "builds"
    assert Builds.interval is None


def test_the_latest_is_the_timestamp_of_the_newest_row(session):
    plugin = BasePlugin(None, {}, Scalar)
    assert plugin.latest(session) is None
    for hours in (3, 1, 2):
        session.add(Scalar(timestamp=MIDNIGHT + hours * HOUR, scalar=0))
    session.flush()
    assert plugin.latest(session) == MIDNIGHT + 3 * HOUR


@pytest.mark.parametrize(
    "when", [MIDNIGHT + 2 * HOUR, (MIDNIGHT + 2 * HOUR).replace(tzinfo=UTC)], ids=["naive", "aware"]
)
def test_reverting_deletes_the_rows_from_a_moment_on(session, when):
    session.add_all(Scalar(timestamp=MIDNIGHT + n * HOUR, scalar=n) for n in range(4))
    session.flush()
    BasePlugin(None, {}, Scalar).revert(when, session)
    assert session.scalars(sa.select(Scalar.scalar).order_by(Scalar.scalar)).all() == [0, 1]


def test_the_address_of_plugins_holds_what_it_promises():
    for name in plugins.__all__:
        assert getattr(plugins, name) is not None
    promised = {"BasePlugin", "Schedule", "Window", "BaseModel", "ScalarModel", "CategorizedModel"}
    promised |= {"CategorizedLogModel", "ConstrainedCategorizedLogModel", "Count"}
    promised |= {"users", "packages", "topic_parts"}
    assert promised <= set(plugins.__all__)


# -- Count ---------------------------------------------------------------------------------------


def make(count=None, by=(), interval=HOUR):
    """A Count of its own; `count` is what it yields for a message."""

    class Plugin(Count):
        name = f"plugins {next(numbers)}"

        def count(self, message):
            yield from count(message) if count else super().count(message)

    Plugin.by, Plugin.interval = by, interval
    return Plugin(Schedule(interval), {})


def counted(store, plugin, *buckets):
    """The rows that `buckets` come to, each in a transaction of its own."""
    with store.writing() as connection:
        plugin.model.__table__.drop(connection, checkfirst=True)
        plugin.model.__table__.create(connection)
    for bucket in buckets:
        with store.writing() as connection, Session(connection) as session:
            plugin.handle(session, bucket)
    names = ("timestamp", *plugin.by, "volume")
    with store.reading() as connection:
        rows = connection.execute(sa.select(*(getattr(plugin.model, name) for name in names)))
        return {(int(epoch(time)), *key): volume for time, *key, volume in rows}


def test_it_counts_messages_in_windows_of_their_own_time(store):
    bucket = [message(AT + 1), message(AT - 1), message(AT + 3599.999), message(AT + 3600)]
    assert counted(store, make(), bucket) == {(AT - 3600,): 1, (AT,): 2, (AT + 3600,): 1}


def test_an_empty_bucket_writes_nothing(store):
    assert counted(store, make(), []) == {}
    assert counted(store, make(lambda _: ()), [message()]) == {}


def test_a_message_may_count_for_several_keys_or_none(store):
    plugin = make(lambda found: found["msg"]["names"], by=("name",))
    bucket = [message(names=[]), message(names=["a", "b"]), message(names=["b", "b"])]
    assert counted(store, plugin, bucket) == {(AT, "a"): 1, (AT, "b"): 3}


@pytest.mark.parametrize(
    ("by", "found", "row"),
    [
        ((), (), ((), 1)),
        ((), 5, ((), 5)),
        ((), (5,), ((), 5)),
        (("a",), "x", (("x",), 1)),
        (("a",), ("x",), (("x",), 1)),
        (("a",), 7, (("7",), 1)),
        (("a",), ("x", 5), (("x",), 5)),
        (("a",), (7, 5), (("7",), 5)),
        (("a",), "", (("",), 1)),
        (("a", "b"), ("x", "y"), (("x", "y"), 1)),
        (("a", "b"), ("x", 5), (("x", "5"), 1)),
        (("a", "b"), ("x", "y", -5), (("x", "y"), -5)),
        (("a",), "\0" * 300, ((key("\0" * 300),), 1)),
    ],
)
def test_a_key_is_a_text_or_a_tuple_with_an_amount_at_its_end(store, by, found, row):
    plugin = make(lambda _: [found], by=by)
    assert counted(store, plugin, [message()]) == {(AT, *row[0]): row[1]}


def test_amounts_that_come_to_nought_make_no_row(store):
    plugin = make(lambda found: found["msg"]["found"], by=("name",))
    bucket = [message(found=[("a", 0), ("b", 2)]), message(found=[("b", -2)])]
    assert counted(store, plugin, bucket) == {}


@pytest.mark.parametrize(
    ("by", "found"),
    [
        ((), "x"),
        ((), ("x", 5)),
        (("a",), ()),
        (("a",), ("x", "y")),
        (("a",), ("x", 2.5)),
        (("a",), ("x", "y", 5)),
        (("a", "b"), "x"),
        (("a", "b"), ("x",)),
        (("a", "b"), ("x", 5, 5, 5)),
    ],
)
def test_what_does_not_fit_the_key_columns_is_an_error_that_says_so(store, by, found):
    plugin = make(lambda _: [found], by=by)
    with pytest.raises(PluginError, match=r"counts by .*, but yielded"):
        counted(store, plugin, [message()])
    assert counted(store, plugin) == {}


def test_a_bucket_that_fails_leaves_nothing_behind_in_memory(store):
    plugin = make(lambda found: [found["msg"]["name"]], by=("name",))
    with pytest.raises(KeyError):
        counted(store, plugin, [message(name="a"), message()])
    assert counted(store, plugin, [message(name="b")]) == {(AT, "b"): 1}


def test_a_count_needs_an_interval():
    with pytest.raises(PluginError, match="give it an interval"):
        Count(None, {})


def test_the_model_is_made_of_the_ident_and_the_key_columns():
    plugin = make(by=("name", "arch"))
    assert plugin.model.__tablename__ == f"stat_{plugin.ident.replace('-', '_')}"
    assert plugin.model.columns() == ["timestamp", "arch", "name", "volume"]
    assert plugin.model is plugin.model


def test_a_model_of_its_own_is_used_instead():
    class Own(Count):
        name, interval, model = "own", HOUR, Scalar

    assert Own(Schedule(HOUR), {}).model is Scalar
    assert make().__class__(Schedule(HOUR), {}, Scalar).model is Scalar


any_text = st.text(st.characters(exclude_categories=()), max_size=5)
found_keys = st.tuples(any_text | st.integers(), any_text)
found = st.lists(
    found_keys | found_keys.flatmap(lambda k: st.integers(-3, 9).map(lambda n: (*k, n)))
)
messages = st.builds(message, st.floats(AT - 7200, AT + 7200), found=found)


@pytest.mark.slow
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(buckets=st.lists(st.lists(messages, max_size=4), max_size=4), shuffled=st.randoms())
def test_in_any_buckets_and_order_the_rows_are_the_same(store, laws, buckets, shuffled):
    together = [one for bucket in buckets for one in bucket]
    once = counted(store, laws, together)
    shuffled.shuffle(together)
    for split in (buckets, [[one] for one in together]):
        rows = counted(store, laws, *split)
        assert {row: volume for row, volume in rows.items() if volume} == once


@pytest.fixture
def laws():
    return make(lambda found: found["msg"]["found"], by=("name", "arch"))


@pytest.mark.parametrize("split", [1, 3])
def test_numbers_and_truths_are_keys_of_their_own_however_messages_are_split(make_engine, split):
    class Odd(Count):
        """Odd keys."""

        name, by, interval = "odd keys", ("key",), timedelta(seconds=1)

        def count(self, message):
            yield from (1, True, 1.0, "1")

    engine = make_engine(Odd)
    for number in range(3):
        engine.accept({**message(), "msg_id": str(number)}, AT)
        if number % split == 0:
            assert engine.drain(AT + number)
    assert engine.drain(AT + 3)
    model = engine.registry.enabled["odd-keys-1s"].model
    with engine.store.reading() as connection:
        rows = connection.execute(sa.select(model.key, model.volume).order_by(model.key)).all()
    assert [tuple(row) for row in rows] == [("1", 6), ("1.0", 3), ("True", 3)]


def test_a_count_that_returns_a_text_is_told_to_yield_it(make_engine):
    class Letters(Count):
        """Letters."""

        name, by, interval = "letters", ("letter",), timedelta(seconds=1)

        def count(self, message):
            return "failed"

    engine = make_engine(Letters)
    engine.accept(message(), AT)
    assert engine.drain(AT)
    with engine.store.reading() as connection:
        assert "yield it" in connection.execute(sa.select(dead_letter.c.error)).scalar_one()
