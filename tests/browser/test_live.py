"""A page stays current: a real bus, a real hub, and nobody who loads it anew."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from demonstration import Demo, until
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

PATIENCE = 30_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A bus that speaks often, and no history."""
    started = Demo(tmp_path_factory.mktemp("home"), "--days=0", "--rate=10")
    yield started.ready()
    if started.process.poll() is None:
        started.end()


def test_rows_and_chart_come_as_they_are_counted(visit, demo):
    page = visit("web/volume-1s", home=demo.url)
    page.evaluate("window.marked = true")
    expect(page.locator("#live")).to_have_text("Live")
    newest, chart = page.locator("tbody tr").first, page.locator("figure.chart img").first
    before, drawn = newest.inner_text(), chart.get_attribute("src")
    expect(newest).not_to_have_text(before, timeout=PATIENCE)
    expect(chart).not_to_have_attribute("src", drawn, timeout=PATIENCE)
    assert page.evaluate("window.marked")


SLOWLY = """() => {
    window.asked = window.atOnce = window.most = 0;
    const real = fetch;
    window.fetch = async (...given) => {
        window.asked++;
        window.most = Math.max(window.most, ++window.atOnce);
        try {
            await new Promise((done) => setTimeout(done, 300));
            return await real(...given);
        } finally {
            window.atOnce--;
        }
    };
}"""
"""Pages take time, while something changes each second."""


def test_a_page_waits_for_its_answer_and_rests_ten_times_as_long(visit, demo):
    page = visit("web/volume-1s", home=demo.url)
    page.evaluate(SLOWLY)
    until(lambda: page.evaluate("window.asked === 2 && window.atOnce === 0"), 30)
    began = time.monotonic()
    until(lambda: page.evaluate("window.asked === 3"), 30)
    assert time.monotonic() - began > 2
    assert page.evaluate("window.most") == 1


def test_what_has_the_focus_goes_on(visit, demo):
    page = visit("web/volume-1s", home=demo.url)
    figure, chart = page.locator("figure.chart"), page.locator("figure.chart img").first
    figure.click()
    expect(figure).to_be_focused()
    drawn = chart.get_attribute("src") or ""
    expect(chart).not_to_have_attribute("src", drawn, timeout=PATIENCE)


def test_what_is_selected_stays_until_it_is_let_go(visit, demo):
    page = visit("web/volume-1s", home=demo.url)
    newest = page.locator("tbody tr").first
    newest.select_text()
    before = newest.inner_text()
    expect(page.locator("#live")).to_contain_text("Paused", timeout=PATIENCE)
    assert newest.inner_text() == before
    page.evaluate("getSelection().empty()")
    expect(newest).not_to_have_text(before, timeout=PATIENCE)
    expect(page.locator("#live")).to_have_text("Live", timeout=PATIENCE)


def test_what_one_types_stays_while_the_page_goes_on(visit, demo):
    page = visit("web/volume-1s", home=demo.url)
    page.locator("[name=tz]").type("Europe/")
    newest = page.locator("tbody tr").first
    before = newest.inner_text()
    expect(newest).not_to_have_text(before, timeout=PATIENCE)
    expect(page.locator("[name=tz]")).to_have_value("Europe/")
    expect(page.locator("[name=tz]")).to_be_focused()


def test_the_dashboard_hears_of_all_by_one_line(visit, demo):
    page = visit("", home=demo.url)
    lines: list[str] = []
    page.on("request", lambda one: lines.append(one.url) if "events" in one.url else None)
    members = page.locator("#card-volume-1m .member")
    for member in (members.nth(0), members.nth(1)):
        before = member.inner_text()
        expect(member).not_to_have_text(before, timeout=PATIENCE, use_inner_text=True)
    assert len(lines) <= 1


def test_health_follows(visit, demo):
    page = visit("web/health", home=demo.url)
    row = page.locator("tr", has_text=re.compile("volume-1s"))
    before = row.inner_text()
    expect(row).not_to_have_text(before, timeout=PATIENCE, use_inner_text=True)


def test_a_page_whose_server_ends_says_that_it_is_not_live(browser, demo):
    page = browser.new_page()
    page.goto(f"{demo.url}web/volume-1s")
    expect(page.locator("#live")).to_have_text("Live")
    demo.end()
    expect(page.locator("#live")).to_have_text("Not live", timeout=PATIENCE)
    expect(page.locator("tbody tr").first).to_be_visible()
    page.close()
