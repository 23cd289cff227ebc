"""The newest event of each key, from the plugin to the answers, on each kind of database."""

from __future__ import annotations

import csv
import json
import random
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from datagrepper import Archive
from datagrepper import Datagrepper as StandIn
from guests import MakeEngine, checkpoint, letters, on_sqlite, turn
from past import catch_up
from samples import NOW

from statscache.builtin.latest import LatestMessagePerTopic
from statscache.engine import Engine
from statscache.engine.recall import recall
from statscache.engine.retry import Outcome, retry
from statscache.errors import PluginError
from statscache.history import Datagrepper
from statscache.plugins import Latest, Schedule
from statscache.store import deadletters
from statscache.times import moment
from statscache.web import create_app

HOUR = 3_600
PATH = "/api/latest-compose"
SETTINGS = {"datagrepper__overlap": 10, "datagrepper__again": 0, "datagrepper__backlog": 9 * HOUR}


class LatestCompose(Latest):
    """Newest compose event per branch and arch."""

    name, by = "latest compose", ("branch", "arch")
    topics = ("org.fedoraproject.prod.compose.*",)

    def event(self, message):
        msg = message["msg"]
        return (msg["branch"], msg.get("arch") or "primary"), {"topic": message["topic"]}


def sent(
    at: float, branch: str, arch: str | None = None, event: str = "start", **changes: Any
) -> dict[str, Any]:
    msg = {"branch": branch, "log": event} | ({} if arch is None else {"arch": arch})
    name = f"2026-{random.Random(f'{at} {branch} {arch} {event}').getrandbits(99):032x}"
    topic = f"org.fedoraproject.prod.compose.{branch}.{event}"
    return {"topic": topic, "msg": msg, "timestamp": NOW + at, "msg_id": name, **changes}


def told(branch: str, event: str) -> str:
    return json.dumps(
        {"topic": f"org.fedoraproject.prod.compose.{branch}.{event}"}, separators=(",", ":")
    )


def hear(engine: Engine, *messages: dict[str, Any], now: float = 0) -> None:
    for message in messages:
        assert engine.accept(message, NOW + now, more=True)
    engine.flush(NOW + now)
    turn(engine, NOW + now)


def table(engine: Engine, ident: str = "latest-compose") -> dict[tuple[str, ...], tuple[Any, ...]]:
    """The time, counted from `NOW`, and the payload of each key."""
    model = engine.registry.enabled[ident].model
    names = (*model.unique, "timestamp", model.kept)
    with engine.store.reading() as connection:
        found = connection.execute(sa.select(*(getattr(model, name) for name in names))).all()
    since = moment(NOW)
    return {tuple(key): ((time - since).total_seconds(), text) for *key, time, text in found}


def client(engine: Engine, now: float = 0) -> Any:
    return create_app(engine.config, found=engine.registry, now=lambda: NOW + now).test_client()


# -- what it keeps -------------------------------------------------------------------------------


def test_the_newest_event_of_each_key_is_kept_whatever_comes_last(make_engine: MakeEngine) -> None:
    engine = make_engine(LatestCompose)
    hear(engine, sent(-50, "rawhide"), sent(-90, "rawhide", event="mash"), sent(-70, "44", "arm"))
    hear(engine, sent(-60, "rawhide", ""), sent(-40, "44", "arm", "complete"))
    assert table(engine) == {
        ("rawhide", "primary"): (-50, told("rawhide", "start")),
        ("44", "arm"): (-40, told("44", "complete")),
    }


def test_in_any_order_and_any_split_the_rows_are_the_same(make_engine: MakeEngine) -> None:
    engine = make_engine(LatestCompose)
    messages = [
        sent(-60 + number % 7 / 4, f"{number % 3}", event=f"{number * 37 % 11}")
        for number in range(120)
    ]
    wanted: dict[tuple[str, str], tuple[float, str]] = {}
    for one in messages:
        branch = one["msg"]["branch"]
        event = one["timestamp"] - NOW, told(branch, one["msg"]["log"])
        wanted[branch, "primary"] = max(wanted.get((branch, "primary"), event), event)
    model = engine.registry.enabled["latest-compose"].model
    for seed in range(3):
        with engine.store.writing() as connection:
            connection.execute(sa.delete(model))
        order = random.Random(seed)
        order.shuffle(messages)
        while_left = [{**one, "msg_id": f"{seed}-{one['msg_id']}"} for one in messages]
        while while_left:
            number = order.randint(1, 50)
            hear(engine, *while_left[:number])
            del while_left[:number]
        assert table(engine) == wanted


@pytest.mark.parametrize(
    ("found", "rows"),
    [
        (None, {}),
        ((), {}),
        ([], {}),
        (("a", {"n": 1}), {("a",): '{"n":1}'}),
        ((("a",), {}), {("a",): "{}"}),
        ((7, {"b": 1, "a": None}), {("7",): '{"a":null,"b":1}'}),
        ([("a", {}), ("b", {}), ("a", {"x": 1})], {("a",): "{}", ("b",): "{}"}),
        ((("a", {}), ("b", {})), {("a",): "{}", ("b",): "{}"}),
        (("\0\ud800", {"\0": "\ud800"}), {(r"\u0000\ud800",): r'{"\\u0000":"\\ud800"}'}),
    ],
    ids=repr,
)
@on_sqlite
def test_an_event_is_nothing_or_one_or_several(
    make_engine: MakeEngine, found: Any, rows: dict[tuple[str, ...], str]
) -> None:
    class Says(Latest):
        name, by = "says", ("what",)

        def event(self, _message):
            return found

    engine = make_engine(Says)
    hear(engine, sent(-60, "a"))
    assert {key: text for key, (_, text) in table(engine, "says").items()} == rows


@on_sqlite
def test_events_can_be_yielded_and_long_keys_are_cut(make_engine: MakeEngine) -> None:
    class Says(Latest):
        name, by = "says", ("what",)

        def event(self, message):
            for name in ("x" * 300, "x" * 301):
                yield name, {"id": message["msg_id"]}

    engine = make_engine(Says)
    hear(engine, sent(-60, "a"))
    assert [len(key) for (key,) in table(engine, "says")] == [255, 255]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("text", "is a key and a dictionary, not 't'"),
        (("a", "b"), "is a key and a dictionary, not 'a'"),
        ([("a", 1)], r"is a key and a dictionary, not \('a', 1\)"),
        ([("a", {}, 1)], "is a key and a dictionary"),
        ((("a", "b"), {}), r"keeps events by what, but got one of \('a', 'b'\)"),
        (((), {}), r"but got one of \(\)"),
    ],
)
def test_what_is_no_event_is_the_fault_of_its_message(found: Any, said: str) -> None:
    class Says(Latest):
        name, by = "says", ("what",)

        def event(self, _message):
            return found

    with pytest.raises(PluginError, match=said):
        Says(None, {}).handle(None, [{"timestamp": 1}])


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ((), "has no key columns"),
        ("state", "`by` is 'state'"),
        (("payload",), "'payload' in `by` cannot be the name"),
        (("a b",), "cannot be the name"),
        (("a", "A"), "'A' in `by`"),
    ],
)
def test_odd_key_columns_are_refused(by: Any, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        type("Odd", (Latest,), {"name": "odd", "by": by})(None, {})


def test_an_interval_is_refused() -> None:
    with pytest.raises(PluginError, match="leave its interval out"):
        LatestCompose(Schedule(timedelta(hours=1)), {})


# -- what becomes of it --------------------------------------------------------------------------


def test_what_is_older_than_its_retention_is_expired_and_begins_no_row(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(LatestCompose, retention={"latest-compose": 1})
    hear(engine, sent(-60, "rawhide"), sent(-25 * HOUR, "44"))
    assert table(engine).keys() == {("rawhide", "primary")}
    assert checkpoint(engine.store, "latest-compose").expired == 1
    hear(engine, sent(-50, "44"), now=26 * HOUR)
    assert table(engine) == {}
    assert checkpoint(engine.store, "latest-compose").expired == 2


class Fussy(LatestCompose):
    """Cannot digest what is broken until it is mended."""

    mended = False

    def event(self, message):
        if message["msg"]["log"] == "broken" and not self.mended:
            raise ValueError("broken")
        return super().event(message)


def test_a_dead_letter_that_is_retried_takes_no_place_of_what_is_newer(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(Fussy)
    hear(engine, sent(-80, "rawhide", event="broken"), sent(-80, "44", event="broken"))
    hear(engine, sent(-70, "rawhide"), sent(-90, "44"))
    assert len(letters(engine.store, "latest-compose")) == 2
    monkeypatch.setattr(Fussy, "mended", True)
    with engine.store.reading() as connection:
        numbers = list(deadletters.numbers(connection))
    statistic = engine.registry.enabled["latest-compose"]
    results = retry(engine.store, statistic, engine.config, numbers, NOW)
    assert [one.outcome for one in results] == [Outcome.COUNTED] * 2
    assert table(engine) == {
        ("rawhide", "primary"): (-70, told("rawhide", "start")),
        ("44", "primary"): (-80, told("44", "broken")),
    }


@pytest.fixture
def past(archive: Archive) -> list[dict[str, Any]]:
    """What the archive has: some hours of composes."""
    messages = [
        sent(-number * HOUR / 2, f"{number % 3}", event=f"{number}") for number in range(1, 13)
    ]
    archive.add(*messages)
    return messages


@pytest.mark.parametrize("since", [None, -2 * HOUR])
def test_what_is_recalled_comes_again_as_it_was(
    make_engine: MakeEngine,
    past: list[dict[str, Any]],
    history: Datagrepper,
    since: float | None,
) -> None:
    engine = make_engine(LatestCompose, history=history, **SETTINGS)
    catch_up(engine, NOW + 30)
    before = table(engine)
    assert {time for time, _ in before.values()} == {-HOUR / 2, -HOUR, -1.5 * HOUR}
    when = None if since is None else NOW + since
    recall(engine.store, engine.registry, "latest-compose", engine.config, when, NOW + 60)
    assert table(engine) == {}
    catch_up(engine, NOW + 90)
    assert table(engine) == before


def test_a_new_version_is_counted_anew_and_the_old_rows_are_served_meanwhile(
    make_engine: MakeEngine, past: list[dict[str, Any]], stand_in: StandIn, history: Datagrepper
) -> None:
    class Shorter(LatestCompose):
        version = "2"

        def event(self, message):
            return (message["msg"]["branch"], "any"), {"said": message["msg"]["log"]}

    settings = {"datagrepper__endpoint": stand_in.url} | SETTINGS
    engine = make_engine(LatestCompose, history=history, **settings)
    catch_up(engine, NOW + 30)
    before = client(engine, 60).get(PATH)
    engine.stop(NOW + 30)
    engine = make_engine(Shorter, history=history, now=NOW + 60, **settings)
    asked = client(engine, 60)
    for path in (PATH, f"{PATH}/latest"):
        meanwhile = asked.get(path)
        assert meanwhile.headers["X-Statscache-Rebuilding"]
        assert meanwhile.json == before.json
    catch_up(engine, NOW + 90)
    assert {(row["arch"], *row["payload"]) for row in asked.get(PATH).json} == {("any", "said")}


# -- the answers ---------------------------------------------------------------------------------


@pytest.fixture
def many(make_engine: MakeEngine) -> Engine:
    """Twenty keys, an event a minute."""
    engine = make_engine(LatestCompose)
    hear(engine, *(sent(-60 * number, f"{number:02}") for number in range(1, 21)))
    return engine


def test_a_payload_is_an_object_in_json_and_json_in_csv(many: Engine) -> None:
    asked = client(many)
    row = {"timestamp": NOW - 60, "branch": "01", "arch": "primary"}
    payload = told("01", "start")
    assert asked.get(f"{PATH}?limit=1").json == [{**row, "payload": json.loads(payload)}]
    line = asked.get(f"{PATH}.ndjson?limit=1").text
    assert json.loads(line) == {**row, "payload": json.loads(payload)}
    (line,) = csv.DictReader(asked.get(f"{PATH}.csv?limit=1&fields=payload").text.splitlines())
    assert line == {"payload": payload}
    (line,) = csv.DictReader(asked.get(f"{PATH}/export?limit=1&time=iso").text.splitlines())
    assert (line["timestamp"], line["payload"]) == ("2025-12-31T23:59:00Z", payload)
    assert payload.replace('"', "&#34;") in asked.get(f"{PATH}.html?limit=1").text.replace(
        "&quot;", "&#34;"
    )


def test_rows_are_filtered_and_ordered_like_others(many: Engine) -> None:
    asked = client(many)

    def branches(arguments: str, path: str = PATH) -> list[str]:
        return [row["branch"] for row in asked.get(f"{path}?{arguments}").json]

    newest_first = [f"{number:02}" for number in range(1, 21)]
    for path in (PATH, f"{PATH}/latest"):
        assert branches("", path) == newest_first
        assert branches("branch=07&branch=03&arch=primary", path) == ["03", "07"]
        assert branches(f"start={NOW - 180}&before={NOW - 60}", path) == ["02", "03"]
        assert branches("limit=2", path) == ["01", "02"]
    assert branches("order=asc&limit=2") == ["20", "19"]
    payload = {"payload": told("05", "start")}
    assert [row["branch"] for row in asked.get(PATH, query_string=payload).json] == ["05"]
    for argument in ("every=1d", "pivot=branch", "fill=0", "top=3"):
        assert asked.get(f"{PATH}?{argument}").status_code == 400


def test_a_row_that_does_not_change_is_visited_once_whatever_changes_meanwhile(
    many: Engine,
) -> None:
    for order, now in (("desc", 10), ("asc", 200)):
        asked, url, visited = client(many, now), f"{PATH}?rows_per_page=3&order={order}", []
        for page in range(1, 8):
            answer = asked.get(url)
            assert answer.status_code == 200
            visited += [row["branch"] for row in answer.json]
            # All but those whose number is even change while the pages are turned.
            changed = (f"{number:02}" for number in (2 * page - 1, 19 - 2 * page) if number > 0)
            hear(many, *(sent(now + page, branch, event=order) for branch in changed), now=now)
            following = [part for part in answer.headers["Link"].split(", ") if '"next"' in part]
            if not following:
                break
            url = following[0][1:].partition(">")[0]
        assert len(visited) == len({*visited})
        assert {f"{number:02}" for number in range(2, 21, 2)} <= {*visited}


def test_the_tag_is_another_when_a_row_is_overwritten(many: Engine) -> None:
    asked = client(many)
    tags = set()
    for at in (-30, -29, -28):
        tags.add(asked.get(PATH).headers["ETag"])
        hear(many, sent(at, "20"))
    tags.add(asked.get(PATH).headers["ETag"])
    assert len(tags) == 4
    tag = asked.get(PATH).headers["ETag"]
    assert asked.get(PATH, headers={"If-None-Match": tag}).status_code == 304


def test_the_description_of_the_api_knows_its_columns(many: Engine) -> None:
    described = client(many).get("/api/openapi.json").json["paths"][PATH]["get"]
    content = described["responses"]["200"]["content"]["application/json"]
    members = content["schema"]["items"]["properties"]
    assert members["branch"] == {"type": ["string", "null"]}
    assert members["payload"] == {}


# -- the latest message of each topic ------------------------------------------------------------


def test_the_latest_message_of_each_topic_is_known_by_its_id(make_engine: MakeEngine) -> None:
    engine = make_engine(LatestMessagePerTopic)
    messages = [sent(-60, "a"), sent(-50, "a", event="stop"), sent(-70, "a", event="stop")]
    hear(engine, *messages, sent(-40, "b", topic="short"))
    ids = [one["msg_id"].partition("-")[2] for one in messages]
    found = client(engine).get("/api/latest-message-per-topic").json
    assert found[0]["topic"] == "short"
    assert found[1:] == [
        {
            "timestamp": NOW + at,
            "topic": f"org.fedoraproject.prod.compose.a.{event}",
            "payload": {"msg_id": name},
        }
        for at, event, name in ((-50, "stop", ids[1]), (-60, "start", ids[0]))
    ]
