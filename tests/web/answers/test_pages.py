from __future__ import annotations

import pytest

from statscache.web.answers.pages import days, duration, prose


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.4, "< 1 s"),
        (45, "45 s"),
        (90, "1.5 min"),
        (3_599.999, "1 h"),
        (97_498, "1.13 d"),
        (365 * 86_400, "365 d"),
        (4_000 * 86_400, "4000 d"),
    ],
)
def test_how_long_something_took_is_told_in_three_digits(seconds, told):
    assert duration(seconds) == told


def test_how_long_something_is_kept_is_told_in_days():
    told = [days(seconds) for seconds in (None, 43_200, 86_400, 730 * 86_400)]
    assert told == ["for ever", "0.5 days", "1 day", "730 days"]


def test_of_what_a_plugin_says_only_the_backticks_become_code():
    assert prose("`<b>` & <i>") == "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"
    assert prose("one ` alone") == "one ` alone"
