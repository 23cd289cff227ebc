from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from statscache.errors import ConfigError
from statscache.web.server import serve

PROGRAM = """
import time
from flask import Flask
from statscache.web.server import serve

app = Flask("slow")

@app.get("/")
def slow():
    print("working", flush=True)
    time.sleep(0.5)
    return "x" * 1_000_000

serve(app, "127.0.0.1", 0)
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_finishes_what_is_in_hand_when_told_to_stop(number):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    with process, ThreadPoolExecutor() as pool:
        url = process.stdout.readline().split()[-1]
        assert url.startswith("http://127.0.0.1:")
        answer = pool.submit(lambda: urllib.request.urlopen(url, timeout=20).read())
        assert process.stdout.readline() == "working\n"
        process.send_signal(number)
        assert len(answer.result()) == 1_000_000
        assert process.stdout.read() == "stopped\n"
    assert process.returncode == 0


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1, port {port}"):
            serve(Flask("app"), "127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 99999), ("256.1.1.1", 0), ("127.0.0.1", -1)]
)
def test_an_address_that_cannot_be_is_named(host, port):
    with pytest.raises(ConfigError, match="cannot listen"):
        serve(Flask("app"), host, port)
