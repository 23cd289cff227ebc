"""Tracebacks without what is ours."""

from __future__ import annotations

import traceback
from collections import Counter

import pytest

from statscache.text import printable
from statscache.workbench.failing import own_frames

OURS = printable.__code__.co_filename


def failing() -> None:
    raise LookupError("gone")


def told(error: BaseException) -> str:
    return own_frames("".join(traceback.format_exception(error)))


def test_what_lies_above_the_plugin_is_left_out_whether_ours_or_pythons() -> None:
    lines = [
        "Traceback (most recent call last):",
        f'  File "{OURS}", line 1, in ours',
        f'  File "{Counter.__init__.__code__.co_filename}", line 2, in python',
        '  File "<frozen importlib._bootstrap>", line 3, in frozen',
        '  File "/home/ada/plugin.py", line 4, in count',
        "    1 / 0",
        f'  File "{Counter.__init__.__code__.co_filename}", line 5, in below',
        "ZeroDivisionError: division by zero",
    ]
    assert own_frames("\n".join(lines)).splitlines() == [lines[0], *lines[4:]]


def test_what_has_no_frames_of_theirs_is_left_as_it_is() -> None:
    assert own_frames("SyntaxError: odd\n") == "SyntaxError: odd"
    ours = f'Traceback (most recent call last):\n  File "{OURS}", line 1'
    assert own_frames(ours) == ours


def test_a_real_one_begins_at_the_function_that_failed() -> None:
    with pytest.raises(LookupError) as failure:
        failing()
    said = told(failure.value)
    assert said.splitlines()[1].startswith(f'  File "{__file__}"')
    assert said.endswith("LookupError: gone")
