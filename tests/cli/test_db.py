"""`statscache db`: the tables, and who may read them with SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pages import ROOT, blocks

from statscache.store import Store

from .conftest import Run, count


@pytest.fixture
def role(store: Store) -> Iterator[str]:
    """A name for a role, which does not outlive the test."""
    yield "grafana"
    if not store.is_sqlite:
        with store.writing() as connection:
            for statement in ("DROP OWNED BY grafana", "DROP ROLE grafana"):
                connection.exec_driver_sql(statement)


def test_a_reader_is_made_by_the_sql_that_is_printed(run: Run, store: Store, role: str) -> None:
    count("kernel")
    done = run("db", "reader", role)
    if store.is_sqlite:
        assert done.exit_code == 1
        assert "is an SQLite file, which has no roles" in done.output
        return
    assert done.exit_code == 0
    with store.writing() as connection:
        connection.exec_driver_sql(done.output)
    url = store.url.set(username=role)
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        found = connection.exec_driver_sql("SELECT sum(volume) FROM statscache.volume_1h").scalar()
    assert found == 1


def test_the_questions_of_the_docs_can_be_asked(here: Path, store: Store) -> None:
    file = here / "fedmsg.d" / "statscache.py"
    file.write_text(file.read_text().replace('"volume-1h"', '"volume-by-category-*"'))
    count("kernel")
    questions = [one.text for one in blocks(ROOT / "docs" / "sql.rst") if one.language == "sql"]
    assert questions
    if store.is_sqlite:
        return
    with store.reading() as connection:
        for question in questions:
            connection.exec_driver_sql(question)
