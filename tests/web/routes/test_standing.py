"""Health, for people."""

from __future__ import annotations

from statscache.store.tables import NOT_LISTENING

from ..reading import BROWSER


def test_health_counts_what_is_amiss_and_shows_no_message(watching):
    text = watching.get("/web/health", headers=BROWSER).text
    assert "1 message is set aside" in text
    assert "1,234: too far ahead" in text
    assert NOT_LISTENING in text
    assert "SECRET" not in text
