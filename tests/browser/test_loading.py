"""Every page loads, whole, with scripts and without them, also on a phone."""

from __future__ import annotations

import pytest

from .conftest import PHONE, SMALL
from .paths import PAGES

pytestmark = pytest.mark.slow

PICTURES = """async () => {
    const images = [...document.images];
    for (const one of images) one.loading = "eager";
    await Promise.allSettled(images.map(one => one.decode()));
    return images.filter(one => !one.naturalWidth).map(one => one.currentSrc);
}"""
"""The URLs of those that have not become pictures."""

SIDEWAYS = "document.scrollingElement.scrollWidth - innerWidth"

CUT_OFF = """[...document.querySelectorAll(".card")]
    .filter(one => one.scrollWidth > one.clientWidth).map(one => one.outerHTML.slice(0, 200))"""
"""What is to be scrolled sideways to be read."""

with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["js", "no-js"])


@with_and_without_scripts
@pytest.mark.parametrize(("path", "status"), PAGES)
def test_every_page_is_whole(visit, path, status, scripts):
    page = visit(path, status, java_script_enabled=scripts)
    assert page.locator("h1").count() == 1
    assert page.locator("h1").inner_text().strip()
    assert page.title().endswith("statscache")
    assert page.evaluate(PICTURES) == []
    assert page.evaluate(CUT_OFF) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate(PICTURES) == []
    assert page.evaluate(SIDEWAYS) <= 0
    page.set_viewport_size(SMALL)
    assert page.evaluate(SIDEWAYS) <= 0
