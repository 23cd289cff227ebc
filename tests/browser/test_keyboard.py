"""Whoever has no mouse comes everywhere, and sees where they are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow

STATISTIC = "web/volume-by-category-1h"
MOST_STEPS = 200

STOPS = """[...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
    .filter(one => one.type !== "hidden" && one.checkVisibility()).length"""
"""So many there are on a page."""

FOCUSED = """() => {
    const one = document.activeElement, style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    return {
        tag: one.tagName.toLowerCase(),
        name: one.getAttribute("name") || "",
        href: one.getAttribute("href") || "",
        text: one.innerText.trim(),
        html: one.outerHTML.slice(0, 100),
        outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        visible: box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0
            && box.left < innerWidth && box.top < innerHeight,
    };
}"""


def step(page: Page, key: str = "Tab") -> dict[str, Any]:
    """What has the focus after that key; it can be seen, and that it has it."""
    page.keyboard.press(key)
    one = page.evaluate(FOCUSED)
    if one["tag"] != "body":
        assert one["outline"], f"no outline: {one['html']}"
        assert one["visible"], f"out of sight: {one['html']}"
    return one


def tab_to(page: Page, **wanted: str) -> None:
    """Go on until what has the focus is `wanted`."""
    for _ in range(MOST_STEPS):
        one = step(page)
        if wanted.items() <= one.items():
            return
    raise AssertionError(f"Tab never came to {wanted}")


def test_the_first_stop_leads_past_the_navigation(visit):
    page = visit("")
    assert step(page)["text"] == "Skip to the content"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#main$"))
    step(page)
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_keys_lead_from_the_dashboard_to_a_view_of_a_statistic(visit):
    page = visit("")
    tab_to(page, tag="input", name="q")
    page.keyboard.type("category 1h")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"q=category"))
    expect(page.get_by_text(re.compile("^[1-9] of"))).to_be_visible()
    tab_to(page, tag="a", href=f"/{STATISTIC}")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(STATISTIC))
    tab_to(page, tag="select", name="start")
    page.keyboard.type("Last 7")
    tab_to(page, tag="input", name="category")
    page.keyboard.type("git")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"start=-7d.*category=git$"))
    expect(page.locator("table tbody tr").first).to_contain_text("git")


@pytest.mark.parametrize(
    "path", ["", STATISTIC, "web/health", "web/start", "web/reference", "api/coverage", "api/"]
)
def test_tab_goes_through_all_of_a_page_and_out_of_it_again(visit, path):
    page = visit(path)
    stops = [step(page)["html"] for _ in range(page.evaluate(f"{STOPS} + 1"))]
    assert [one for one in stops if one.startswith("<body")] == stops[-1:]


@pytest.mark.parametrize("path", ["", STATISTIC])
def test_shift_and_tab_go_back(visit, path):
    page = visit(path)
    there = [step(page)["html"] for _ in range(10)]
    back = [step(page, "Shift+Tab")["html"] for _ in range(9)]
    assert back == there[-2::-1]
