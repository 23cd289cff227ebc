"""Each type of problem has a page, and each problem leads to it."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

import pytest

from statscache.web.answers import problem_types


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/builds-by-state-1h?order=up", 400),
        ("/api/builds-by-stat-1h", 404),
        ("/nowhere", 404),
        ("/api/builds-by-state-1h.png", 406),
        ("/api/builds-by-state-1h?" + "x" * 9_000, 414),
        ("/api/never-counted-1d", 503),
    ],
)
def test_a_problem_leads_to_the_page_of_its_type(client, path, status):
    problem = client.get(path)
    assert problem.status_code == status
    page = client.get(urlsplit(problem.json["type"]).path)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert f"<code>{status}</code>" in page.text


def test_the_types_are_listed_with_links(client):
    listed = client.get("/problems/").text
    for one in problem_types.TYPES.values():
        assert f'href="/problems/{one.name}"' in listed


def test_the_page_of_a_problem_links_to_that_of_its_type(client):
    page = client.get("/api/builds-by-stat-1h", headers={"Accept": "text/html"})
    assert 'href="http://localhost/problems/not-found"' in page.text


@pytest.mark.parametrize("status", problem_types.TYPES)
def test_names_are_unique_and_statuses_exist(status):
    names = [one.name for one in problem_types.TYPES.values()]
    assert names.count(problem_types.TYPES[status].name) == 1
    assert HTTPStatus(status).phrase


def test_there_is_no_page_of_another_type(client):
    assert client.get("/problems/bad-luck").status_code == 404
