"""The processes of a demo."""

from __future__ import annotations

import re
import signal
import threading
import time
from pathlib import Path

import pytest

from statscache.demo.parts import Part, Parts
from statscache.errors import StatscacheError


@pytest.fixture
def ending() -> threading.Event:
    return threading.Event()


@pytest.fixture
def parts(tmp_path: Path, ending: threading.Event):
    with Parts(tmp_path, ending) as parts:
        yield parts


def test_it_runs_a_function_with_arguments_in_the_folder(parts, tmp_path):
    part = parts.start("greeter", "statscache.cli:main", "--version")
    assert part.process.wait(20) == 0
    assert part.said(r"(greeter|demo.child), version (\d)")
    assert (tmp_path / "greeter.log").read_text().endswith(part.tail() + "\n")


def test_the_end_of_the_block_ends_every_process(tmp_path, ending):
    with Parts(tmp_path, ending) as parts:
        running = [parts.start(name, "signal:pause") for name in "ab"]
        assert [part.process.poll() for part in running] == [None, None]
    assert [part.process.returncode for part in running] == [-signal.SIGTERM] * 2


def test_an_error_in_the_block_ends_them_too(tmp_path, ending):
    def fail() -> None:
        with Parts(tmp_path, ending) as parts:
            started.append(parts.start("a", "signal:pause"))
            raise ZeroDivisionError

    started: list[Part] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert started[0].process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("target", "how"),
    [("sys:exit", "exit code 0"), ("no:thing", "exit code 1"), ("os:abort", "killed by signal 6")],
)
def test_a_process_that_ends_by_itself_is_named_with_how_and_its_log(parts, tmp_path, target, how):
    parts.start("fine", "signal:pause")
    bad = parts.start("bad", target)
    with pytest.raises(StatscacheError) as error:
        parts.watch()
    assert f"the demo's bad ended ({how}); the end of {tmp_path}/bad.log:" in str(error.value)
    assert str(error.value).endswith(bad.tail())


def test_only_the_last_lines_of_a_long_log_are_shown(parts):
    part = parts.start("talker", "sys:exit")
    part.process.wait(20)
    part.log.write_text("".join(f"line {n}\n" for n in range(1_000)))
    assert re.findall(r"\d+", part.tail()) == [str(n) for n in range(985, 1_000)]


def test_an_answer_is_waited_for(parts):
    answers = iter([None, None, 0])
    assert parts.wait("it", lambda: next(answers)) == 0


def test_nothing_is_waited_for_once_the_demo_is_to_end(parts, ending):
    threading.Timer(0.3, ending.set).start()
    with pytest.raises(SystemExit):
        parts.wait("what never comes", lambda: None)


def test_a_process_ends_when_the_demo_is_gone(parts):
    """A demo that is killed cannot end anybody: the kernel closes its end of their pipes."""
    part = parts.start("orphan", "signal:pause")
    time.sleep(0.5)
    assert part.process.poll() is None
    part.process.stdin.close()
    assert part.process.wait(5) == -signal.SIGTERM


def test_a_process_leaves_it_to_the_demo_when_to_end_after_ctrl_c(parts):
    part = parts.start("patient", "signal:pause")
    time.sleep(0.5)
    part.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert part.process.poll() is None
