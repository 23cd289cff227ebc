"""Links from rows to their messages, and that datagrepper has these at their end."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit
from urllib.request import urlopen

import pytest
from datagrepper import Archive, Datagrepper

from statscache.errors import QueryError
from statscache.plugins import BasePlugin, Count
from statscache.schedule import Schedule
from statscache.text import key
from statscache.web.answers import links
from statscache.web.query import query

from ..conftest import config, fill, make, serving
from ..guests import Event

ENDPOINT = "https://example.org/datagrepper"
START = datetime(2026, 1, 7, 23)
HOUR = [("start", "1767826800"), ("end", "1767830399.999999")]
CONFIG = config("sqlite:////nowhere/statscache.sqlite")
TOPIC = "org.fedoraproject.prod.buildsys.build.state.change"
BUILDS = "/api/builds-by-state-1h"


class Known(Count):
    name, by = "known", ("category", "package", "state", "topic", "user")


class Named(Count):
    name, by, topics = "named", ("category", "state"), [TOPIC]
    drilldown = {"state": "contains"}  # noqa: RUF012


class Topics(Count):
    name, by, topics = "topics", ("topic",), ["a", "b"]


class Patterns(Count):
    name, by, topics = "patterns", ("state",), ["org.fedoraproject.*"]


class Events(BasePlugin):
    name, model = "events", Event


def asked(plugin, row, arguments="", length=3_600, endpoint=ENDPOINT):
    """What datagrepper is asked for the sake of a row, which has the plugin's columns."""
    made = plugin(Schedule(timedelta(seconds=length)) if length else None, {})
    wanted = query.parse(made, made.model, parse_qs(arguments), CONFIG, START)
    columns = list(wanted.shape.fields or made.model.columns())
    url = urlsplit(links.to_messages(made, wanted, columns, endpoint)(row))
    assert url._replace(query="").geturl() == "https://example.org/datagrepper/v2/search"
    return parse_qsl(url.query)


def test_window_and_keys_are_asked_for():
    keys = [("category", "bodhi"), ("package", "ü & b"), ("topic", "a.b"), ("user", "ann")]
    assert asked(Known, [START, "bodhi", "ü & b", "failed", "a.b", "ann", 5]) == [*HOUR, *keys]


def test_a_plugin_can_say_what_its_columns_are():
    found = asked(Named, [START, "bodhi", "failed", 5])
    assert found == [*HOUR, ("contains", "failed"), ("topic", TOPIC)]


def test_a_topic_as_a_key_stands_for_those_of_the_plugin():
    assert asked(Topics, [START, "b", 5]) == [*HOUR, ("topic", "b")]
    assert asked(Topics, [START, "other", 5]) == [*HOUR, ("topic", "a"), ("topic", "b")]


def test_topics_with_patterns_are_not_asked_for():
    assert asked(Patterns, [START, "failed", 5]) == HOUR


@pytest.mark.parametrize("unknown", ["other", "unclassified", "", key("x" * 300)])
def test_keys_that_datagrepper_does_not_know_are_left_out(unknown):
    assert asked(Known, [START, unknown, "kernel", "s", unknown, unknown, 5]) == [
        *HOUR,
        ("package", "kernel"),
    ]


@pytest.mark.parametrize(
    ("arguments", "start", "end"),
    [
        ("every=1d", datetime(2026, 1, 7), "1767830399.999999"),
        ("every=1d&tz=Europe/Berlin", datetime(2026, 1, 7, 23), "1767913199.999999"),
        ("every=month", datetime(2026, 1, 1), "1769903999.999999"),
    ],
)
def test_a_coarser_window_is_asked_for_in_whole(arguments, start, end):
    assert asked(Patterns, [start, "failed", 5], arguments)[1] == ("end", end)


def test_a_row_without_a_window_has_its_second():
    moment = START.replace(microsecond=250_000)
    found = asked(Events, [moment, "f43", "text"], length=None)
    assert found == [("start", "1767826800"), ("end", "1767826800.999999"), ("category", "f43")]


def test_the_start_is_never_taken_for_none_at_all():
    assert asked(Patterns, [datetime(1970, 1, 1), "s", 1])[0] == ("start", "1")


@pytest.mark.parametrize(
    "endpoint",
    [f"{ENDPOINT}/", f"{ENDPOINT}/raw", "https://ann:secret@example.org/datagrepper/raw/"],
)
def test_the_endpoint_is_understood_as_elsewhere_and_its_password_kept(endpoint):
    assert asked(Patterns, [START, "s", 1], endpoint=endpoint) == HOUR


def test_without_an_endpoint_or_a_time_there_are_no_links():
    with pytest.raises(QueryError, match=r"datagrepper\.endpoint"):
        asked(Patterns, [START, "s", 1], endpoint=None)
    with pytest.raises(QueryError, match="timestamp"):
        asked(Patterns, ["s", 1], "fields=state,volume")


# -- in answers ----------------------------------------------------------------------------------


@pytest.fixture
def client(sqlite_uri):
    app = make(sqlite_uri, datagrepper__endpoint=ENDPOINT)
    fill(app, serving(app).plugins["builds-by-state-1h"].model)
    yield app.test_client()
    serving(app).store.close()


LINK = f"{ENDPOINT}/v2/search?start=1767826800&end=1767830399.999999"


@pytest.mark.parametrize("path", ["", "/latest"])
def test_each_format_has_its_own_place_for_them(client, path):
    url = f"{BUILDS}{path}.{{}}?links=1&state=failed&limit=1"
    row = {"timestamp": 1_767_826_800, "state": "failed", "volume": 92, "links": {"messages": LINK}}
    assert client.get(url.format("json")).json == [row]
    assert json.loads(client.get(url.format("ndjson")).text) == row
    (line,) = csv.DictReader(io.StringIO(client.get(url.format("csv")).text))
    assert line == {
        "timestamp": "1767826800", "state": "failed", "volume": "92", "messages": LINK,
    }  # fmt: skip


def test_exports_have_them_too(client):
    assert client.get(f"{BUILDS}/export?links=1&limit=1").text.endswith(f",93,{LINK}\r\n")


def test_a_page_for_people_has_them_unasked(client, app):
    escaped = LINK.replace("&", "&amp;")
    assert f'<a href="{escaped}" rel="nofollow">messages</a>' in client.get(f"{BUILDS}.html").text
    assert "v2/search" not in client.get(f"{BUILDS}.html?fields=state").text
    assert "v2/search" not in app.test_client().get(f"{BUILDS}.html").text


def test_a_row_of_a_pivot_leads_to_all_of_its_window(client):
    (row,) = client.get(f"{BUILDS}?every=1d&pivot=state&links=1").json
    expected = {"start": ["1767744000"], "end": ["1767830399.999999"]}
    assert parse_qs(urlsplit(row["links"]["messages"]).query) == expected


def test_where_there_is_no_archive_it_says_what_to_set(app):
    for path in (BUILDS, f"{BUILDS}/latest", f"{BUILDS}/export"):
        response = app.test_client().get(f"{path}?links=1", buffered=True)
        assert (response.status_code, response.json["argument"]) == (400, "links")
        assert "statscache.datagrepper.endpoint" in response.json["allowed"]


def test_datagrepper_finds_the_messages_of_a_window():
    stamps = [1_767_826_800 - 0.5, 1_767_826_800, 1_767_830_399.75, 1_767_830_400]
    messages = [
        {"topic": topic, "timestamp": at, "msg_id": f"2026-{at}-{topic}", "msg": {}}
        for at in stamps
        for topic in (TOPIC, "another")
    ]
    made = Named(Schedule(timedelta(hours=1)), {})
    wanted = query.parse(made, made.model, {}, CONFIG, START)
    with Datagrepper(Archive(messages)) as served:
        link = links.to_messages(made, wanted, ["timestamp", "volume"], served.url)
        with urlopen(link([START, 2])) as answer:
            found = json.load(answer)["raw_messages"]
    assert sorted(one["topic"] for one in found) == [TOPIC, TOPIC]
