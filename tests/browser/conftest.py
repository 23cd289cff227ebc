"""A browser and a site, which all of the tests share, and pages that are watched over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from . import chromium
from .site import Site
from .site import site as running

PATIENCE = 10_000
"""Milliseconds for whatever is waited for."""

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SMALL = {"width": 320, "height": 640}

Visit = Callable[..., Page]


# Not for the session: while playwright is there, nobody else can run an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium.launched() as launched:
        yield launched


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Opens a page as a new visitor: `visit("web/health", java_script_enabled=False)`.

    A test fails if on any of its pages anything went wrong, or asked another host than the site, or
    than `home`; `beside` is the beginning of further URLs that may be asked,
    and `refused` are paths that may be answered with an error.
    """
    faults: list[str] = []

    with ExitStack() as stack:

        def visit(
            path: str,
            status: int = 200,
            beside: str = "",
            home: str = site.url,
            refused: Collection[str] = (),
            **options: Any,
        ) -> Page:
            context = browser.new_context(base_url=home, **{"viewport": WIDE, **options})
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            _watch(page, faults, home, beside, [home + one for one in refused])
            assert page.goto(path).status == status
            return page

        yield visit
    assert faults == []


def _watch(page: Page, faults: list[str], home: str, beside: str, refused: Collection[str]) -> None:
    def said(message: ConsoleMessage) -> None:
        # That a page is answered with 404 is for its test to judge, and so is what a form sends.
        is_status = message.text.startswith("Failed to load resource: the server responded")
        place = message.location["url"]
        is_own = is_status and place in (page.url, *refused)
        if message.type in ("error", "warning") and page.url.startswith(home) and not is_own:
            faults.append(f"{page.url} says: {message.text} ({place})")

    def asked(request: Request) -> None:
        if not request.url.startswith((home, beside or home, "data:", "blob:")):
            faults.append(f"{page.url} asks {request.url}")

    def failed(request: Request) -> None:
        # What is cut off because the visitor goes on is no fault.
        if request.failure != "net::ERR_ABORTED":
            faults.append(f"{page.url} cannot load {request.url}: {request.failure}")

    page.on("console", said)
    page.on("request", asked)
    page.on("requestfailed", failed)
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
