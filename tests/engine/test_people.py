"""What is kept about an account: found, erased, and kept from coming back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from datagrepper import Archive
from guests import MakeEngine, Message, bad, feed, letters, on_sqlite, rows, turn
from past import catch_up, sent
from samples import NOW, name

from statscache.builtin.contributions import ActiveContributors
from statscache.builtin.volume import Volume, VolumeByPackage, VolumeByUser
from statscache.engine import Engine, people
from statscache.engine.people import JOURNAL, LETTERS
from statscache.engine.rebuild import rebuild
from statscache.engine.recall import recall
from statscache.engine.retry import Outcome, retry
from statscache.errors import PluginError
from statscache.history import Datagrepper
from statscache.message import ERASED
from statscache.models.distinct import member
from statscache.plugins import BaseModel, BasePlugin, Count, users
from statscache.store import Store, aside, checkpoints, deadletters

DAY = timedelta(days=1)
BY_USER = "volume-by-user-1d"
TABLE = "stat_volume_by_user_1d"
TOPIC = "org.fedoraproject.prod.fas.user.update"


class Pushes(Count):
    """Two people in a row, one of them in a field that nobody else reads."""

    name, by, interval = "pushes", ("who", "to", "reviewer"), DAY
    personal = ("who", "reviewer")

    def count(self, message: Message) -> Iterator[tuple[str, str, str]]:
        yield message["msg"]["user"], "kernel", message["msg"].get("reviewer", "nobody")


class Badge(BaseModel):
    __tablename__ = "data_badges"
    holder = sa.Column(sa.UnicodeText, nullable=False)
    number = sa.Column(sa.Integer, nullable=False)


class Badges(BasePlugin):
    """A model of its own, written as of old."""

    name, model, personal = "badges", Badge, ("holder",)

    def handle(self, session: Any, messages: Any) -> None:
        for one in messages:
            holder = one["msg"]["user"]
            row = session.query(Badge).filter_by(holder=holder).first()
            if row is None:
                row = Badge(holder=holder, number=0, timestamp=one["timestamp"])
                session.add(row)
            row.number += 1
            session.commit()


PLUGINS = (
    VolumeByUser.at(DAY),
    Volume.at(DAY),
    VolumeByPackage.at(DAY),
    Pushes,
    Badges,
)
BY_USERS = {"plugins__enabled": ["volume*", "pushes*", "badges", "bad*"]}


def send(engine: Engine, *who: str, start: int = 0, **msg: Any) -> None:
    """Messages about those accounts, one each."""
    for number, account in enumerate(who, start):
        feed(engine, [number], topic=TOPIC, msg={"user": account, "owner": "ada", **msg})


def plugins(engine: Engine) -> people.Plugins:
    return people.personal(engine.registry, engine.config)


def erase(engine: Engine, account: str = "kevin") -> Counter[str]:
    return people.erase(engine.store, engine.journal, plugins(engine), account, NOW)


def found(engine: Engine, account: str = "kevin") -> Counter[str]:
    each = people.export(engine.store, engine.journal, plugins(engine), account)
    return Counter(where for where, _ in each)


def in_rows(numbers: Counter[str]) -> Counter[str]:
    """Without the journal, which may have been trimmed."""
    return Counter({where: number for where, number in numbers.items() if where != JOURNAL})


def by_user(engine: Engine) -> dict[str, int]:
    return dict(rows(engine.store, TABLE, '"user"', "volume"))


def total(engine: Engine) -> int:
    return sum(volume for (volume,) in rows(engine.store, "stat_volume_1d", "volume"))


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine(*PLUGINS, **BY_USERS)


def test_every_place_that_names_an_account_is_told(engine: Engine) -> None:
    send(engine, "kevin", "mina", "kevin")
    turn(engine)
    send(engine, "kevin", start=3)
    each = list(people.export(engine.store, engine.journal, plugins(engine), "kevin"))
    numbers = Counter(where for where, _ in each)
    assert in_rows(numbers) == {BY_USER: 1, "pushes-1d": 1, "badges": 1}
    row = next(what for where, what in each if where == BY_USER)
    assert row == {"timestamp": NOW - 86_400, "user": "kevin", "volume": 2}
    waits = [what for where, what in each if where == JOURNAL][-1]
    assert waits["position"] == 4
    assert waits["message"]["msg"] == {"user": "kevin", "owner": "ada"}
    assert found(engine, "kev") == found(engine, "zoe") == {}


def test_rows_go_and_nobody_elses_do(engine: Engine) -> None:
    send(engine, "kevin", "mina", "kevin")
    send(engine, "mina", start=3, reviewer="kevin")
    turn(engine)
    gone = erase(engine)
    assert in_rows(gone) == {BY_USER: 1, "pushes-1d": 2, "badges": 1}
    assert by_user(engine) == {"mina": 2}
    assert rows(engine.store, "stat_pushes_1d", "who", "reviewer", "volume") == [
        ("mina", "nobody", 1)
    ]
    assert rows(engine.store, "data_badges", "holder", "number") == [("mina", 2)]
    assert total(engine) == 4
    assert found(engine) == {}


def test_from_then_on_the_name_counts_as_nobody_and_the_message_as_a_message(
    engine: Engine,
) -> None:
    erase(engine)
    send(engine, "kevin", "mina", "kevin", ERASED)
    turn(engine)
    assert by_user(engine) == {"mina": 1}
    assert rows(engine.store, "stat_pushes_1d", "who") == [("mina",)]
    assert rows(engine.store, "data_badges", "holder") == [("mina",)]
    assert total(engine) == 4


def test_what_waits_in_the_journal_is_counted_once_without_the_name(engine: Engine) -> None:
    topic = "org.fedoraproject.prod.buildsys.build.state.change"
    feed(engine, range(3), topic=topic, msg={"name": "kernel", "owner": "kevin", "new": 1})
    before = engine.journal.slice(0, 3, 3)
    assert erase(engine) == {JOURNAL: 3}
    after = engine.journal.slice(0, 3, 3)
    for old, new in zip(before, after, strict=True):
        assert new.entry._replace(body=b"") == old.entry._replace(body=b"")
        assert b"kevin" not in new.entry.body
    feed(engine, range(3), topic=topic)  # the ids are known
    turn(engine)
    assert total(engine) == 3
    assert rows(engine.store, "stat_volume_by_package_1d", "package", "volume") == [("kernel", 3)]
    assert by_user(engine) == {}


def test_dead_letters_stay_to_be_retried_without_the_name(make_engine: MakeEngine) -> None:
    broken = True

    def fail(one: Message) -> None:
        if broken:
            raise ValueError(f"no {one['msg']['user']}")

    engine = make_engine(*PLUGINS, bad(process=fail), **BY_USERS)
    send(engine, "kevin", "mina")
    turn(engine)
    assert found(engine)[LETTERS] == 1
    assert erase(engine)[LETTERS] == 1
    kept = letters(engine.store, "bad-1s")
    assert "kevin" not in repr(kept)
    assert kept[name(0)]["error"] == "ValueError"
    assert kept[name(1)]["error"] == "ValueError: no mina"
    broken = False
    numbers = [letter["id"] for letter in kept.values()]
    bad_one = engine.registry.enabled["bad-1s"]
    results = list(retry(engine.store, bad_one, engine.config, numbers, NOW))
    assert [one.outcome for one in results] == [Outcome.COUNTED] * 2


def test_a_new_dead_letter_does_not_bring_the_name_back(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(one: Message) -> None:
        raise ValueError(f"no {one['msg']['user']}")

    engine = make_engine(*PLUGINS, bad(process=fail), **BY_USERS)
    erase(engine)
    send(engine, "kevin", "mina")
    turn(engine)
    kept = letters(engine.store, "bad-1s")
    assert "kevin" not in repr(kept) + caplog.text
    assert "mina" in repr(kept[name(1)])


def test_an_error_of_before_is_not_noted_on_a_letter_that_was_rewritten(engine: Engine) -> None:
    send(engine, "kevin")
    entry = engine.journal.slice(0, 1, 1)[0].entry
    with engine.store.writing() as connection:
        deadletters.add(connection, BY_USER, entry, ValueError("kevin"), NOW)
    with engine.store.reading() as connection:
        (letter,) = deadletters.of(connection, BY_USER)
    erase(engine)
    with engine.store.writing() as connection:
        assert not deadletters.fail_again(connection, letter, ValueError("kevin"))


def test_rows_of_a_statistic_that_is_off_go_too(make_engine: MakeEngine) -> None:
    before = make_engine(*PLUGINS, **BY_USERS)
    send(before, "kevin", "mina")
    turn(before)
    before.stop(NOW)
    off = make_engine(*PLUGINS, plugins__disabled=["volume-by-user*", "pushes*"])
    assert BY_USER in off.registry.disabled
    assert erase(off)[BY_USER] == 1
    assert by_user(off) == {"mina": 1}


def test_who_is_one_of_many_is_told_by_the_hash_and_goes_too(make_engine: MakeEngine) -> None:
    engine = make_engine(ActiveContributors)

    def hashes() -> set[str]:
        return {one for (one,) in rows(engine.store, "stat_active_contributors_1d", "member")}

    send(engine, "kevin", "mina", "kevin")
    turn(engine)
    ident = "active-contributors-1d"
    each = people.export(engine.store, engine.journal, plugins(engine), "kevin")
    assert [what["volume"] for where, what in each if where == ident] == [2]
    assert erase(engine)[ident] == 1
    send(engine, "kevin", "zoe", start=3)
    turn(engine)
    assert hashes() == {member("mina"), member("zoe")}


def test_rows_that_stand_aside_go_too(engine: Engine) -> None:
    send(engine, "kevin", "mina")
    turn(engine)
    model = engine.registry.enabled[BY_USER].model
    assert model
    with engine.store.writing() as connection:
        aside.put(connection, BY_USER, model)
    assert erase(engine)[BY_USER] == 1
    assert rows(engine.store, f"old_{TABLE}", '"user"') == [("mina",)]


def test_what_was_noted_of_changes_does_not_name_it(engine: Engine) -> None:
    send(engine, "kevin")
    turn(engine)
    assert "kevin" in repr(rows(engine.store, "statscache_change", "coalesce(\"key\", '')"))
    erase(engine)
    assert "kevin" not in repr(rows(engine.store, "statscache_change", "coalesce(\"key\", '')"))


def test_rows_have_another_tag_and_a_higher_revision(engine: Engine) -> None:
    def state() -> tuple[Any, int]:
        with engine.store.reading() as connection:
            tag = checkpoints.tags(connection, [BY_USER])[BY_USER]
            return tag, checkpoints.read_one(connection, BY_USER).revision

    send(engine, "kevin")
    turn(engine)
    before = state()
    erase(engine)
    after = state()
    assert after[0] != before[0]
    assert after[1] > before[1]


def test_whoever_was_erased_can_be_erased_again(engine: Engine) -> None:
    erase(engine)
    send(engine, "kevin")
    turn(engine)
    assert in_rows(erase(engine)) == {}
    assert erase(engine) == {}


def test_a_statistic_that_has_never_counted_is_left_out(make_engine: MakeEngine) -> None:
    engine = make_engine(*PLUGINS, plugins__disabled=["badges"])
    assert "badges" in plugins(engine)
    assert not engine.store.has_table("data_badges")
    assert erase(engine) == found(engine) == {}


@on_sqlite
def test_a_plugin_that_cannot_be_asked_for_its_rows_is_named(engine: Engine) -> None:
    broken = type("Broken", (Badges,), {"model": None, "interval": None})
    statistic = engine.registry.enabled["badges"]._replace(plugin=broken, model=None)
    installed = engine.registry._replace(enabled={"badges": statistic})
    with pytest.raises(PluginError, match="the rows of badges may hold the name"):
        people.personal(installed, engine.config)


@pytest.mark.parametrize("anew", [recall, rebuild])
def test_history_does_not_bring_the_name_back(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper, anew: Callable[..., Any]
) -> None:
    about = {"topic": TOPIC, "msg": {"user": "kevin"}}
    archive.add(*sent(*range(-60, -40), **about), *sent(*range(-40, -10)))
    settings = {**BY_USERS, "datagrepper__overlap": 10, "datagrepper__backlog": 200}
    engine = make_engine(*PLUGINS, history=history, **settings)
    catch_up(engine, NOW)
    assert by_user(engine) == {"ada": 30, "kevin": 20}
    erase(engine)
    since = (None,) if anew is recall else ()
    anew(engine.store, engine.registry, BY_USER, engine.config, *since, NOW)
    catch_up(engine, NOW + 20)
    assert by_user(engine) == {"ada": 30}
    assert total(engine) == 50
    assert in_rows(found(engine)) == {}


# -- beside a daemon ---------------------------------------------------------------------------


class Slow(Count):
    """Waits, in the midst of a bucket, for whoever erases."""

    name, by, interval = "slow", ("user",), DAY
    personal = ("user",)
    inside, go_on = threading.Event(), threading.Event()

    def handle(self, session: Any, messages: Any) -> None:
        self.inside.set()
        assert self.go_on.wait(30)
        super().handle(session, messages)

    def count(self, message: Message) -> Any:
        return users(message)


@pytest.fixture
def slow() -> type[Slow]:
    return type("Slow", (Slow,), {"inside": threading.Event(), "go_on": threading.Event()})


def test_a_bucket_that_is_being_counted_meanwhile_does_not_bring_the_name_back(
    make_engine: MakeEngine, slow: type[Slow]
) -> None:
    engine = make_engine(slow)
    send(engine, "kevin", "mina")
    engine.turn(60, NOW)
    assert slow.inside.wait(30)
    erase(engine)
    slow.go_on.set()
    turn(engine)
    assert rows(engine.store, "stat_slow_1d", '"user"', "volume") == [("mina", 1)]


def test_a_letter_that_is_being_retried_meanwhile_does_not_bring_the_name_back(
    make_engine: MakeEngine, slow: type[Slow]
) -> None:
    engine = make_engine(slow)
    send(engine, "kevin")
    entry = engine.journal.slice(0, 1, 1)[0].entry
    with engine.store.writing() as connection:
        deadletters.add(connection, "slow-1d", entry, ValueError("no"), NOW)
        (number,) = deadletters.numbers(connection)
    results = []
    statistic = engine.registry.enabled["slow-1d"]

    def retrying() -> None:
        with_store = Store(engine.config["statscache.sqlalchemy.uri"])
        results.extend(retry(with_store, statistic, engine.config, [number], NOW))
        with_store.close()

    thread = threading.Thread(target=retrying)
    thread.start()
    assert slow.inside.wait(30)
    erase(engine)
    slow.go_on.set()
    thread.join(30)
    assert rows(engine.store, "stat_slow_1d", '"user"') == []
    # It is tried once more, without the name.
    assert [one.outcome for one in results] == [Outcome.COUNTED]


def test_a_message_that_only_says_the_name_is_left_as_it_is(engine: Engine) -> None:
    send(engine, "mina", text="kevin")
    assert erase(engine) == found(engine) == {}
    assert b"kevin" in engine.journal.slice(0, 1, 1)[0].entry.body
