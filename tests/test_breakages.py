"""Each mechanism is taken out of a copy of the code, and a test notices.

Who changes the lines that are named here changes them here, too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import statscache

ROOT = Path(__file__).parent.parent


class Breakage(NamedTuple):
    """In the file `path`, each key of `edits` becomes its value; then `test` must fail."""

    path: str
    edits: dict[str, str]
    test: str


BREAKAGES = {
    "no compare-and-set": Breakage(
        "store/checkpoints.py",
        {
            """            table.c.position == read_as.position,
            table.c.revision == read_as.revision,
""": ""
        },
        "store/test_checkpoints.py::test_of_two_who_count_the_same_bucket_one_wins",
    ),
    "the checkpoint is moved last": Breakage(
        "store/transaction.py",
        {
            "        self.revision = self._lock(connection)\n        return connection": (
                "        return connection"
            ),
            "        self.session.commit()\n        held": (
                "        self.session.commit()\n"
                "        self.revision = self._lock(self.connection())\n"
                "        held"
            ),
        },
        "store/test_transaction.py::test_the_lock_makes_others_wait_until_the_commit",
    ),
    "the checkpoint is committed by itself": Breakage(
        "engine/counting.py",
        {
            "        return self._instance.hand_over(due.messages, move,": (
                "        with self._store.writing() as alone:\n"
                "            move(alone)\n"
                "        return self._instance.hand_over(due.messages, self._instance._lock,"
            )
        },
        "crash/test_crash.py::test_no_kill_loses_a_message_or_doubles_one",
    ),
    "the owner is not asked": Breakage(
        "store/checkpoints.py",
        {"            sa.exists().where(owner.c.token == token),\n": ""},
        "store/test_checkpoints.py::test_only_the_owner_moves_bookmarks",
    ),
    "no dedupe": Breakage(
        "journal/writer.py",
        {
            "            fresh.setdefault((entry.id, entry.addressee), entry)": (
                "            pass\n        fresh[entry.id, str(len(fresh))] = entry"
            ),
            "INSERT INTO {table}": "INSERT OR REPLACE INTO {table}",
        },
        "journal/test_journal.py::test_an_id_is_kept_once_for_each_addressee",
    ),
    "positions are used again": Breakage(
        "journal/tables.py",
        {
            """execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
    return int(row[0])""": """execute("SELECT max(position) FROM entry").fetchone()
    return int(row[0] or 0)"""
        },
        "journal/test_journal.py::test_positions_are_never_used_again",
    ),
    "no savepoint": Breakage(
        "store/transaction.py",
        {'join_transaction_mode="create_savepoint"': 'join_transaction_mode="control_fully"'},
        "test_guests.py::test_plugins_that_use_their_session_freely_count_exactly",
    ),
    "no guard of the transaction": Breakage(
        "store/transaction.py",
        {"if not in_transaction(connection):": "if False:"},
        "store/test_transaction.py::test_a_conflict_resolved_by_rollback_is_found_out",
    ),
    "an outage is taken for poison": Breakage(
        "store/faults.py",
        {
            "def is_outage(error: BaseException) -> bool:\n": (
                "def is_outage(error: BaseException) -> bool:\n    return False\n"
            )
        },
        "engine/test_outages.py::test_an_outage_loses_nothing_doubles_nothing_and_is_told_once",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKAGES)
def test_a_breakage_is_noticed(name: str, tmp_path: Path) -> None:
    breakage = BREAKAGES[name]
    shutil.copytree(ROOT / "statscache", tmp_path / "statscache")
    shutil.copytree(ROOT / "alembic", tmp_path / "alembic")
    path = tmp_path / "statscache" / breakage.path
    for whole, broken in breakage.edits.items():
        source = path.read_text()
        assert source.count(whole) == 1, f"{breakage.path} has changed: change {whole!r}, too"
        path.write_text(source.replace(whole, broken))
    done = run(tmp_path, breakage.test)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout


def test_the_copy_is_what_is_tested(tmp_path: Path) -> None:
    (tmp_path / "statscache").mkdir()
    (tmp_path / "statscache" / "__init__.py").touch()
    command = [sys.executable, "-c", "import statscache; print(statscache.__file__)"]
    done = subprocess.check_output(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, text=True
    )
    assert Path(done.strip()).is_relative_to(tmp_path)
    assert Path(statscache.__file__).is_relative_to(ROOT)


def run(copy: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run `test` with the code in `copy`."""
    options = ["-q", "-x", "-c", ROOT / "pyproject.toml", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, ROOT / "tests" / test],
        cwd=copy,
        env={"PYTHONPATH": str(copy), "HOME": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
