from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.errors import QueryError
from statscache.web.cursors import Cursor, Place, decode, encode
from statscache.web.query import Query

QUERY = Query(
    ident="builds-by-state-1h",
    order="desc",
    start=None,
    stop=datetime(2026, 1, 8),
    before=None,
    filters=(("state", ("failed",)),),
    limit=None,
    page=2,
    rows_per_page=100,
)
CURSOR = Cursor(False, Place(datetime(2026, 1, 7, 12, 0, 0, 1), 42), 100)

places = st.none() | st.builds(Place, st.datetimes(), st.integers(-(2**63), 2**63 - 1))
cursors = st.builds(Cursor, st.booleans(), places, st.integers(0, 100_000))


@given(cursors)
def test_a_cursor_is_read_back_as_it_was_written(cursor):
    text = encode(cursor, QUERY)
    assert decode(text, QUERY) == cursor
    assert text.replace("-", "a").replace("_", "a").isalnum()


@pytest.mark.parametrize(
    "change",
    [
        {"ident": "volume-1h"},
        {"order": "asc"},
        {"start": datetime(2026, 1, 1)},
        {"stop": datetime(2026, 1, 9)},
        {"filters": ()},
        {"limit": 10},
        {"page": 3},
        {"rows_per_page": 10},
    ],
)
def test_a_cursor_of_another_query_is_refused(change):
    with pytest.raises(QueryError, match="cursor was"):
        decode(encode(CURSOR, QUERY), QUERY._replace(**change))


@given(st.text() | st.text("abcAZ09-_=", max_size=40))
def test_garbage_is_refused(text):
    with pytest.raises(QueryError, match="cursor was"):
        decode(text, QUERY)


@given(st.integers(0, 35), st.sampled_from("aZ0_"))
def test_a_changed_cursor_is_refused(index, letter):
    good = encode(CURSOR, QUERY)
    bad = good[:index] + letter + good[index + 1 :]
    if bad != good:
        with pytest.raises(QueryError):
            decode(bad, QUERY)
