from __future__ import annotations

from statscache.schedule import Schedule
from statscache.store.progress import Progress, Reading
from statscache.web.answers.description import COLUMNS, describe

from ..conftest import config
from ..guests import BuildsByState, Events, Never

CONFIG = config("sqlite:////nowhere/s.sqlite", retention={"builds-*": 2})


def build(plugin):
    return plugin(Schedule(plugin.interval) if plugin.interval else None, CONFIG)


def test_the_docstring_stands_in_for_what_a_plugin_does_not_say():
    described = describe(build(BuildsByState), CONFIG, None)
    assert described["summary"] == "Builds entering each state."
    assert described["description"].endswith("Counted when the build system says so.")
    assert describe(build(Events), CONFIG, None)["summary"] == "What happened lately"


def test_the_docstring_is_that_of_the_author_even_in_a_statistic_of_many_intervals():
    (each,) = BuildsByState.at(BuildsByState.interval)
    assert describe(build(each), CONFIG, None)["summary"] == "Builds entering each state."
    assert describe(build(Never), CONFIG, None)["summary"] == ""


def test_lengths_are_in_seconds_and_settings_count():
    described = describe(build(BuildsByState), CONFIG, None)
    assert (described["interval"], described["schedule"]) == (3600, "1h")
    assert described["retention"] == 2 * 86_400


def test_progress_is_given_where_there_is_some():
    known = Progress("builds-by-state-1h", 1000.5, 7, 2, "too many dead letters")
    history = Reading(100.0, 900.0, 300.0, 0.25, 5)
    described = describe(build(BuildsByState), CONFIG, known, history)
    assert list(described) == list(COLUMNS)
    told = [described[name] for name in COLUMNS[-5:]]
    assert told == [1000.5, 7, 2, "too many dead letters", history._asdict()]
