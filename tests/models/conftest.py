from __future__ import annotations

import pytest

from statscache.store import Store


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request, tmp_path_factory):
    """One database for all tests of a file, without tables: each kind in its turn."""
    if request.param == "sqlite":
        uri = f"sqlite:///{tmp_path_factory.mktemp('models') / 'statscache.sqlite'}"
    else:
        uri = request.getfixturevalue("postgresql")
    opened = Store(uri, connections=10)
    yield opened
    opened.close()
