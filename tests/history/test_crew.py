from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from statscache.history.crew import Crew


def test_jobs_return_or_raise_what_they_do():
    with Crew[int](2) as crew:
        good, bad = crew.submit(lambda: 5), crew.submit(lambda: 1 // 0)
        assert good.result(20) == 5
        with pytest.raises(ZeroDivisionError):
            bad.result(20)


def test_no_more_jobs_run_at_once_than_there_are_threads():
    running, most, lock = 0, 0, threading.Lock()
    pause = threading.Event()

    def job():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pause.wait(0.01)
        with lock:
            running -= 1

    with Crew[None](3) as crew:
        for result in [crew.submit(job) for _ in range(12)]:
            result.result(20)
    assert most == 3


def test_what_has_not_begun_when_it_is_left_never_begins():
    begun, go = threading.Event(), threading.Event()
    ran = []

    def first():
        begun.set()
        go.wait(20)

    with Crew[None](1) as crew:
        running = crew.submit(first)
        crew.submit(lambda: ran.append("second"))
        assert begun.wait(20)
    assert crew.left
    go.set()
    running.result(20)
    for thread in threading.enumerate():
        if thread.name == "statscache-history":
            thread.join(20)
    assert ran == []


def test_a_process_does_not_wait_for_its_threads():
    script = """
import threading
from statscache.history.crew import Crew
begun = threading.Event()
with Crew(2) as crew:
    crew.submit(lambda: begun.set() or threading.Event().wait())
    assert begun.wait(20)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=20)
