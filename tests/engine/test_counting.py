"""How one plugin counts: bucket after bucket, each message once, poison set aside."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from guests import (
    Ids,
    MakeEngine,
    Message,
    bad,
    build,
    checkpoint,
    counted,
    feed,
    letters,
    on_sqlite,
    once,
    suspend,
    turn,
)
from samples import NOW, message, name
from sqlalchemy.orm import Session

from statscache.engine import Engine
from statscache.engine.buckets import bucket
from statscache.errors import MovedError
from statscache.plugins import BasePlugin
from statscache.store import checkpoints, schema
from statscache.store.checkpoints import Step


class PoisonError(Exception):
    """What the plugins here raise."""


def fussy(*poison: int, calls: list[int] | None = None, always: bool = False) -> Any:
    """A plugin that cannot digest those messages; `calls` collects how many it was handed."""
    ids = {message(number)["msg_id"] for number in poison}

    class Fussy(bad()):
        def handle(self, session: Session, messages: list[Message]) -> None:
            if calls is not None:
                calls.append(len(messages))
            super().handle(session, messages)

        def process(self, message: Message) -> None:
            super().process(message)
            if message["msg_id"] in ids or always:
                raise PoisonError("a bitter taste")

    return Fussy


def test_one_message_in_ten_thousand_is_found_by_halving(make_engine: MakeEngine) -> None:
    number = 10_000
    engine = make_engine(fussy(3_210), Ids, engine__batch=number)
    feed(engine, range(number))
    written: list[str] = []
    sa.event.listen(
        engine.store.engine,
        "before_cursor_execute",
        lambda *arguments: written.append(arguments[2]),
    )
    turn(engine)
    assert counted(engine.store) == once(range(number))
    assert counted(engine.store, "bad-1s") == once(range(number)) - once([3_210])
    assert list(letters(engine.store, "bad-1s")) == [name(3_210)]
    assert not letters(engine.store, "ids-1s")
    # A transaction that counts begins with its checkpoint.
    begun = sum(text.startswith("UPDATE statscache_checkpoint SET position") for text in written)
    assert begun <= 3 * math.log2(number)


@on_sqlite
def test_a_dead_letter_tells_all_about_its_message(make_engine: MakeEngine) -> None:
    engine = make_engine(fussy(1))
    feed(engine, range(3), NOW + 5)
    turn(engine, NOW + 7)
    (letter,) = letters(engine.store, "bad-1s").values()
    assert letter["message_id"] == name(1)
    assert letter["topic"] == message()["topic"]
    assert (letter["arrived"], letter["time"]) == (NOW + 5, NOW - 60)
    assert (letter["set_aside"], letter["attempts"]) == (NOW + 7, 1)
    assert json.loads(letter["body"]) == message(1)
    assert letter["error"] == "PoisonError: a bitter taste"
    assert 'raise PoisonError("a bitter taste")' in letter["traceback"]
    assert letter["traceback"].count("Traceback") == 1


def test_a_dead_letter_keeps_whatever_text_there_is(make_engine: MakeEngine) -> None:
    def choke(message: Message) -> None:
        raise PoisonError(message["msg"])

    engine = make_engine(bad(process=choke))
    texts = ["\ud800", "nul \0", "é" * 400, "\N{SNOWMAN}\n"]
    for text in texts:
        assert engine.accept(message(0, topic=f"a.{text}", msg=text, msg_id=text), NOW)
    turn(engine)
    found = letters(engine.store, "bad-1s").values()
    assert [json.loads(letter["body"])["msg"] for letter in found] == texts


@on_sqlite
def test_several_poisons_are_set_aside_each_alone(make_engine: MakeEngine) -> None:
    poison = (0, 1, 17, 18, 63, 99)
    engine = make_engine(fussy(*poison), engine__batch=40)
    feed(engine, range(100))
    turn(engine)
    assert counted(engine.store, "bad-1s") == once(range(100)) - once(poison)
    assert letters(engine.store, "bad-1s").keys() == {name(number) for number in poison}
    assert checkpoint(engine.store, "bad-1s").counted == 94


@on_sqlite
def test_a_plugin_that_always_fails_is_suspended_with_its_bookmark_kept(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(fussy(always=True), Ids, engine__suspend_after=10)
    for batch in (range(25), range(25, 30)):
        feed(engine, batch)
        turn(engine)
    assert counted(engine.store) == once(range(30))
    assert letters(engine.store, "bad-1s").keys() == {name(number) for number in range(10)}
    found = checkpoint(engine.store, "bad-1s")
    assert found.position == 10
    assert found.suspended
    assert "PoisonError" in found.suspended
    critical = [record.message for record in caplog.records if record.levelname == "CRITICAL"]
    assert len(critical) == 1
    assert "statscache plugins resume bad-1s" in critical[0]


@on_sqlite
def test_a_suspended_plugin_goes_on_where_it_stopped(make_engine: MakeEngine) -> None:
    broken = [True]
    plugin = bad(process=lambda _: [1 / 0] if broken[0] else None)
    engine = make_engine(plugin, engine__suspend_after=10)
    feed(engine, range(25))
    turn(engine)
    broken[0] = False
    turn(engine)
    assert not counted(engine.store, "bad-1s")
    suspend(engine.store, "bad-1s", None)
    turn(engine)
    assert counted(engine.store, "bad-1s") == once(range(10, 25))


@on_sqlite
def test_a_plugin_let_go_on_too_early_has_all_its_chances_again(make_engine: MakeEngine) -> None:
    engine = make_engine(fussy(always=True), engine__suspend_after=10)
    feed(engine, range(25))
    turn(engine)
    suspend(engine.store, "bad-1s", None)
    turn(engine)
    assert len(letters(engine.store, "bad-1s")) == 20


@on_sqlite
def test_dead_letters_are_counted_only_in_a_row(make_engine: MakeEngine) -> None:
    engine = make_engine(fussy(*range(0, 60, 2)), engine__suspend_after=10)
    feed(engine, range(60))
    turn(engine)
    assert counted(engine.store, "bad-1s") == once(range(1, 60, 2))
    assert checkpoint(engine.store, "bad-1s").suspended is None


def test_a_revision_that_rises_meanwhile_makes_the_bucket_due_again(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process changes rows of the plugin while it takes its messages in."""
    meddled: list[int] = []

    def meddle(_message: Message) -> None:
        if len(meddled) < 3:
            with engine.store.writing() as connection:
                meddled.append(checkpoints.lock(connection, "bad-1s").revision)

    engine = make_engine(bad(process=meddle), Ids)
    feed(engine, range(5))
    turn(engine)
    assert meddled == [1, 2, 3]
    assert not caplog.records
    assert counted(engine.store, "bad-1s") == counted(engine.store) == once(range(5))
    assert not letters(engine.store, "bad-1s")


@on_sqlite
def test_a_bookmark_that_moves_meanwhile_is_not_moved_back(make_engine: MakeEngine) -> None:
    """What was passed by is owed: it would come twice if it were counted as well."""

    def pass_by(_message: Message) -> None:
        if checkpoint(engine.store, "bad-1s").position < 4:
            with engine.store.writing() as connection:
                found = checkpoints.lock(connection, "bad-1s")
                checkpoints.advance(connection, found, Step(4, NOW), engine._token)

    engine = make_engine(bad(process=pass_by))
    feed(engine, range(10))
    turn(engine)
    turn(engine)
    assert counted(engine.store, "bad-1s") == once(range(4, 10))


@on_sqlite
def test_a_bucket_that_begins_elsewhere_is_not_counted(make_engine: MakeEngine) -> None:
    engine = make_engine(bad())
    feed(engine, range(10))
    counter, read_as = engine._counters["bad-1s"], checkpoint(engine.store, "bad-1s")
    part = engine._slices.read(0, 10)
    due = bucket(counter.statistic, read_as, part, engine.journal)
    with engine.store.writing() as connection:
        checkpoints.advance(connection, read_as, Step(4, NOW), engine._token)
    with pytest.raises(MovedError):
        counter._count(due, NOW)
    assert checkpoint(engine.store, "bad-1s").position == 4
    assert not counted(engine.store, "bad-1s")


def test_what_was_committed_in_spite_of_a_failure_is_not_counted_again(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def commit(session: Session) -> None:
        session.connection().connection.driver_connection.cursor().execute("COMMIT")
        raise PoisonError

    engine = make_engine(bad(commit))
    for number in range(4):
        feed(engine, [2 * number, 2 * number + 1])
        turn(engine, NOW + number)
    assert counted(engine.store, "bad-1s") == once(range(8))
    assert not letters(engine.store, "bad-1s")
    assert sum("is not counted again" in record.message for record in caplog.records) == 1


@on_sqlite
def test_a_plugin_lets_others_go_first_between_two_buckets(make_engine: MakeEngine) -> None:
    calls: list[int] = []
    engine = make_engine(fussy(calls=calls), engine__batch=10)
    feed(engine, range(35))
    counter = engine._counters["bad-1s"]
    assert counter.run(35, NOW)
    assert counter.run(35, NOW)
    assert checkpoint(engine.store, "bad-1s").position == 20
    turn(engine)
    assert calls == [10, 10, 10, 5]
    assert counted(engine.store, "bad-1s") == once(range(35))


@on_sqlite
def test_arrivals_are_complete_as_far_as_they_are_counted(make_engine: MakeEngine) -> None:
    calls: list[int] = []
    engine = make_engine(fussy(calls=calls), engine__batch=10)
    for number in range(25):
        feed(engine, [number], NOW + number)
    counter = engine._counters["bad-1s"]
    assert counter.run(25, NOW + 100)
    assert counter.run(25, NOW + 100)
    assert checkpoint(engine.store, "bad-1s").complete_until == NOW + 19
    turn(engine, NOW + 101)
    assert checkpoint(engine.store, "bad-1s").complete_until == NOW + 101


@pytest.fixture
def canceling(new_postgresql: str, tmp_path: Any) -> Iterator[Engine]:
    """Its plugin `bad` meets a statement that the server cuts off, at message 3."""

    class Slow(fussy(3)):
        def update(self, session: Session) -> None:
            session.execute(sa.text("SET LOCAL statement_timeout = '20ms'"))
            if any(key == message(3)["msg_id"] for _, key in self._found):
                session.execute(sa.text("SELECT pg_sleep(10)"))
            super().update(session)

        process = bad().process

    engine = build(new_postgresql, tmp_path / "journal.sqlite", Slow, Ids)
    schema.upgrade(engine.store)
    engine.start(NOW)
    yield engine
    engine.stop(NOW)


def test_a_statement_cut_off_again_and_again_while_others_commit_is_poison(
    canceling: Engine,
) -> None:
    feed(canceling, range(8))
    for second in range(3):
        turn(canceling, NOW + second)
        feed(canceling, [10 + second], NOW + second)
    assert not letters(canceling.store, "bad-1s")
    assert checkpoint(canceling.store, "bad-1s").position == 0
    for second in range(3, 25):
        turn(canceling, NOW + second)
        feed(canceling, [10 + second], NOW + second)
    everything = {*range(8), *range(10, 34)}
    assert counted(canceling.store) == once(everything)
    assert counted(canceling.store, "bad-1s") == once(everything - {3})
    assert list(letters(canceling.store, "bad-1s")) == [name(3)]


def test_a_statement_that_was_judged_poison_is_not_waited_for_again_and_again(
    canceling: Engine,
) -> None:
    """Not at every halving: what is counted in between says nothing for it."""
    feed(canceling, range(64))
    for second in range(5):
        feed(canceling, [100 + second], NOW + second)
        turn(canceling, NOW + second)
    assert list(letters(canceling.store, "bad-1s")) == [name(3)]
    assert counted(canceling.store, "bad-1s") == once({*range(64), *range(100, 105)} - {3})


@on_sqlite
def test_the_log_says_how_many_dead_letters_stand(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(fussy(1, 3), Ids)
    feed(engine, range(4))
    turn(engine)
    said = [one.message for one in caplog.records if "cannot digest" in one.message]
    assert [line.partition(": ")[2] for line in said] == [
        "PoisonError: a bitter taste (1 now stand)",
        "PoisonError: a bitter taste (2 now stand)",
    ]
    engine.stop(NOW)
    caplog.clear()
    make_engine(Ids)
    assert "2 dead letters stand; see `statscache dead-letters list`" in caplog.messages


def test_a_statement_cut_off_while_nobody_commits_is_waited_for(canceling: Engine) -> None:
    feed(canceling, range(8))
    suspend(canceling.store, "ids-1s", "to be out of the way")
    for second in range(10):
        turn(canceling, NOW + second)
    assert not letters(canceling.store, "bad-1s")
    assert checkpoint(canceling.store, "bad-1s").position == 0


@on_sqlite
def test_counting_again_from_the_start_is_never_needed(make_engine: MakeEngine) -> None:
    """Each turn only hands over what is new."""
    calls: list[int] = []
    engine = make_engine(fussy(calls=calls))
    for number in range(5):
        feed(engine, range(number + 1))
        turn(engine, NOW + number)
    assert calls == [1, 1, 1, 1, 1]
    assert counted(engine.store, "bad-1s") == Counter(once(range(5)))


def test_a_plugin_may_write_when_it_begins(make_engine: MakeEngine) -> None:
    def begin(_plugin: BasePlugin, session: Session) -> None:
        session.execute(sa.text("UPDATE statscache_meter SET value = 1"))

    engine = make_engine(bad(initialize=begin, launch=begin))
    feed(engine, range(3))
    turn(engine, timeout=5)
    assert counted(engine.store, "bad-1s") == once(range(3))
