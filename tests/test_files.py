"""What the daemon keeps on disk is for its own user, and nobody else can put it there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from guests import Ids, build, feed, turn
from samples import NOW

from statscache.files import make_private, shared_folder


def modes(folder: Path) -> dict[str, int]:
    """The permissions of all that is in `folder`, and of itself."""
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    return {".": stat.S_IMODE(folder.stat().st_mode), **found}


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_all_that_is_kept_is_private_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    kept, data = tmp_path / "a" / "b" / "journal", tmp_path / "c" / "d" / "data"
    with umask(mask):
        engine = build(f"sqlite:///{data / 'db'}", kept / "journal.sqlite", Ids)
        engine.start(NOW)
        feed(engine, range(3))
        turn(engine)
        assert modes(data) == {".": 0o700, **dict.fromkeys(("db", "db-wal", "db-shm"), 0o600)}
        names = ("", "-wal", "-shm", ".lock")
        expected = {f"journal.sqlite{name}": 0o600 for name in names}
        assert modes(kept) == {".": 0o700, **expected}
        for folder in (*kept.parents[:2], *data.parents[:2]):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        engine.stop(NOW)


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        make_private(tmp_path / name)
    assert modes(tmp_path) == {".": 0o755, "file": 0o640, "link": 0o640}
    assert (tmp_path / "file").read_text() == "kept"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="directory"):
        make_private(tmp_path)


def test_locks_on_a_file_outlast_the_look_at_it(tmp_path: Path) -> None:
    """A process that closes a file lets go of its locks on it, whoever else in it has it open."""
    path = tmp_path / "file"
    make_private(path)
    script = (
        "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    take = [sys.executable, "-c", script, str(path)]
    with path.open("r+") as held:
        os.lockf(held.fileno(), os.F_LOCK, 0)
        make_private(path)
        assert subprocess.run(take, check=False, capture_output=True).returncode == 1
    assert subprocess.run(take, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("outer", "inner", "is_shared"),
    [
        (0o700, 0o700, ""),
        (0o755, 0o755, ""),
        (0o1777, 0o700, ""),
        (0o1777, 0o755, ""),
        (0o777, 0o700, "outer"),
        (0o702, 0o700, "outer"),
        (0o755, 0o777, "outer/inner"),
        (0o755, 0o1777, "outer/inner"),
        (0o777, 0o777, "outer/inner"),
        (0o1777, None, ""),
        (0o777, None, "outer"),
    ],
)
def test_a_folder_in_which_everybody_can_take_its_place_is_found(
    tmp_path: Path, outer: int, inner: int | None, is_shared: str
) -> None:
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer").chmod(outer)
    if inner is not None:
        (tmp_path / "outer" / "inner").mkdir()
        (tmp_path / "outer" / "inner").chmod(inner)
    (tmp_path / "link").symlink_to("outer")
    for way in ("outer", "link"):
        found = shared_folder(tmp_path / way / "inner" / "journal.sqlite")
        assert found == (tmp_path / is_shared if is_shared else None)
