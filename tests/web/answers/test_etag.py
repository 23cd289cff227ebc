"""A `304` is never wrong, and comes wherever nothing changed."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from datagrepper import Archive
from flask.testing import FlaskClient
from guests import MakeEngine, Message, Outside, feed, letters, turn
from past import SECONDS, catch_up
from postgres import PROGRAMS
from samples import NOW, message
from werkzeug.test import TestResponse

from statscache import backup
from statscache.engine import Engine
from statscache.engine.recall import recall
from statscache.engine.retry import retry
from statscache.history import Datagrepper
from statscache.plugins import BasePlugin, Count
from statscache.store import Store, checkpoints, deadletters
from statscache.times import epoch
from statscache.verify.comparison import Part
from statscache.verify.evidence import Difference
from statscache.verify.mending import mend
from statscache.verify.source import of_datagrepper
from statscache.verify.verification import Case
from statscache.web import create_app
from statscache.web.answers import etag

from ..conftest import serving

IDENT = "states-1s"
URL = f"/api/{IDENT}"
LETTERS = "/api/choosy-1s"
KEPT = timedelta(minutes=10)
POISON = "poison"
SETTINGS = {"datagrepper__overlap": 5, "datagrepper__again": 0, "datagrepper__backlog": 600}

ALL = "rows_per_page=1000"
MINUTES = f"every=1m&{ALL}"
WHOLE = (
    f"?{ALL}",
    f"?start=-60s&order=asc&{ALL}",
    f"?start=-2m&before=-1m&{ALL}",
    f".csv?stop=-30s&{ALL}",
    f"?fields=timestamp,volume&callback=f&{ALL}",
    f"?fields=timestamp,volume&time=iso&{MINUTES}",
    f"?pivot=state&start=-4m&{MINUTES}",
    f"?pivot=state&fill=0&start=-4m&{MINUTES}",
    f".ndjson?fields=timestamp,volume&fill=0&open=0&start=-3m&{MINUTES}",
    f"?open=0&{MINUTES}",
    "/latest",
    "/export.csv?start=-90s",
    "/export?format=ndjson&pivot=state&every=1m&top=1",
)
"""What is asked for comes whole: where that is the same, so is the tag."""

PARTS = (
    "?limit=3",
    "?rows_per_page=2&page=2",
    "?start=-90s&rows_per_page=3&order=asc",
    "?state=a",
    "?every=1m&limit=2",
    "?every=1m&rows_per_page=1&page=2&order=asc",
    "/latest?start=-2m&state=b",
    ".html?start=-60s",
)


class World:
    """A daemon, what the bus has carried, and a web application; `now` moves only when it is told.

    `seen` has every body that was ever sent, by its URL and tag.
    """

    def __init__(self, start: Callable[..., Engine], archive: Archive, folder: Path) -> None:
        self.now = NOW
        self.mended = False
        self.topics: list[str] | None = None
        self.backups: list[Path] = []
        self.seen: dict[tuple[str, str], bytes] = {}
        self._start = start
        self._archive = archive
        self._folder = folder
        self._numbers = itertools.count()
        self._version = 1
        self.begin()

    def begin(self) -> None:
        self.engine = self._start(*self._plugins(), now=self.now)
        self._app = create_app(self.engine.config, found=self.engine.registry, now=lambda: self.now)
        self._client = self._app.test_client()

    def end(self) -> None:
        serving(self._app).store.close()
        self.engine.stop(self.now)

    def _plugins(self) -> Iterator[type[BasePlugin]]:
        world = self

        class States(Count):
            name, by, interval = "states", ("state",), timedelta(seconds=1)
            version, retention, topics = str(self._version), KEPT, self.topics

            def count(self, message: Message) -> Iterator[Any]:
                yield message["msg"]["new"], int(self.version)

        class Choosy(Count):
            name, by, interval = "choosy", ("state",), timedelta(seconds=1)

            def count(self, message: Message) -> Iterator[str]:
                if message["msg"]["new"] == POISON:
                    if not world.mended:
                        raise ValueError(POISON)
                    yield POISON

        yield States
        yield Choosy

    # -- what happens --------------------------------------------------------------------------

    def wait(self, seconds: float = 5) -> None:
        """Nothing comes in."""
        self.now += seconds
        self.turn()

    def turn(self) -> None:
        """What can be done is done, history read too: nothing changes behind a look."""
        turn(self.engine, self.now)
        assert self.engine._reading.wait(SECONDS)

    def catch_up(self) -> None:
        """What is owed comes from history; it lags a little."""
        self.now += 20
        catch_up(self.engine, self.now)

    def hear(self, state: str = "a", ago: int = 0) -> None:
        """A message, sent some seconds ago."""
        one = message(next(self._numbers), timestamp=self.now - ago, msg={"new": state})
        self._archive.add(one)
        assert self.engine.accept(one, self.now)
        self.engine.flush(self.now)
        self.turn()

    def retry(self) -> None:
        """The plugin is mended, and gets its dead letters again."""
        with self.engine.store.reading() as connection:
            numbers = [*deadletters.numbers(connection)]
        self.mended = True
        statistic = self.engine.registry.enabled["choosy-1s"]
        list(retry(self.engine.store, statistic, self.engine.config, numbers, self.now))
        self.mended = False

    def mend(self) -> None:
        """`verify --repair` finds that the newest row lacks one."""
        statistic = self.engine.registry.enabled[IDENT]
        model: Any = statistic.model
        with self.engine.store.reading() as connection:
            query = sa.select(model.timestamp, model.state, model.volume)
            newest = connection.execute(query.order_by(model.timestamp.desc())).first()
        if newest is None:
            return
        start = int(epoch(newest.timestamp))
        part = Part(statistic, start, start + 1)
        key, there = (start, newest.state), newest.volume
        case = Case(
            self.engine.config,
            self.engine.store,
            self.engine.journal,
            of_datagrepper(self.engine._history),
            self.now,
        )
        mend(case, statistic, [Difference(part, key, (there,), (there + 1,))])

    def recall(self, ago: float | None = 60) -> None:
        """Rows go; before they come again there is a look at what is left."""
        since = None if ago is None else self.now - ago
        engine = self.engine
        recall(engine.store, engine.registry, IDENT, engine.config, since, self.now)
        self.look()
        self.catch_up()

    def rebuild(self) -> None:
        """The plugin has a new version, and counts other volumes."""
        self.end()
        self._version += 1
        self.now += 5
        self.begin()
        self.look()
        for _ in range(4):
            self.wait()
            self.look()
        self.catch_up()

    def expire(self) -> None:
        """So much time passes that rows go."""
        self.wait(KEPT.total_seconds() / 2)

    def restart(self) -> None:
        self.end()
        self.begin()

    def back_up(self) -> Path:
        program = str(PROGRAMS / "pg_dump")
        engine, folder = self.engine, self._folder / "backups"
        self.backups.append(
            backup.take(engine.store, engine.journal.path, folder, self.now, program)
        )
        return self.backups[-1]

    def restore(self, taken: Path) -> None:
        self.end()
        store = self.engine.store
        replace(taken / backup.JOURNAL, self.engine.journal.path)
        if store.is_sqlite:
            replace(taken / backup.SQLITE, Path(store.url.database or ""))
        else:
            pg_restore(taken / backup.POSTGRESQL, store)
        self.begin()

    def stored_tag(self) -> int | None:
        with self.engine.store.reading() as connection:
            return checkpoints.tags(connection, [IDENT])[IDENT]

    # -- what is served ------------------------------------------------------------------------

    def get(self, url: str, *tags: str, **options: Any) -> TestResponse:
        """The answer for a client that has answers with these tags."""
        if tags:
            options["headers"] = {"If-None-Match": ", ".join(tags)}
        return self._client.open(url, **options)

    def tag(self, url: str = URL) -> str:
        return self.get(url).headers["ETag"]

    def look(self, urls: tuple[str, ...] = WHOLE + PARTS) -> dict[str, TestResponse]:
        """What is answered now; no tag ever stood for another body."""
        found = {}
        for url in (f"{URL}{one}" for one in urls):
            known = [tag for one, tag in self.seen if one == url]
            answer = self.get(url, *known)
            fresh = self.get(url) if answer.status_code == 304 else answer
            assert fresh.status_code == 200
            tag = fresh.headers["ETag"]
            assert answer.headers["ETag"] == tag
            assert answer.status_code == (304 if tag in known else 200)
            assert self.seen.setdefault((url, tag), fresh.data) == fresh.data
            found[url.removeprefix(URL)] = fresh
        return found


def replace(copy: Path, target: Path) -> None:
    for name in target.parent.glob(f"{target.name}*"):
        name.unlink()
    shutil.copy(copy, target)


def pg_restore(dump: Path, store: Store) -> None:
    with store.writing() as connection:
        for schema in ("public", "statscache"):
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    store.close()
    uri = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([PROGRAMS / "pg_restore", "--no-owner", "--dbname", uri, dump], check=False)


@pytest.fixture
def world(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper, stand_in: Any, tmp_path: Path
) -> Iterator[World]:
    """Some messages have come, and been counted."""

    def start(*plugins: type[BasePlugin], now: float) -> Engine:
        all_settings = {"datagrepper__endpoint": stand_in.url} | SETTINGS
        return make_engine(*plugins, now=now, history=history, **all_settings)

    made = World(start, archive, tmp_path)
    for ago in (200, 100, 90, 80, 10):
        made.hear("a", ago)
        made.hear("b", ago)
    made.hear(POISON)
    made.catch_up()
    made.look()
    yield made
    made.end()


# -- each kind of change ---------------------------------------------------------------------------


def changes(world: World, act: Callable[[], Any], url: str = URL) -> bool:
    """Whether a client that has the answer from before is sent another one after `act`."""
    before = world.get(url)
    act()
    after = world.get(url, before.headers["ETag"])
    assert after.status_code == 200 or before.data == world.get(url).data
    return after.status_code == 200


def test_nothing_came_in_and_nothing_is_sent_again(world: World) -> None:
    for url in (URL, f"{URL}?start=-10m", f"{URL}.csv?start=-5m&{ALL}", f"{URL}?callback=f"):
        before = world.get(url)
        for _ in range(3):
            world.wait(5)
            again = world.get(url, before.headers["ETag"])
            assert again.status_code == 304
            assert again.data == b""


def test_what_others_count_changes_nothing(world: World) -> None:
    assert not changes(world, lambda: world.hear(POISON), LETTERS)
    for _ in range(3):
        assert not changes(world, world.wait)


def test_a_message_that_is_counted_changes_it(world: World) -> None:
    assert changes(world, world.hear)
    assert changes(world, lambda: world.hear(ago=150))


def test_a_dead_letter_that_is_counted_changes_it(world: World) -> None:
    world.retry()
    world.hear(POISON, 20)
    assert letters(world.engine.store, "choosy-1s")
    assert changes(world, world.retry, LETTERS)
    assert world.get(LETTERS).json == [
        {"timestamp": int(NOW), "state": POISON, "volume": 2},
    ]


def test_a_row_that_is_mended_changes_it(world: World) -> None:
    assert changes(world, world.mend)


def test_a_recall_changes_it_when_rows_go_and_when_they_come(world: World) -> None:
    before = world.get(URL)
    assert changes(world, lambda: world.recall(1_000))
    assert b"[]" in world.seen.values()
    assert world.get(URL).data == before.data


def test_a_rebuild_changes_it_when_it_is_done_and_not_while_old_rows_are_served(
    world: World,
) -> None:
    before = world.get(URL)
    assert changes(world, world.rebuild)
    meanwhile = list(world.seen.values())[-len(WHOLE + PARTS) :]
    assert world.get(f"{URL}{WHOLE[0]}").data not in meanwhile
    assert before.data != world.get(URL).data


def test_a_rebuild_that_finds_nothing_changes_it_too(world: World) -> None:
    world.topics = ["none"]
    before = world.stored_tag()
    assert changes(world, world.rebuild)
    assert world.stored_tag() != before
    assert world.get(URL).json == []
    world.look()


def test_rows_that_expire_change_it(world: World) -> None:
    assert not changes(world, world.expire)
    assert changes(world, world.expire)


def test_a_backup_that_is_put_back_never_brings_a_tag_back_with_other_rows(world: World) -> None:
    """As many transactions as the lost ones: revisions come back, with other rows."""
    taken = world.back_up()
    tags = {world.tag()}
    for state in ("x", "y"):
        world.hear(state)
        tags.add(world.tag())
    world.restore(taken)
    for state in ("v", "w"):
        world.hear(state)
        assert world.tag() not in tags


def test_a_restored_backup_has_the_tags_of_its_rows(world: World) -> None:
    before, taken = world.get(URL), world.back_up()
    world.hear()
    world.restore(taken)
    assert world.get(URL, before.headers["ETag"]).status_code == 304
    assert world.get(URL).data == before.data


@pytest.mark.parametrize("more", ["", "&open=0", "&start=-10m", "&pivot=state"])
def test_a_window_that_is_filled_changes_it(world: World, more: str) -> None:
    url = f"{URL}?fields=timestamp,state,volume&every=1m&fill=0{more}"
    url = url if "pivot" in more else url.replace(",state", "")
    assert not changes(world, lambda: world.wait(20), url)
    # A statistic that is at work is not said to be complete until now before it rests again.
    assert changes(world, lambda: (world.wait(30), world.wait(1), world.wait(1)), url)
    assert not changes(world, lambda: world.wait(20), url)


def test_statistics_that_share_a_table_change_each_other(make_engine: MakeEngine) -> None:
    """Only one of them is handed the message."""
    here = type("Here", (Outside,), {"interval": timedelta(seconds=15), "topics": ["both"]})
    there = type("There", (Outside,), {"interval": timedelta(seconds=30)})
    engine = make_engine(here, there)
    app = create_app(engine.config, found=engine.registry, now=lambda: NOW)
    client, url = app.test_client(), "/api/outside-15s"
    feed(engine, [1], topic="both")
    turn(engine)
    before = client.get(url)
    feed(engine, [2])
    turn(engine)
    after = client.get(url, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.data != before.data
    serving(app).store.close()


def test_a_restart_changes_nothing(world: World) -> None:
    assert not changes(world, world.restart)


def test_bounds_that_pass_a_row_change_it(world: World) -> None:
    url = f"{URL}?start=-115s&before=-5s"
    assert changes(world, lambda: world.wait(6), url)
    assert not changes(world, lambda: world.wait(2), url)
    assert changes(world, lambda: world.wait(200), url)
    assert world.get(url).json == []
    assert not changes(world, lambda: world.wait(9), url)


# -- what caches are told --------------------------------------------------------------------------


def test_a_304_says_what_caches_want_to_know_and_how_far_all_is_complete(world: World) -> None:
    before = world.get(URL)
    world.wait(9)
    after = world.get(URL, before.headers["ETag"])
    assert after.status_code == 304
    for name in ("ETag", "Cache-Control", "Vary"):
        assert after.headers[name] == before.headers[name]
    assert "Content-Type" not in after.headers
    world.retry()
    found = [world.get(URL, *known) for known in ((), (world.tag(),))]
    assert [one.status_code for one in found] == [200, 304]
    assert {one.headers["X-Statscache-Complete-Until"] for one in found} == {f"{world.now:.0f}"}


def test_tags_are_weak_and_compared_so_among_others_and_any_will_do(world: World) -> None:
    tag = world.tag()
    assert tag.startswith('W/"')
    for known in (tag, tag.removeprefix("W/")):
        assert world.get(URL, '"other"', known).status_code == 304
    assert world.get(URL, "*").status_code == 304
    assert world.get(URL, '"other"', 'W/"others"').status_code == 200


def test_what_is_another_answer_has_another_tag(world: World) -> None:
    arguments = "|format=csv|format=ndjson|callback=f|callback=g|order=asc|limit=2|limit=3|time=ms"
    more = "page=2&rows_per_page=2|rows_per_page=2|fields=timestamp,volume|every=1m|state=a|top=1"
    tags = [world.tag(f"{URL}?{one}") for one in f"{arguments}|{more}".split("|")]
    assert len({*tags}) == len(tags)
    assert world.get(URL, headers={"Accept": "application/csv"}).headers["ETag"] not in tags


def test_a_head_has_the_tag_of_the_answer(world: World) -> None:
    assert world.get(URL, method="HEAD").headers["ETag"] == world.tag()


@pytest.mark.parametrize(
    "path", ["/api/", "/api/?detail=1", "/api/coverage", "/api/event-logs/layout"]
)
def test_whole_answers_are_known_again(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["Cache-Control"] == etag.FRESH
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


@pytest.mark.parametrize("path", ["/api/none", f"{URL}?order=up", "/live", "/ready"])
def test_errors_and_the_state_of_the_server_are_not_kept(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert "ETag" not in headers


# -- anything, in any order ------------------------------------------------------------------------

OFTEN = (World.hear, World.wait)
SELDOM = (
    *(World.retry, World.mend, World.recall, World.rebuild, World.expire, World.restart),
    *(World.back_up, World.restore),
)


def is_changing(before: TestResponse, after: TestResponse) -> bool:
    """Whether rows are others than they were, or are counted anew behind those that are served."""
    return before.data != after.data or "X-Statscache-Rebuilding" in after.headers


def walk(world: World, random: Random, steps: int) -> None:
    """Let things happen, and look after each of them."""
    before = world.look()
    for _ in range(steps):
        act = random.choice(OFTEN if random.random() < 0.5 else SELDOM)
        if act is World.hear:
            world.hear(random.choice(["a", "b", POISON]), random.choice([0, 5, 50, 130, 700]))
        elif act is World.restore:
            if world.backups:
                world.restore(random.choice(world.backups))
        else:
            act(world)
            # A backup is named by its second.
            world.now += act is World.back_up
        after = world.look()
        if act is World.wait and not is_changing(before[WHOLE[0]], after[WHOLE[0]]):
            for url in WHOLE:
                same = after[url].data == before[url].data
                assert (after[url].headers["ETag"] == before[url].headers["ETag"]) == same
        before = after


def test_no_tag_ever_stands_for_two_answers(world: World) -> None:
    walk(world, Random(1), 8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
def test_nor_does_it_in_long_walks(world: World, seed: int) -> None:
    walk(world, Random(seed), 60)
