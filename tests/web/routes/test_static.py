"""The scripts of the pages."""

from __future__ import annotations

import re

from ..reading import BROWSER, Page


def test_a_file_is_kept_for_ever_under_the_name_of_its_version_only(client):
    (source,) = (
        one["src"]
        for one in Page(client.get("/", headers=BROWSER).text).all("script")
        if "statscache" in one["src"]
    )
    assert "immutable" in client.get(source).headers["Cache-Control"]
    other = client.get(re.sub("v=.*", "v=0", source))
    assert (other.status_code, "immutable" in other.headers["Cache-Control"]) == (200, False)


def test_a_library_comes_with_its_licence(client):
    response = client.get("/web/static/idiomorph-0.8.0.LICENSE")
    assert (response.status_code, response.mimetype) == (200, "text/plain")
    assert "Zero-Clause BSD" in response.text


def test_what_is_no_file_there_is_not_found(client):
    for name in ("nothing.js", "..%2F__init__.py", "%00"):
        response = client.get(f"/web/static/{name}")
        assert (response.status_code, response.mimetype) == (404, "application/problem+json")
