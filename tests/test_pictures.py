"""The pictures of the docs are of what there is."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
MADE = runpy.run_path(str(DOCS / "pictures.py"))


@pytest.mark.slow
def test_charts_look_as_they_are_shown():
    for name, text in MADE["charts"]():
        shown = (DOCS / "pictures" / f"{name}.svg").read_text()
        assert text == shown, f"{name} has changed: python docs/pictures.py makes it anew"


def test_each_picture_is_made_and_shown():
    files = {path.name for path in (DOCS / "pictures").iterdir()}
    made = {f"{name}.svg" for name in MADE["CHARTS"]} | {f"{name}.png" for name in MADE["PAGES"]}
    assert files == made
    shown = "".join(path.read_text() for path in DOCS.glob("*.rst"))
    assert [name for name in files if f"pictures/{name}" not in shown] == []
