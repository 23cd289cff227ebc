"""`Histogram`: what a plugin yields, the bin that it adds to, and how near a bin is."""

from __future__ import annotations

from datetime import timedelta
from itertools import count as counter

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st
from samples import message

from statscache.errors import PluginError
from statscache.models.histogram import GREATEST, LEAST, RELATIVE_ERROR, bin_of
from statscache.plugins import Histogram, Schedule
from statscache.store import Store

HOUR = timedelta(hours=1)
numbers = counter()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request, tmp_path_factory):
    """One database for all tests, without tables of ours."""
    if request.param == "sqlite":
        uri = f"sqlite:///{tmp_path_factory.mktemp('histogram') / 'statscache.sqlite'}"
    else:
        uri = request.getfixturevalue("postgresql")
    opened = Store(uri)
    yield opened
    opened.close()


def make(*found, by=(), quantiles=(50, 90, 99)):
    """A Histogram of its own that yields `found` for each message."""

    class Plugin(Histogram):
        name, interval = f"histogram {next(numbers)}", HOUR

        def count(self, message):
            yield from found

    Plugin.by, Plugin.quantiles = by, quantiles
    return Plugin(Schedule(HOUR), {})


def stored(store, plugin, bucket):
    with store.writing() as connection:
        plugin.model.__table__.create(connection)
        with sa.orm.Session(connection) as session:
            plugin.handle(session, bucket)
    names = (*plugin.model.by, "volume")
    with store.reading() as connection:
        rows = connection.execute(sa.select(*(getattr(plugin.model, name) for name in names)))
        return {tuple(key): volume for *key, volume in rows}


@pytest.mark.parametrize(
    ("by", "found", "row"),
    [
        ((), 60, ((bin_of(60),), 2)),
        ((), 0.5, ((bin_of(0.5),), 2)),
        ((), (60, 3), ((bin_of(60),), 6)),
        (("a",), ("x", 60), (("x", bin_of(60)), 2)),
        (("a",), (7, 60.0, 3), (("7", bin_of(60)), 6)),
        (("b", "a"), ("x", "y", 0), (("x", "y", "0"), 2)),
    ],
)
def test_what_comes_last_is_the_number_and_adds_to_its_bin(store, by, found, row):
    assert stored(store, make(found, by=by), [message(1), message(2)]) == {row[0]: row[1]}


@pytest.mark.parametrize(
    "number", [-1, -0.001, float("nan"), float("inf"), 1.1e300, 10**400, "60", None, True, [1]]
)
def test_what_is_no_number_from_0_on_is_an_error_that_says_so(store, number):
    with pytest.raises(PluginError, match=r"measures numbers from 0 to 1e\+300, but yielded"):
        stored(store, make(("x", number), by=("a",)), [message()])


@pytest.mark.parametrize(("by", "found"), [((), ()), (("a",), "x"), (("a",), ("x", 1, "y"))])
def test_what_lacks_a_key_or_the_number_is_an_error_too(store, by, found):
    with pytest.raises(PluginError, match=r"counts by .*bin, but yielded"):
        stored(store, make(found, by=by), [message()])


@given(st.floats(LEAST, GREATEST) | st.integers(1, 10**300))
@example(LEAST)
@example(GREATEST)
@example(1)
def test_the_number_that_stands_for_a_bin_is_near_to_all_that_are_in_it(number):
    assert abs(float(bin_of(number)) - number) <= RELATIVE_ERROR * number


@given(st.floats(0, GREATEST), st.floats(0, GREATEST))
def test_bins_are_in_the_order_of_their_numbers(one, other):
    less, more = sorted((one, other))
    assert float(bin_of(less)) <= float(bin_of(more))


def test_from_a_second_to_three_years_there_are_less_than_a_thousand_bins():
    assert len({bin_of(1.001**power) for power in range(18_500)}) < 1_000


@pytest.mark.parametrize("number", [0, 0.0, -0.0, 5e-324, LEAST / 2])
def test_zero_and_what_is_next_to_it_has_a_bin_of_its_own(number):
    assert bin_of(number) == "0"


def test_rows_show_the_quantiles_and_no_bins():
    assert make(by=("arch",)).model.columns() == [
        *("timestamp", "arch", "p50", "p90", "p99", "volume"),
    ]
    model = make(quantiles=[0, 99.9, 99.99, 50.0, 50]).model
    assert model.quantiles == {"p0": 0, "p99_9": 9_990, "p99_99": 9_999, "p50": 5_000}


@pytest.mark.parametrize(
    "quantiles", [(), 50, "50", (-1,), (100.5,), (99.999,), ("50",), (True,), (float("nan"),)]
)
def test_other_quantiles_than_percentages_are_an_error_that_says_so(quantiles):
    with pytest.raises(PluginError, match="percentage"):
        make(quantiles=quantiles)


@pytest.mark.parametrize("name", ["bin", "p50", "volume"])
def test_key_columns_are_not_called_like_its_own(name):
    with pytest.raises(PluginError, match="cannot be the name"):
        make(by=(name,))
