"""What scripts add to the pages: forms answer in place, charts are read, lines are copied."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.slow

PAGE = "web/volume-by-category-1h"
CLIPBOARD = "navigator.clipboard.readText()"


def mark(page: Page) -> None:
    """Leave something in the page that a new one has not."""
    page.evaluate("window.marked = true")


def is_same(page: Page) -> bool:
    return bool(page.evaluate("window.marked === true"))


def at(figure: Locator, share: float) -> tuple[float, float]:
    """A point of the chart, so far from left to right."""
    box = figure.bounding_box()
    assert box is not None
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def test_a_choice_shows_at_once_in_the_same_page_and_back_leads_back(visit):
    page = visit(PAGE)
    mark(page)
    page.locator("[name=start]").select_option("-1d")
    page.wait_for_url(re.compile("start=-1d"))
    page.locator("[name=category]").first.fill("git")
    page.locator("[name=category]").first.press("Enter")
    page.wait_for_url(re.compile("category=git"))
    expect(page.locator("[name=category]")).to_have_count(2)
    page.go_back()
    page.wait_for_url(re.compile("start=-1d$"))
    expect(page.locator("[name=category]")).to_have_count(1)
    page.go_back()
    page.wait_for_url(re.compile(f"{PAGE}$"))
    expect(page.locator("[name=start]")).to_have_value("")
    assert is_same(page)


def test_a_choice_that_makes_no_sense_leads_to_a_page_that_says_so(visit):
    page = visit(PAGE, refused=[f"{PAGE}?tz=Nowhere%2FTown"])
    page.locator("[name=tz]").fill("Nowhere/Town")
    page.locator("[name=tz]").press("Enter")
    expect(page.locator("h1")).to_have_text("Bad Request")
    expect(page.locator("main")).to_contain_text("Nowhere/Town")


def test_a_key_is_taken_away_again(visit):
    page = visit(f"{PAGE}?category=bodhi&category=git")
    page.locator("[name=category]").nth(0).fill("")
    page.keyboard.press("Tab")
    page.wait_for_url(re.compile(r"\?category=git$"))
    keys = page.locator("[name=category]")
    expect(keys).to_have_count(2)
    expect(keys.nth(0)).to_have_value("git")
    expect(keys.nth(1)).to_have_value("")
    keys.nth(0).fill("")
    page.keyboard.press("Tab")
    page.wait_for_url(re.compile(f"{PAGE}$"))
    expect(keys).to_have_count(1)
    expect(page.locator("tbody tr").first).to_be_visible()


def test_a_way_to_a_part_of_the_page_keeps_its_address(visit):
    page = visit("web/reference")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.locator("a[href^='#']").nth(1).click()
    page.wait_for_url(re.compile("#"))
    page.go_back()
    expect(page).to_have_url(re.compile("reference$"))
    assert [one for one in asked if "static" not in one] == []


def test_keys_of_the_browser_stay_its_own(visit):
    page = visit(PAGE)
    page.locator("figure.chart").focus()
    page.keyboard.press("Control+Home")
    expect(page.locator(".reading")).to_have_count(0)


def test_statistics_are_found_while_one_types(visit):
    page = visit("")
    mark(page)
    page.get_by_role("searchbox").press_sequentially("koji")
    page.wait_for_url(re.compile("q=koji$"))
    expect(page.get_by_text(re.compile("^2 of [0-9]+ statistics"))).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("searchbox").fill("")
    expect(page.locator(".tile").first).to_be_visible()
    assert is_same(page)


def test_pointing_at_a_chart_reads_what_the_table_says(visit):
    page = visit("web/volume-1h?start=-2d")
    page.mouse.move(*at(page.locator("figure.chart"), 0.4))
    time, number = page.locator(".reading b").all_inner_texts()
    day, hour = re.fullmatch(r"\w+ (\d+), \d+, (\d\d):00", time).groups()
    row = page.locator("tbody tr", has_text=re.compile(rf"-{int(day):02} {hour}:00:00"))
    page.goto(f"{page.url}&rows_per_page=100")
    assert row.locator("td.number").inner_text() == number.replace(",", "")


def test_a_chart_is_read_with_keys_and_on_a_phone(visit):
    page = visit(PAGE, viewport={"width": 390, "height": 844})
    page.locator("figure.chart").focus()
    page.keyboard.press("End")
    expect(page.locator(".reading")).to_contain_text("not over yet")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".reading")).not_to_contain_text("not over yet")
    assert page.locator(".reading p").count() == 8
    expect(page.locator("#said")).to_contain_text(re.compile(r"\d\d:00, .* \d+"))
    page.keyboard.press("Escape")
    expect(page.locator(".reading")).to_have_count(0)


def test_a_day_of_a_calendar_is_read(visit):
    page = visit("web/volume-1d?kind=calendar")
    page.locator("figure.chart").focus()
    page.keyboard.press("End")
    expect(page.locator(".reading")).to_contain_text("not over yet")
    today = page.locator(".reading").inner_text()
    box = page.locator(".band").bounding_box()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".reading")).not_to_contain_text("not over yet")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".reading")).to_have_text(today, use_inner_text=True)


def test_a_part_of_a_chart_is_dragged_over_to_see_it_alone(visit):
    page = visit(f"{PAGE}?start=-5d&category=bodhi")
    mark(page)
    figure = page.locator("figure.chart")
    whole = figure.locator("img.wide").get_attribute("src") or ""
    # It loses the focus to the chart.
    page.locator("[name=stop]").focus()
    page.mouse.move(*at(figure, 0.3))
    page.mouse.down()
    page.mouse.move(*at(figure, 0.5), steps=4)
    expect(page.locator(".reading")).to_contain_text(re.compile(":00 . "))
    page.mouse.up()
    page.wait_for_url(re.compile("stop="))
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["category"] == ["bodhi"]
    assert asked["start"][0] < asked["stop"][0]
    expect(page.locator(".reading")).to_have_count(0)
    expect(figure.locator("img.wide")).not_to_have_attribute("src", whole)
    assert is_same(page)


def test_a_drag_into_nowhere_and_a_click_change_nothing(visit):
    page = visit(PAGE)
    address, figure = page.url, page.locator("figure.chart")
    page.mouse.click(*at(figure, 0.4))
    expect(page.locator(".reading")).to_be_visible()
    page.mouse.move(5, 5)
    expect(page.locator(".reading")).to_have_count(0)
    assert page.url == address


def test_lines_are_copied(visit):
    page = visit(PAGE, permissions=["clipboard-read", "clipboard-write"])
    for line in page.locator(".line").all():
        line.get_by_role("button").click()
        expect(line.get_by_role("button")).to_have_class(re.compile("copied"))
        assert page.evaluate(CLIPBOARD) == line.locator("code").inner_text()


def test_the_dashboard_copies_a_curl_line_that_works_and_stays(visit):
    page = visit("", permissions=["clipboard-read", "clipboard-write"])
    address = page.url
    page.get_by_role("link", name="curl line of volume-1d").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert page.url == address
    curl = page.evaluate(CLIPBOARD).split()
    assert curl[:2] == ["curl", "-s"]
    assert page.request.get(curl[2]).text().startswith("timestamp,volume")


def test_a_line_is_copied_where_a_browser_has_no_clipboard_for_scripts(visit):
    page = visit(PAGE, permissions=["clipboard-read"])
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.locator(".line").first.get_by_role("button").click()
    expect(page.locator("#said")).to_have_text("Copied")


def test_pages_that_were_shown_are_forgotten(visit):
    page = visit(PAGE)
    session = page.context.new_cdp_session(page)
    for days in range(1, 16):
        url = f"{page.url.partition('?')[0]}?start=-{days}d"
        page.evaluate(
            "url => document.dispatchEvent(new CustomEvent('statscache:visit', {detail: url}))", url
        )
        page.wait_for_url(url)
    for _ in range(5):
        # What refers to each other goes one after the other.
        session.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(100)
    assert session.send("Memory.getDOMCounters")["documents"] < 10


def test_a_server_that_is_away_takes_no_page_away(browser, site):
    page = browser.new_page()
    page.goto(f"{site.url}{PAGE}")
    expect(page.locator("#live")).to_have_text("Live")
    address = page.url
    page.context.set_offline(True)
    page.locator("[name=start]").select_option("-1d")
    expect(page.locator("#live")).to_have_text("Not live")
    expect(page.locator("tbody tr").first).to_be_visible()
    assert page.url == address
    page.close()
