"""What the tables hold depends on the messages, and on nothing that happens to them on the way.

Whole tables are compared with each other, and with a reckoning that knows nothing of the code.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import reckoning
import sqlalchemy as sa
from guests import Ids, MakeEngine, Message, abandon, build, emptied, feed, on_sqlite, turn
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from samples import NOW, message

from statscache.builtin import volume
from statscache.engine import Engine
from statscache.engine.engine import PERIODS
from statscache.plugins import Count
from statscache.store import Store
from statscache.text import key
from statscache.times import epoch

HOUR, DAY = 3_600, 86_400

Tables = dict[str, dict[tuple[Any, ...], int]]
"""The rows of each statistic: start of window, key: volume."""


class Articles(Count):
    """What is done to what is written, by kind of event; it asks for some topics only."""

    name, by, interval = "articles", ("event",), timedelta(hours=1)
    topics = ("org.fedoraproject.prod.wiki.*", "*.git.*")

    def count(self, message: Message) -> Iterator[str]:
        yield message["topic"].rsplit(".", 1)[-1]


INSTALLED = [
    Ids,
    Articles,
    *volume.volume,
    *volume.volume_by_category,
    *volume.volume_by_topic,
    *volume.volume_by_user,
    *volume.volume_by_package,
]
EVERY = ("*", "volume*")
FEW = (
    *("ids-1s", "articles-1h", "volume-1s", "volume-by-package-5s"),
    *("volume-by-user-1m", "volume-by-topic-1h", "volume-by-category-1d"),
)
"""One of each kind, and some for each producer."""


# -- what comes ------------------------------------------------------------------------------------

MSG = {
    "bodhi": lambda who, what: {
        "agent": who,
        "update": {"user": "ada", "builds": [{"nvr": f"{what}-1.0-1.fc44", "type": "rpm"}]},
    },
    "buildsys": lambda who, what: {"owner": who, "name": what},
    "git": lambda who, what: {
        "agent": who,
        "commit": {"username": "bob", "repo": what, "namespace": "rpms"},
    },
    "wiki": lambda who, what: {"user": who.capitalize()},
}
EVENTS = {"bodhi": "update.edit", "buildsys": "build", "git": "receive", "wiki": "article.edit"}


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A message of the last two days; some have no id, some come within the same second."""
    category = draw(st.sampled_from(sorted(MSG)))
    made = {
        "topic": f"org.fedoraproject.prod.{category}.{EVENTS[category]}",
        "msg": MSG[category](draw(st.sampled_from(["ada", "eve"])), draw(st.sampled_from("xy"))),
        "timestamp": int(NOW) - draw(st.integers(0, 3) | st.integers(0, 2 * DAY)),
    }
    if draw(st.booleans()):
        made["timestamp"] += draw(st.sampled_from([0.25, 0.75]))
    if draw(st.integers(0, 3)):
        made["msg_id"] = f"2026-{draw(st.uuids())}"
    return made


def copy(one: Message) -> Message:
    """The same message, as it comes over a bridge."""
    if "msg_id" not in one:
        return dict(one)
    return {**one, "msg_id": f"2025-{one['msg_id'][5:]}"}


BUSES = st.lists(messages(), min_size=1, max_size=10)


# -- what is done with it --------------------------------------------------------------------------

Step = int | str | tuple[str, ...]
"""The turn of a producer, "drain", "stop", "kill", or a restart with only those statistics."""

TURNS = st.sampled_from([*PERIODS, *PERIODS, "drain"])
ENDS = st.sampled_from(["stop", "kill"])
SWITCHES = st.lists(st.sampled_from(FEW), unique=True, min_size=1).map(tuple)


def run(
    uri: str,
    folder: Path,
    bus: Iterable[Message],
    steps: Sequence[Step] = (),
    batch: int = 5_000,
    enabled: Sequence[str] = FEW,
) -> Tables:
    """The tables after that bus, with one of `steps` after each message until they are used up."""
    emptied(uri)
    journal = folder / f"{uuid.uuid4()}.sqlite"

    def make(running: Sequence[str] = enabled) -> Engine:
        engine = build(
            uri, journal, *INSTALLED, engine__batch=batch, plugins__enabled=list(running)
        )
        engine.start(NOW)
        return engine

    engine = make()
    left = list(steps)
    for place, one in enumerate(bus):
        assert engine.accept(one, NOW, more=place % 3 > 0)
        step = left.pop(0) if left else None
        if isinstance(step, int):
            engine.turn(step, NOW)
        elif step == "drain":
            turn(engine)
        elif step is not None:
            # What has not come to the journal a kill may take; here nothing is sent again.
            engine.flush(NOW)
            abandon(engine) if step == "kill" else engine.stop(NOW)
            engine = make(step) if isinstance(step, tuple) else make()
    engine.stop(NOW)
    engine = make()
    turn(engine)
    tables = {ident: rows_of(engine.store, ident) for ident in engine.registry.enabled}
    engine.stop(NOW)
    return tables


def rows_of(store: Store, ident: str) -> dict[tuple[Any, ...], int]:
    table = sa.Table(f"stat_{ident.replace('-', '_')}", sa.MetaData(), autoload_with=store.engine)
    names = [column for column in table.c if column.name not in ("id", "timestamp", "volume")]
    with store.reading() as connection:
        found = connection.execute(sa.select(table.c.timestamp, *names, table.c.volume)).all()
    rows = {(seconds(start), *parts): volume for start, *parts, volume in found}
    assert len(rows) == len(found)
    return rows


def seconds(time: Any) -> float:
    return time if isinstance(time, float) else epoch(time)


def reckoned(bus: Iterable[Message], enabled: Iterable[str]) -> Tables:
    """What the tables must hold; `Ids`, which names the copy that came first, left out."""
    bus = list(bus)
    written = [one for one in bus if one["topic"].split(".")[3] in ("git", "wiki")]
    tables = {one: reckoning.volumes(bus, one) for one in enabled if one.startswith("volume")}
    tables["articles-1h"] = reckoning.tally(
        written, HOUR, lambda one: [(one["topic"].rsplit(".", 1)[-1],)]
    )
    return tables


def assert_exact(tables: Tables, bus: Iterable[Message]) -> None:
    """Row for row what was reckoned, and each message once."""
    bus = list(bus)
    ids = tables.pop("ids-1s")
    assert tables == reckoned(bus, tables)
    once = list(reckoning.once(bus))
    assert list(ids.values()) == [1] * len(once)
    named = {one["msg_id"][5:] for one in once if "msg_id" in one}
    found = {re.sub(r"^\d{4}-", "", name) for _, name in ids}
    assert named == {name for name in found if not name.startswith("derived-")}


def law(
    uri: str,
    folder: Path,
    bus: list[Message],
    other: list[Message],
    steps: Any = (),
    batch: int = 5_000,
) -> None:
    """`bus` and `other` come to the same, and to what was reckoned, whatever is done to `other`."""
    plain, eventful = run(uri, folder, bus), run(uri, folder, other, steps, batch)
    assert plain.keys() == eventful.keys() == set(FEW)
    assert_exact(plain, bus)
    assert_exact(eventful, other)
    assert plain == eventful


# -- laws ------------------------------------------------------------------------------------------

FIXTURES = [HealthCheck.function_scoped_fixture]
LAW = settings(max_examples=8, suppress_health_check=FIXTURES)
DEEP = settings(max_examples=10, suppress_health_check=FIXTURES)


@pytest.mark.slow
@LAW
@given(data=st.data(), bus=BUSES)
def test_the_order_of_arrival_does_not_matter(
    uri: str, tmp_path: Path, data: st.DataObject, bus: list[Message]
) -> None:
    law(uri, tmp_path, bus, data.draw(st.permutations(bus)))


@pytest.mark.slow
@LAW
@given(data=st.data(), bus=BUSES)
def test_what_comes_three_times_is_counted_once(
    uri: str, tmp_path: Path, data: st.DataObject, bus: list[Message]
) -> None:
    law(uri, tmp_path, bus, data.draw(st.permutations([*bus, *bus, *map(copy, bus)])))


@pytest.mark.slow
@LAW
@given(bus=BUSES, steps=st.lists(TURNS, max_size=12), batch=st.integers(1, 6))
def test_where_the_feed_is_cut_and_whose_turn_comes_first_does_not_matter(
    uri: str, tmp_path: Path, bus: list[Message], steps: list[Step], batch: int
) -> None:
    law(uri, tmp_path, bus, bus, steps, batch)


@pytest.mark.slow
@LAW
@given(bus=BUSES, steps=st.lists(TURNS | ENDS, max_size=12), batch=st.integers(1, 6))
@example(bus=[message(n) for n in range(4)], steps=["kill", 1, "kill", "stop"], batch=2)
def test_a_daemon_that_ends_anywhere_goes_on_as_if_it_had_not(
    uri: str, tmp_path: Path, bus: list[Message], steps: list[Step], batch: int
) -> None:
    law(uri, tmp_path, bus, bus, steps, batch)


@pytest.mark.slow
@LAW
@given(bus=BUSES, steps=st.lists(st.sampled_from([1, 5]) | SWITCHES, max_size=10))
def test_statistics_that_are_off_for_a_while_catch_up(
    uri: str, tmp_path: Path, bus: list[Message], steps: list[Step]
) -> None:
    law(uri, tmp_path, bus, bus, steps)


@pytest.mark.slow
@LAW
@given(bus=BUSES, steps=st.lists(TURNS | ENDS, max_size=6), batch=st.integers(1, 6))
def test_both_kinds_of_database_hold_the_same(
    sqlite_uri: str,
    new_postgresql: str,
    tmp_path: Path,
    bus: list[Message],
    steps: list[Step],
    batch: int,
) -> None:
    one = run(sqlite_uri, tmp_path, bus, steps, batch)
    assert one == run(new_postgresql, tmp_path, bus, steps, batch)
    assert_exact(one, bus)


@pytest.mark.slow
@DEEP
@given(data=st.data(), bus=BUSES, batch=st.integers(1, 6))
def test_all_of_that_at_once_does_not_matter_to_any_statistic(
    uri: str, tmp_path: Path, data: st.DataObject, bus: list[Message], batch: int
) -> None:
    copies = data.draw(st.lists(st.sampled_from([*bus, *map(copy, bus)]), max_size=16))
    everything = data.draw(st.permutations([*bus, *copies]))
    steps = data.draw(st.lists(TURNS | ENDS, max_size=16))
    tables = run(uri, tmp_path, everything, steps, batch, EVERY)
    assert len(tables) == 27
    assert_exact(tables, everything)


@on_sqlite
def test_a_late_message_adds_to_its_own_window(make_engine: MakeEngine) -> None:
    engine = make_engine()
    for age in (0, 0, 3 * HOUR, 0, 3 * HOUR + 59, 5 * DAY):
        number = uuid.uuid4().int >> 1
        feed(engine, [number], NOW + age, timestamp=int(NOW) - age)
        turn(engine, NOW + age)
    assert rows_of(engine.store, "volume-1h") == {
        (NOW,): 3,
        (NOW - 3 * HOUR,): 1,
        (NOW - 4 * HOUR,): 1,
        (NOW - 5 * DAY,): 1,
    }


# -- keys ------------------------------------------------------------------------------------------


class Texts(Count):
    """How often each text was sent."""

    name, by, interval = "texts", ("text",), timedelta(days=1)

    def count(self, message: Message) -> Iterator[str]:
        yield message["msg"]


TEXTS = st.text(st.characters(exclude_categories=()), max_size=4)
ODD = [
    *("", " ", "a", "A", "ä", "a\u0308", "Ä", "ß", "ss", "SS", "\u0131", "i", "I", "İ", "ﬁ", "fi"),
    *("\0", "a\0", "\\u0000", "\ud800", "\udfff", "\ud83d\ude00", "😀", "\uffff", "\U0010ffff"),
    *("\n", "\x1b[31m", "\u2028", "\u202e", "%", "'", '"', "x" * 255, "x" * 256, "😀" * 300),
]


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=FIXTURES)
@given(texts=st.lists(TEXTS | st.sampled_from(ODD), min_size=1, max_size=30))
@example(texts=[*ODD, *ODD])
def test_keys_of_any_text_count_and_sort_the_same_everywhere(
    sqlite_uri: str, new_postgresql: str, tmp_path: Path, texts: list[str]
) -> None:
    # JSON itself takes two halves of a character that stand together for the whole.
    expected = Counter(key(json.loads(json.dumps(text))) for text in texts)
    for uri in (sqlite_uri, new_postgresql):
        emptied(uri)
        engine = build(uri, tmp_path / f"{uuid.uuid4()}.sqlite", Texts)
        engine.start(NOW)
        for number, text in enumerate(texts):
            assert engine.accept(message(number, msg=text), NOW, more=True)
        turn(engine)
        model: Any = engine.registry.enabled["texts-1d"].model
        with engine.store.reading() as connection:
            found = connection.execute(sa.select(model.text, model.volume).order_by(model.text))
            assert [tuple(row) for row in found] == sorted(expected.items())
            one = max(expected)
            chosen = sa.select(model.volume).where(model.text == one)
            assert connection.execute(chosen).scalar_one() == expected[one]
        engine.stop(NOW)
