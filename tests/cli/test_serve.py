from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

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
