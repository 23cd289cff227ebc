"""From a row to the messages that it counted."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from statscache.demo.history import HOUR

from .site import HEARD, TOPIC

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scripts", [True, False], ids=["js", "no-js"])
def test_a_row_leads_to_exactly_its_messages(visit, site, scripts):
    path = f"web/volume-by-topic-1h?topic={TOPIC}"
    page = visit(path, beside=site.datagrepper.url, java_script_enabled=scripts)
    (row,) = page.locator("table tbody tr").all()
    assert row.locator("td.number").inner_text() == str(HEARD)
    row.get_by_role("link", name="messages").click()
    page.wait_for_url(re.compile(re.escape(site.datagrepper.url)))
    asked = parse_qs(urlsplit(page.url).query)
    end = f"{site.hour + HOUR - 1}.999999"
    assert asked == {"start": [str(site.hour)], "end": [end], "topic": [TOPIC]}
    answer = json.loads(page.locator("p").inner_text())
    found = [(one["topic"], one["headers"]["sent-at"]) for one in answer["raw_messages"]]
    assert answer["total"] == len(found) == HEARD
    assert {topic for topic, _ in found} == {TOPIC}
