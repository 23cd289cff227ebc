from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import urllib3

from statscache.store import Store, schema

STATSCACHE = Path(sys.executable).parent / "statscache"


def serve(folder: Path, *options: str) -> str:
    """What it says while it is asked once."""
    (folder / "fedmsg.d").mkdir()
    settings = {"statscache.sqlalchemy.uri": f"sqlite:///{folder / 'x.sqlite'}", "endpoints": {}}
    (folder / "fedmsg.d" / "statscache.py").write_text(f"config = {settings!r}\n")
    command = [STATSCACHE, "serve", "--port", "0", *options]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        headers = {"User-Agent": "me"}
        assert urllib3.request("GET", f"{url}live", headers=headers).json() == {"live": True}
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return said


@pytest.mark.slow
def test_each_request_is_a_line_where_that_is_wanted(tmp_path):
    line = r'[\d-]+T[\d:]+Z 127\.0\.0\.1 "GET /live" 200 13 [\d.]+ "me"\n'
    assert re.fullmatch(line, serve(tmp_path, "--access-log"))


@pytest.mark.slow
def test_nothing_is_said_of_requests_where_it_is_not(tmp_path):
    assert serve(tmp_path) == ""


@pytest.mark.slow
def test_it_ends_at_once_though_somebody_listens(tmp_path):
    uri = f"sqlite:///{tmp_path / 'x.sqlite'}"
    (tmp_path / "fedmsg.d").mkdir()
    settings = {"statscache.sqlalchemy.uri": uri, "endpoints": {}}
    (tmp_path / "fedmsg.d" / "statscache.py").write_text(f"config = {settings!r}\n")
    store = Store(uri)
    schema.upgrade(store)
    store.close()
    command = [STATSCACHE, "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        answer = urllib3.request("GET", f"{url}api/volume-1h/events", preload_content=False)
        said = b""
        while b"event: reset" not in said:
            said += answer.read1()
    finally:
        began = time.monotonic()
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert time.monotonic() - began < 5
    answer.close()
