"""Bookmarks: how far each plugin has counted, kept beside its rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from guests import checkpoint as read
from guests import on_postgresql
from samples import NOW
from sqlalchemy.engine import Connection

from statscache.errors import MovedError, OwnerError
from statscache.journal import Journal
from statscache.store import Store, checkpoints, ownership
from statscache.store.checkpoints import Checkpoint, Step

FIRST = Checkpoint("a", "j", 3, 0, 7, "1", NOW, 0, 3, 1, None, NOW)


@pytest.fixture
def token(store: Store, journal: Journal) -> str:
    """Of the daemon that owns the store; and two checkpoints, of `a` and `b`."""
    with store.writing() as connection:
        checkpoints.create(connection, FIRST)
        checkpoints.create(connection, FIRST._replace(ident="b"))
    return ownership.claim(store, journal, NOW)


def advance(store: Store, read_as: Checkpoint, step: Step, token: str) -> int:
    with store.writing() as connection:
        return checkpoints.advance(connection, read_as, step, token)


def test_a_step_moves_the_bookmark_and_adds_to_what_was_counted(store: Store, token: str) -> None:
    assert advance(store, FIRST, Step(9, NOW + 5, 4, 2), token) == 8
    assert read(store, "a") == FIRST._replace(
        position=9, complete_until=NOW + 5, counted=7, expired=3, revision=8
    )
    assert read(store, "b") == FIRST._replace(ident="b")


def test_a_bookmark_that_is_not_where_it_was_read_is_not_moved(store: Store, token: str) -> None:
    stale = [{"position": 2}, {"position": 4}, {"revision": 6}, {"journal": "k"}, {"ident": "c"}]
    for changes in stale:
        with pytest.raises(MovedError):
            advance(store, FIRST._replace(**changes), Step(9, NOW), token)
    assert read(store, "a") == FIRST


def test_only_the_owner_moves_bookmarks(store: Store, journal: Journal, token: str) -> None:
    ownership.claim(store, journal, NOW + 1)
    with pytest.raises(OwnerError):
        advance(store, FIRST, Step(9, NOW), token)
    assert read(store, "a") == FIRST


def while_locked(store: Store, change: Callable[[Connection], Any], work: Callable[[], Any]) -> Any:
    """What `work` comes to, begun while another transaction has made `change` and not committed."""
    result: list[Any] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:
            result.append(error)

    with store.writing() as connection:
        change(connection)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(0.3)
        assert not result
    thread.join(10)
    return result[0]


def test_of_two_who_count_the_same_bucket_one_wins(store: Store, token: str) -> None:
    """On PostgreSQL the second sees what the first committed only after it has waited for it."""
    step = Step(9, NOW, 6)
    first = partial(checkpoints.advance, read_as=FIRST, step=step, token=token)
    outcome = while_locked(store, first, partial(advance, store, FIRST, step, token))
    assert isinstance(outcome, MovedError)
    assert read(store, "a").counted == FIRST.counted + 6


def test_counting_loses_against_rows_that_were_changed_meanwhile(store: Store, token: str) -> None:
    lock = partial(checkpoints.lock, ident="a")
    outcome = while_locked(store, lock, partial(advance, store, FIRST, Step(9, NOW), token))
    assert isinstance(outcome, MovedError)
    assert read(store, "a") == FIRST._replace(revision=8)


def test_a_lock_raises_the_revision_of_what_it_waited_for(store: Store, token: str) -> None:
    def lock() -> Checkpoint:
        with store.writing() as connection:
            return checkpoints.lock(connection, "a")

    move = partial(checkpoints.advance, read_as=FIRST, step=Step(9, NOW), token=token)
    assert while_locked(store, move, lock) == read(store, "a")
    assert (read(store, "a").position, read(store, "a").revision) == (9, 9)


def test_many_who_count_at_once_count_each_position_once(store: Store, token: str) -> None:
    won: list[int] = []

    def work() -> None:
        while (found := read(store, "a")).position < 40:
            step = Step(found.position + 1, NOW, 1)
            try:
                advance(store, found, step, token)
                won.append(step.position)
            except MovedError:
                time.sleep(0.001)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(won) == list(range(4, 41))
    assert read(store, "a").counted == FIRST.counted + 37


def rest(store: Store, idents: list[str], position: int, now: float) -> None:
    with store.writing() as connection:
        checkpoints.rest(connection, idents, position, now)


def test_who_rests_is_complete_until_now(store: Store, token: str) -> None:
    rest(store, ["a"], 3, NOW + 60)
    rest(store, ["b"], 4, NOW + 60)
    assert read(store, "a") == FIRST._replace(complete_until=NOW + 60)
    assert read(store, "b").complete_until == NOW


@on_postgresql
def test_who_rests_does_not_wait_for_who_works(store: Store, token: str) -> None:
    with store.writing() as connection:
        checkpoints.lock(connection, "a")
        rest(store, ["a", "b"], 3, NOW + 60)
    assert read(store, "a").complete_until == NOW
    assert read(store, "b").complete_until == NOW + 60


def tags(store: Store, *idents: str) -> dict[str, int | None]:
    with store.reading() as connection:
        return checkpoints.tags(connection, idents)


def test_rows_have_another_tag_each_time_and_no_two_statistics_the_same(
    store: Store, token: str
) -> None:
    seen = {*tags(store, "a", "b").values()}
    for _ in range(20):
        with store.writing() as connection:
            checkpoints.stamp(connection, "a")
        seen.add(tags(store, "a")["a"])
    assert len(seen) == 22
    assert tags(store, "b")["b"] in seen
    assert tags(store, "c") == {}


def test_a_bookmark_that_moves_leaves_the_tag_of_the_rows(store: Store, token: str) -> None:
    before = tags(store, "a")
    advance(store, FIRST, Step(9, NOW), token)
    with store.writing() as connection:
        checkpoints.lock(connection, "a")
    assert tags(store, "a") == before


def test_checkpoints_are_suspended_and_moved(store: Store, token: str) -> None:
    with store.writing() as connection:
        checkpoints.suspend(connection, "a", "why")
        checkpoints.set_horizon(connection, "b", 60)
    assert read(store, "a").suspended == "why"
    assert read(store, "b").horizon == 60
    with store.writing() as connection:
        checkpoints.suspend(connection, "a", None)
        checkpoints.move_to(connection, "k", 99)
        known = checkpoints.read(connection)
    assert known.keys() == {"a", "b"}
    assert known["a"] == FIRST._replace(journal="k", position=99, origin=99, revision=8)


def test_a_checkpoint_that_is_not_there_is_an_error(store: Store) -> None:
    with pytest.raises(sa.exc.NoResultFound):
        read(store, "nobody")
