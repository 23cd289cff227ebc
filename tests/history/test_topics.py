from __future__ import annotations

import pytest

from statscache.history.topics import MOST_TOPICS, in_full


@pytest.mark.parametrize(
    ("patterns", "topics"),
    [
        (None, None),
        (["b", "a", "b"], ("a", "b")),
        ([], ()),
        (["a", "b.*"], None),
        (["b.?"], None),
        (["[ab]"], None),
        ([str(number) for number in range(MOST_TOPICS + 1)], None),
    ],
)
def test_topics_are_asked_for_where_all_of_them_are_named_in_full(patterns, topics):
    assert in_full(patterns) == topics
