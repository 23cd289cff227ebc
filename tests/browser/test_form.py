"""The form of a statistic's page, with scripts and without: what it shows has an address."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.slow

PAGE = "web/volume-by-category-1h"


with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["js", "no-js"])


def asked(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def chart(page: Page, words: str = "<svg") -> str:
    """The chart as SVG, as soon as `words` stand in it."""
    image = page.locator("figure.chart img").first
    expect(image).to_have_attribute("src", re.compile(re.escape(quote(words, safe=":"))))
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") > 0
    return unquote(image.get_attribute("src") or "")


def field(page: Page, name: str) -> Locator:
    return page.locator(f"form.controls [name={name}]").first


def rows(page: Page) -> list[str]:
    return page.locator("table tbody tr").all_text_contents()


@with_and_without_scripts
def test_range_and_key_change_chart_and_table_and_address(visit, scripts):
    page = visit(PAGE, java_script_enabled=scripts)
    before = rows(page)
    field(page, "start").select_option(label="Last 7 days")
    field(page, "every").select_option(label="6 hours")
    field(page, "category").fill("bodhi")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("category=bodhi"))
    wanted = {"start": ["-7d"], "every": ["6h"], "category": ["bodhi"]}
    assert asked(page.url) == wanted
    expect(field(page, "category")).to_have_value("bodhi")
    drawn = chart(page, "category: bodhi")
    assert "messages per 6 hours" in drawn
    shown = rows(page)
    assert shown != before
    assert all("bodhi" in row for row in shown)
    again = visit(urlsplit(page.url).path.lstrip("/") + "?" + urlsplit(page.url).query)
    assert rows(again) == shown
    assert chart(again) == drawn
    assert field(again, "start").input_value() == "-7d"
    again.get_by_role("link", name="Reset").click()
    again.wait_for_url(re.compile(f"{PAGE}$"))
    expect(field(again, "category")).to_have_value("")


@with_and_without_scripts
def test_going_back_leads_to_the_view_before(visit, scripts):
    page = visit(PAGE, java_script_enabled=scripts)
    address, before = page.url, rows(page)
    field(page, "category").fill("git")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("category=git"))
    expect(page.locator("table tbody tr").first).to_contain_text("git")
    page.go_back()
    page.wait_for_url(address)
    expect(page.locator("table tbody tr")).to_have_text(before)
    expect(field(page, "category")).to_have_value("")


@with_and_without_scripts
def test_a_key_that_is_unknown_is_told_of(visit, scripts):
    page = visit(PAGE, java_script_enabled=scripts)
    field(page, "category").fill("nobody")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("There are no rows of that.")).to_be_visible()


@with_and_without_scripts
def test_a_kind_of_chart_is_chosen(visit, scripts):
    page = visit(PAGE, java_script_enabled=scripts)
    field(page, "kind").select_option(label="Stacked")
    field(page, "top").select_option(label="3")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("kind=stacked"))
    assert "4 series" in chart(page, "A chart of stacked bars")
