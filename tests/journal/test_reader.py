"""A journal that is only read."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from entries import entries, kept
from samples import NOW

from statscache.errors import JournalError
from statscache.journal import Journal, Reader, Refusals, Span


def test_it_reads_what_another_writes_meanwhile(journal: Journal) -> None:
    journal.append(entries(1, 2), Span(NOW, NOW), [Refusals("no topic", 1, NOW, "x")])
    with closing(Reader(journal.path)) as reader:
        assert reader.uuid == journal.uuid
        journal.append(entries(3, 4))
        journal.trim(1, 0)
        assert kept(reader) == kept(journal)
        assert (reader.begin(), reader.end()) == (1, 4)
        assert (reader.entries(), reader.ids()) == (3, 4)
        assert (reader.spans(), reader.refused()) == (journal.spans(), journal.refused())
        assert reader.size() == journal.size()


def test_where_there_is_no_journal_it_says_so_and_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with pytest.raises(JournalError, match=r"there is no journal .*statscache\.journal\.path"):
        Reader(path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_text("Dear Ada, ...")
    with pytest.raises(JournalError):
        Reader(path)
    assert path.read_text() == "Dear Ada, ..."


def test_after_closing_it_is_not_used_by_accident(journal: Journal) -> None:
    reader = Reader(journal.path)
    reader.close()
    with pytest.raises(JournalError, match="is closed"):
        reader.end()
    assert journal.append(entries(1)) == 1
