"""A page that is made once for many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

from statscache.web.answers.shared import Shared


def test_those_who_ask_at_once_get_the_same_page_made_once():
    shared, number = Shared(lambda: 0), count(1)
    with ThreadPoolExecutor(8) as pool:
        pages = [*pool.map(lambda _: shared.get("now", lambda: f"page {next(number)}"), range(50))]
    assert {*pages} == {"page 1"}


def test_another_key_has_another_page_and_what_fails_is_made_anew():
    shared = Shared(lambda: 0)
    assert shared.get(1, lambda: "one") == "one"
    assert shared.get(2, lambda: "two") == "two"

    def fail() -> str:
        raise LookupError

    for _ in range(2):
        try:
            shared.get(3, fail)
        except LookupError:
            continue
        raise AssertionError
    assert shared.get(2, fail) == "two"


def test_a_page_gets_old_from_when_it_was_made():
    times = iter([10, 11.9, 12.1, 12.1, 13])
    shared = Shared(lambda: next(times))
    assert shared.get(1, lambda: "first") == "first"
    assert shared.get(1, lambda: "second") == "first"
    assert shared.get(1, lambda: "third") == "third"
    assert shared.get(1, lambda: "fourth") == "third"
