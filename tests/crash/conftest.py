"""Databases for daemons that are processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import new_sqlite, on_postgresql
from history import NewDatabase


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """What opens new databases of one kind."""
    if request.param == "sqlite":
        return new_sqlite
    return on_postgresql(request.getfixturevalue("postgresql"))


@pytest.fixture
def uri(new_database: NewDatabase, tmp_path: Path) -> Iterator[str]:
    with new_database(tmp_path) as made:
        yield made
