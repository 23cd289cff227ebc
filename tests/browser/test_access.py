"""Nobody is kept out by any page, as far as axe-core can tell, in any size and scheme."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from .conftest import PHONE, WIDE
from .paths import PAGES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("path", "status"), PAGES)
def test_axe_finds_no_fault(visit, path, status):
    page = visit(path, status)
    page.evaluate(AXE_SCRIPT)
    found = []
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")
        found += [f"{size['width']}, light: {fault}" for fault in faults(page)]
        page.emulate_media(color_scheme="dark")
        # Colours are all that a scheme changes.
        found += [f"{size['width']}, dark: {fault}" for fault in faults(page, "color-contrast")]
    assert "\n".join(found) == ""


def faults(page: Page, *rules: str) -> list[str]:
    """What axe-core finds, by all rules or by those, and where."""
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    found = page.evaluate("async options => (await axe.run(options)).violations", options)
    return [f"{one['impact']} {one['id']}: {_told(node)}" for one in found for node in one["nodes"]]


def _told(node: dict[str, Any]) -> str:
    return f"{node['target']} {node['html'][:120]} ({node['failureSummary'].splitlines()[-1]})"
