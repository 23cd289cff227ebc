"""Makes the pictures of these pages anew, of invented traffic: `python docs/pictures.py`.

Pages are looked at by a Chromium, as in the tests.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from werkzeug.serving import make_server

from statscache import service
from statscache.config import Config
from statscache.demo import history, traffic
from statscache.store import Store, schema
from statscache.web import create_app

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

FOLDER = Path(__file__).parent / "pictures"
NOW = 1_767_880_800 + 25 * 60
"""2026-01-08 14:25 UTC."""

DAY = 86_400
LONG, FEW = 92, 0.008
"""Days, and messages a second: what charts show."""

SHORT = 30
"""Days: what pages show, as many messages as in `statscache demo`."""

CHARTS = {
    "lines": "volume-by-category-1h.svg?start=-3d&top=4&every=2h",
    "stacked": "volume-by-category-1d.svg?kind=stacked&start=-30d",
    "bars": "koji-builds-1h.svg?kind=bar&every=1d&pivot=state&start=-14d&tz=Europe/Berlin",
    "quantiles": "bodhi-time-to-stable-1d.svg?fields=p50,p90&every=week&start=-80d",
    "calendar": "volume-1d.svg?kind=calendar&start=-90d&width=420",
    "spark": "volume-1h.svg?kind=spark&start=-3d&every=2h",
}


class View(NamedTuple):
    """A page, and how it is looked at; `reads` says that its chart is pointed at."""

    path: str
    width: int = 1_280
    height: int = 900
    scheme: str = "light"
    reads: bool = False


PUBLIC = {"X-Forwarded-Host": "stats.example.org", "X-Forwarded-Proto": "https"}
"""What a proxy says that stands before the application."""

PHONE = (390, 844)
PAGES = {
    "dashboard": View("", height=1_500),
    "dashboard-phone": View("", *PHONE, "dark"),
    "page": View("web/volume-by-category-1h?start=-2d", reads=True),
    "page-dark": View("web/koji-builds-1d?kind=stacked&start=-30d", scheme="dark", reads=True),
    "page-phone": View("web/volume-by-category-1h?start=-2d&category=bodhi", *PHONE),
    "health": View("web/health"),
    "start": View("web/start"),
    "reference": View("web/reference"),
    "coverage": View("api/coverage", height=600),
}


def main() -> None:
    for name, text in charts():
        (FOLDER / f"{name}.svg").write_text(text)
    for name, picture in pages():
        (FOLDER / f"{name}.png").write_bytes(picture)


def charts() -> Iterator[tuple[str, str]]:
    """The charts, each as SVG."""
    with counted(LONG, FEW) as settings:
        client = create_app(settings, now=lambda: NOW).test_client()
        for name, path in CHARTS.items():
            answer = client.get(f"/api/{path}")
            assert answer.status_code == 200, answer.text
            yield name, answer.text


def pages() -> Iterator[tuple[str, bytes]]:
    """The pages, each as PNG."""
    chromium = importlib.import_module("browser.chromium")
    with counted(SHORT, history.RATE) as settings, chromium.launched() as browser:
        server = make_server("127.0.0.1", 0, create_app(settings, now=lambda: NOW), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, view in PAGES.items():
            size = {"width": view.width, "height": view.height}
            page = browser.new_page(
                viewport=size, color_scheme=view.scheme, extra_http_headers=PUBLIC
            )
            page.goto(f"http://127.0.0.1:{server.port}/{view.path}")
            if view.reads:
                box = page.locator("figure.chart").bounding_box()
                page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.6)
            page.evaluate("document.fonts.ready")
            yield name, page.screenshot()
            page.close()
        server.shutdown()


@contextmanager
def counted(days: float, rate: float) -> Iterator[dict[str, Any]]:
    """The settings of a daemon that has counted so many messages a second, and still runs."""
    with tempfile.TemporaryDirectory(prefix="statscache-") as name:
        settings: dict[str, Any] = {
            "statscache.sqlalchemy.uri": f"sqlite:///{name}/statscache.sqlite",
            "statscache.journal.path": f"{name}/journal.sqlite",
            "statscache.app.proxies": 1,
            "statscache.app.live_readers": 2 * len(PAGES),
        }
        store = Store(settings["statscache.sqlalchemy.uri"])
        schema.upgrade(store)
        store.close()
        engine, start = service.build(Config(settings)), NOW - days * DAY
        engine.start(start)
        for arrival in traffic.messages(start, NOW, rate=rate, seed=1):
            engine.accept(arrival.message, NOW, more=True)
        engine.drain(NOW)
        yield settings
        engine.stop(NOW)


if __name__ == "__main__":
    main()
