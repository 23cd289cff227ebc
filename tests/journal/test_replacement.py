"""A mended journal takes the place of the damaged one whole, or not at all."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from entries import entries, positions
from samples import NOW

from statscache.journal import Journal, replacement


def make(path: Path, *numbers: int) -> Path:
    with closing(Journal(path)) as journal:
        journal.append(entries(*numbers))
    return path


def test_the_new_one_is_in_place_and_the_old_one_beside_it_with_its_log(tmp_path: Path) -> None:
    path, new = tmp_path / "journal.sqlite", make(tmp_path / "new.sqlite", 1, 2)
    with closing(Journal(path)) as journal:
        journal.append(entries(3))
        content, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
        aside = replacement.replace(path, new, NOW)
    assert aside.name == "journal.sqlite.damaged-20260101T000000Z"
    assert (aside.read_bytes(), Path(f"{aside}-wal").read_bytes()) == (content, log)
    with closing(Journal(path)) as journal:
        assert positions(journal) == [1, 2]


def test_where_it_was_cut_off_the_next_one_goes_on(tmp_path: Path) -> None:
    """The log of the old file is never taken for one of the new."""
    path, new = tmp_path / "journal.sqlite", make(tmp_path / "new.sqlite", 1, 2)
    with closing(Journal(path)) as journal:
        journal.append(entries(*range(3, 100)))
        log = shutil.copy(f"{path}-wal", tmp_path / "log")
    shutil.copy(log, f"{path}-wal")
    new.rename(f"{path}.mended")
    with closing(Journal(path)) as journal:
        assert positions(journal) == [1, 2]
    assert not Path(f"{path}.mended").exists()


def test_without_a_new_one_nothing_happens(tmp_path: Path) -> None:
    path = make(tmp_path / "journal.sqlite", 1)
    content = path.read_bytes()
    replacement.finish(path)
    assert path.read_bytes() == content
