"""`statscache plugins`: what is installed, and how far it is."""

from __future__ import annotations

from pathlib import Path

from guests import on_sqlite, suspend

from statscache.store import Store

from .conftest import FUSSY, Run, count


def columns(said: str, ident: str) -> list[str]:
    """The words of the line of that statistic."""
    return next(line.split() for line in said.splitlines() if line.split()[0] == ident)


def test_each_statistic_tells_how_far_it_is(run: Run) -> None:
    count("kernel", "a", "b")
    said = run("plugins").stdout
    assert said.splitlines()[0].split(maxsplit=5)[5].strip() == "dead letters  complete until"
    assert columns(said, FUSSY)[:6] == [FUSSY, "fussy-statistics", "on", "1", "0", "2"]
    assert columns(said, "volume-1h")[:6] == ["volume-1h", "statscache", "on", "3", "0", "0"]
    assert columns(said, "volume-1d") == ["volume-1d", "statscache", "off"]


def test_one_that_has_never_counted_is_new(run: Run) -> None:
    assert columns(run("plugins").stdout, FUSSY) == [FUSSY, "fussy-statistics", "new"]


@on_sqlite
def test_what_is_skipped_or_suspended_says_why_in_its_own_words(
    run: Run, here: Path, store: Store
) -> None:
    count("kernel")
    suspend(store, FUSSY, "ValueError: [bold] :smile: [/nope]")
    packages = here.parent / "packages"
    point = packages / "fussy-1.dist-info" / "entry_points.txt"
    point.write_text(point.read_text() + "evil = evil:Evil\n")
    (packages / "evil.py").write_text("raise ImportError('\\x1b[31m [/nope]')")
    said = run("plugins").stdout
    assert "suspended: ValueError: [bold] :smile: [/nope]" in said
    assert r"skipped: it cannot be imported (ImportError: \x1b[31m [/nope])" in said
