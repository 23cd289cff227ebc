"""Makes the pictures of these pages anew, of invented traffic: `python docs/pictures.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from statscache import service
from statscache.config import Config
from statscache.demo import traffic
from statscache.store import Store, schema
from statscache.web import create_app

FOLDER = Path(__file__).parent / "pictures"
NOW = 1_767_880_800 + 25 * 60
"""2026-01-08 14:25 UTC."""

DAYS = 92
RATE = 0.008
"""Messages a second."""

PICTURES = {
    "lines": "volume-by-category-1h.svg?start=-3d&top=4&every=2h",
    "stacked": "volume-by-category-1d.svg?kind=stacked&start=-30d",
    "bars": "koji-builds-1h.svg?kind=bar&every=1d&pivot=state&start=-14d&tz=Europe/Berlin",
    "quantiles": "bodhi-time-to-stable-1d.svg?fields=p50,p90&every=week&start=-80d",
    "calendar": "volume-1d.svg?kind=calendar&start=-90d&width=420",
    "spark": "volume-1h.svg?kind=spark&start=-3d&every=2h",
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="statscache-") as name:
        settings = {
            "statscache.sqlalchemy.uri": f"sqlite:///{name}/statscache.sqlite",
            "statscache.journal.path": f"{name}/journal.sqlite",
        }
        fill(settings)
        client = create_app(settings, now=lambda: NOW).test_client()
        for picture, path in PICTURES.items():
            answer = client.get(f"/api/{path}")
            assert answer.status_code == 200, answer.text
            (FOLDER / f"{picture}.svg").write_text(answer.text)


def fill(settings: dict[str, str]) -> None:
    store = Store(settings["statscache.sqlalchemy.uri"])
    schema.upgrade(store)
    store.close()
    engine, start = service.build(Config(settings)), NOW - DAYS * 86_400
    engine.start(start)
    for arrival in traffic.messages(start, NOW, rate=RATE, seed=1):
        engine.accept(arrival.message, NOW, more=True)
    engine.drain(NOW)
    engine.stop(NOW)


if __name__ == "__main__":
    main()
