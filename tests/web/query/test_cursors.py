from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.errors import QueryError
from statscache.web.query.cursors import Cursor, Place, decode, encode
from statscache.web.query.query import Query

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
CURSOR = Cursor(False, Place(datetime(2026, 1, 7, 12, 0, 0, 1), (42,)), 100)

SUMMED = QUERY._replace(shape=QUERY.shape._replace(top=1))

ids = st.tuples(st.integers(1 - 2**63, 2**63 - 1))
texts = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3).map(tuple)
cases = st.sampled_from([(QUERY, ids), (SUMMED, texts)])


@given(st.data(), cases, st.booleans(), st.integers(0, 100_000))
def test_a_cursor_is_read_back_as_it_was_written(data, case, backwards, size):
    query, keys = case
    place = data.draw(st.none() | st.builds(Place, st.datetimes(), keys))
    cursor = Cursor(backwards, place, size)
    text = encode(cursor, query)
    assert decode(text, query) == cursor
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


@pytest.mark.parametrize(
    ("query", "key"),
    [
        (QUERY, ()),
        (QUERY, (1, 2)),
        (QUERY, ("1",)),
        (QUERY, (2**63,)),
        (QUERY, (True,)),
        (SUMMED, (1,)),
        (SUMMED, (["a"],)),
        (SUMMED, (None,)),
    ],
)
def test_a_place_that_no_row_has_is_refused(query, key):
    forged = encode(Cursor(False, Place(datetime(2026, 1, 7), key), 100), query)
    with pytest.raises(QueryError, match="cursor was"):
        decode(forged, query)
