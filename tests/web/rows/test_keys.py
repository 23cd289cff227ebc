"""Keys to choose from."""

from __future__ import annotations

import pytest

from statscache.times import moment
from statscache.web.query import query
from statscache.web.rows import keys

from ..conftest import serving
from ..guests import FIRST, HOUR, STATES


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, sorted(STATES)),
        ({"state": ["failed"]}, sorted(STATES)),
        ({"stop": [str(FIRST - HOUR)]}, []),
    ],
)
def test_those_of_the_newest_rows_of_the_time_whatever_is_chosen_by_now(app, arguments, expected):
    here = serving(app)
    plugin = here.plugins["builds-by-state-1h"]
    asked = query.parse(plugin, plugin.model, arguments, here.config, moment(here.now()))
    with here.store.reading() as connection:
        assert keys.lately(connection, plugin.model, "state", asked) == expected
