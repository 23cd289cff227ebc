"""How soon a page is complete in a browser, and how much it weighs.

Thirty days of the demo's traffic are served by gunicorn to a Chromium on this machine, which keeps
nothing from one visit to the next. Complete is a page when all of its pictures can be painted.
Before each visit something is counted, so that the dashboard is made anew. An empty answer is asked
for beside it, over a line that is kept (the floor).

    python benchmarks/pages.py [--visits 20]
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import rest
import sqlalchemy as sa
from live import machine

from statscache import service
from statscache.demo import history
from statscache.store import Store
from statscache.store.tables import checkpoint

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
chromium = importlib.import_module("browser.chromium")

DAYS = 30
PAGES = {
    "the dashboard": "/",
    "a statistic": "/web/volume-by-category-1h?start=-7d",
    "stacked bars": "/web/koji-builds-1d?kind=stacked&start=-30d",
    "health": "/web/health",
}
HTML = {"Accept": "text/html", "Accept-Encoding": "gzip"}
MEASURED = """async () => {
    await Promise.all([...document.images].map((image) => image.decode()));
    const complete = performance.now();
    const [page] = performance.getEntriesByType("navigation");
    const all = performance.getEntriesByType("resource");
    const parts = all.filter((one) => !one.name.startsWith("data:"));
    const sizes = [page, ...parts].map((one) => one.transferSize);
    return [complete, page.responseEnd, sizes.reduce((one, other) => one + other), sizes.length];
}"""


class Visit(NamedTuple):
    """Milliseconds from the request to the last byte of the page, and until all was complete."""

    complete: float
    page: float
    weight: int
    requests: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=20)
    visits = parser.parse_args().visits
    print(machine())
    with tempfile.TemporaryDirectory(prefix="statscache-") as name:
        uri = f"sqlite:///{Path(name) / 'statscache.sqlite'}"
        fill(uri, Path(name))
        store = Store(uri)
        with rest.gunicorn(uri) as client, chromium.launched() as browser:
            report(client, browser, store, visits)
        store.close()


def fill(uri: str, folder: Path) -> None:
    settings = {
        "statscache.sqlalchemy.uri": uri,
        "statscache.journal.path": str(folder / "journal.sqlite"),
    }
    now = time.time()
    steps = history.fill(service.configure(settings), now - DAYS * rest.DAY, now, seed=1)
    deque(steps, maxlen=0)


def report(client: rest.Client, browser: Any, store: Store, visits: int) -> None:
    print(
        "milliseconds: made anew, made already, floor; in a browser: page, complete; kB, requests"
    )
    for name, path in PAGES.items():
        made, kept, floor, seen = [], [], [], list[Visit]()
        for _ in range(visits):
            count(store)
            made.append(client.time(path, HTML, 200))
            kept.append(client.time(path, HTML, 200))
            floor.append(client.time("/floor/", {}, 200))
            count(store)
            seen.append(visit(browser, f"http://127.0.0.1:{client.port}{path}"))
        server = " ".join(f"{statistics.median(one):7.1f}" for one in (made, kept, floor))
        columns = [statistics.median(column) for column in zip(*seen, strict=True)]
        slowest = rest.percentile([one.complete for one in seen], 0.95)
        print(
            f"{name:16}{server}  {columns[1]:7.0f} {columns[0]:7.0f} (p95 {slowest:.0f})"
            f"  {columns[2] / 1000:.1f} {columns[3]:.0f}",
            flush=True,
        )


def count(store: Store) -> None:
    """Let the dashboard think that something was counted."""
    with store.writing() as connection:
        connection.execute(sa.update(checkpoint).values(counted=checkpoint.c.counted + 1))


def visit(browser: Any, url: str) -> Visit:
    """Look at a page for the first time."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(url)
    found = Visit(*page.evaluate(MEASURED))
    context.close()
    return found


if __name__ == "__main__":
    main()
