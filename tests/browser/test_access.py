"""Nobody is kept out, as far as axe-core can tell, by any page, in any size and scheme."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from .conftest import PHONE, WIDE
from .paths import PAGES

pytestmark = pytest.mark.slow

AXE = Axe()
SCHEMES = ("light", "dark")


def faults(page: Page, *rules: str) -> list[str]:
    """What axe-core finds, by all rules or by those, and where."""
    only = {"runOnly": list(rules)} if rules else {}
    found = AXE.run(page, options={"resultTypes": ["violations"], **only}).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {_where(node)}" for one in found for node in one["nodes"]
    ]


def _where(node: dict[str, Any]) -> str:
    return f"{node['target']} {node['html'][:120]} ({node['failureSummary'].splitlines()[-1]})"


@pytest.mark.parametrize(("path", "status"), PAGES)
def test_axe_finds_no_fault(visit, path, status):
    page = visit(path, status)
    found = []
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            # Colours are all that a scheme changes.
            rules = ["color-contrast"] if scheme == "dark" else []
            found += [f"{size['width']}, {scheme}: {fault}" for fault in faults(page, *rules)]
    assert "\n".join(found) == ""
