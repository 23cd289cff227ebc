from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.store.changes import Mark, State
from statscache.web.live.topic import topic

numbers = st.integers(0, (1 << 63) - 1)
marks = st.builds(Mark, numbers, st.none() | numbers, st.booleans())
idents = st.lists(st.sampled_from("abc"), min_size=1, unique=True)


@given(
    idents,
    st.text("0123456789abcdef", min_size=8, max_size=8),
    numbers,
    numbers,
    st.dictionaries(st.sampled_from("abc"), marks),
)
def test_an_id_says_all_of_the_state_that_concerns_the_topic(idents, owner, oldest, newest, marks):
    mine = topic(tuple(idents), {"state": ["failed"]}, "1")
    state = State(owner, oldest, newest, {one: marks[one] for one in idents if one in marks})
    text = mine.event_id(state)
    assert mine.heard(text) == state
    assert text.isascii()
    assert len(text) < 300


@given(st.text())
def test_what_is_no_id_tells_nothing(text):
    assert topic(("a",), {}, "1").heard(text) is None


@pytest.mark.parametrize(
    "other",
    [
        topic(("b",), {"x": ["1", "2"]}, "1"),
        topic(("a",), {"x": ["1"]}, "1"),
        topic(("a",), {"x": ["1", "2"]}, "2"),
        topic(("a", "b"), {"x": ["1", "2"]}, "1"),
    ],
)
def test_an_id_of_another_topic_tells_nothing(other):
    mine = topic(("a",), {"x": ["2", "1"]}, "1")
    state = State("0" * 8, 1, 2, {"a": Mark(1, 2, False)})
    assert mine.heard(topic(("a",), {"x": ["1", "2"]}, "1").event_id(state)) == state
    assert mine.heard(other.event_id(state)) is None
