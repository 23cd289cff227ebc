"""Gaps, newcomers and kills in the middle: all that was missed comes from history, once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from fate import PHASES_OF_HISTORY
from healing import play_a_long_gap, play_with_gaps
from history import NewDatabase, prove

KILLS = 100
KILLS_WHILE_READING = 8
SEED = 1


@pytest.mark.slow
def test_what_killed_daemons_have_missed_comes_from_history_once(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    outcome = prove(new_database, tmp_path, KILLS, SEED, play_with_gaps)
    assert outcome.wrong == ()
    assert outcome.kills.total() >= KILLS
    assert {place.phase for place in outcome.kills} & PHASES_OF_HISTORY.keys()


@pytest.mark.slow
def test_two_minutes_of_a_flood_come_from_history_though_who_reads_them_is_killed(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    play = partial(play_a_long_gap, KILLS_WHILE_READING)
    outcome = prove(new_database, tmp_path, KILLS_WHILE_READING, SEED, play)
    assert outcome.wrong == ()
    assert outcome.histories == 1
