from __future__ import annotations

from statscache.web.rows.counts import KEEP_SECONDS, MAXIMUM, Counts


class Table:
    """Counting it takes `cost` seconds of a clock of its own."""

    def __init__(self, cost):
        self.time, self.cost, self.rows = 1000.0, cost, 5
        self.counts = Counts(lambda: self.time)

    def count(self):
        self.time += self.cost
        return self.rows

    def ask(self, *keys):
        return self.counts.get(keys, self.count)


def test_what_is_cheap_is_counted_each_time():
    table = Table(cost=0.001)
    assert table.ask("a") == 5
    table.rows = 6
    assert table.ask("a") == 6


def test_what_is_dear_is_remembered_for_a_minute():
    table = Table(cost=0.1)
    assert table.ask("a") == 5
    table.rows = 6
    table.time = 1000.0 + KEEP_SECONDS - 1
    assert table.ask("a") == 5
    assert table.ask("b") == 6
    table.time = 1000.0 + KEEP_SECONDS
    assert table.ask("a") == 6


def test_it_is_known_by_every_key_it_was_asked_for_with():
    table = Table(cost=0.1)
    assert table.ask("as asked", "pinned at 1") == 5
    table.rows = 6
    assert table.ask("as asked", "pinned at 2") == 5
    assert table.ask("pinned at 2") == 5


def test_a_clock_that_is_set_back_makes_it_count_again():
    table = Table(cost=0.1)
    table.ask("a")
    table.rows, table.time = 6, 10.0
    assert table.ask("a") == 6


def test_it_does_not_grow_without_end():
    table = Table(cost=0.1)
    for number in range(MAXIMUM + 10):
        table.ask("same", number)
        table.time = 1000.0
    assert len(table.counts._kept) <= MAXIMUM + 2
