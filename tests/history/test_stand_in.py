"""The stand-in is as awkward as the real datagrepper."""

from __future__ import annotations

import json
from pathlib import Path

import datagrepper
import pytest
import urllib3
from datagrepper import RAW, SEARCH, Archive
from samples import NOW, message, name

GOLDEN = Path(__file__).parent.parent / "golden" / "datagrepper"
START = int(NOW)


@pytest.fixture
def served():
    spread = [message(i, timestamp=START + i // 10) for i in range(300)]
    with datagrepper.Datagrepper(Archive(spread)) as served:
        yield served


def get(served, path=SEARCH, accept="application/json", **query):
    url = served.url + path
    return urllib3.request("GET", url, fields=query, headers={"Accept": accept}, retries=False)


def ids(answer):
    return [one["id"] for one in answer.json()["raw_messages"]]


@pytest.mark.parametrize("path", [SEARCH, RAW])
def test_its_answers_look_like_recorded_ones(path):
    messages = json.loads((GOLDEN / "messages.json").read_text())
    with datagrepper.Datagrepper(Archive(messages)) as served:
        query = {"start": START, "end": START + 61, "order": "asc", "rows_per_page": 100}
        answer = get(served, path, **query)
        golden = GOLDEN / f"{path.rpartition('/')[2]}.json"
        assert answer.json() == json.loads(golden.read_text())


def test_a_refusal_is_html_and_so_is_a_failure_over_a_bad_number(served):
    refused = get(served, page=0)
    assert (refused.status, refused.data.decode()) == (400, (GOLDEN / "refused.html").read_text())
    assert get(served, rows_per_page=101).status == get(served, order="up").status == 400
    for query in ({"start": "abc"}, {"page": "x"}, {"rows_per_page": "x"}, {"rows_per_page": -1}):
        failed = get(served, **query)
        assert (failed.status, failed.data[:15]) == (500, b"<!doctype html>")
    assert get(served, "/search").status == 404


def test_it_sends_the_type_that_is_asked_for(served):
    assert get(served, accept="text/x-anything").headers["Content-Type"] == "text/x-anything"
    assert get(served, accept="*/*").headers["Content-Type"] == "application/json"


def test_browsers_get_a_page(served):
    answer = get(served, accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<h1>" in answer.data


def test_without_more_it_gives_the_newest_25(served):
    answer = get(served).json()
    assert (answer["total"], answer["pages"], answer["count"]) == (300, 12, 25)
    assert answer["raw_messages"][0]["headers"]["sent-at"] == "2026-01-01T00:00:29+00:00"


def test_no_rows_per_page_at_all_are_all_of_them(served):
    assert get(served, rows_per_page=0).json()["count"] == 300


def test_both_ends_are_included(served):
    assert get(served, start=START, end=START + 1).json()["total"] == 20
    assert get(served, start=START, end=START).json()["total"] == 10


def test_an_end_alone_or_a_start_of_0_drops_the_range(served):
    assert get(served, end=START).json()["total"] == 300
    assert get(served, start=0, end=START).json()["total"] == 300
    assert get(served, start=1, end=START).json()["total"] == 10


def test_messages_of_the_same_time_change_places_between_pages():
    same = [message(i, timestamp=START) for i in range(200)]
    with datagrepper.Datagrepper(Archive(same)) as served:
        pages = [ids(get(served, page=page, rows_per_page=100)) for page in (1, 2)]
        assert [len(set(page)) for page in pages] == [100, 100]
        assert 100 < len({*pages[0], *pages[1]}) < 200


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_messages_of_different_times_are_in_order(order):
    spread = [message(i, timestamp=START + i) for i in range(250)]
    with datagrepper.Datagrepper(Archive(spread)) as served:
        pages = [ids(get(served, page=page, rows_per_page=100, order=order)) for page in (1, 2, 3)]
        expected = [f"2026-{name(i)}" for i in range(250)]
        assert [*pages[0], *pages[1], *pages[2]] == (expected if order == "asc" else expected[::-1])


def test_topics_are_alternatives(served):
    served.archive.add(message(900, topic="a"), message(901, topic="b"), message(902, topic="c"))
    assert get(served, topic="a").json()["total"] == 1
    answer = urllib3.request("GET", f"{served.url}{SEARCH}?topic=a&topic=b", retries=False)
    assert answer.json()["total"] == 2


def test_the_old_way_cuts_times_to_whole_seconds_but_searches_by_the_true_ones():
    with datagrepper.Datagrepper(Archive([message(timestamp=START + 0.75)])) as served:
        (shown,) = get(served, RAW).json()["raw_messages"]
        assert shown["timestamp"] == START
        assert get(served, RAW, start=START - 1, end=START).json()["total"] == 0


def test_an_id_is_kept_once_for_each_time():
    again = [message(1), message(1), message(1, timestamp=START)]
    with datagrepper.Datagrepper(Archive(again)) as served:
        assert get(served).json()["total"] == 2
