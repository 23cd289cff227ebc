from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from threading import Timer

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


IMPATIENT = """
import sys
from flask import Flask, Response
from statscache.web import server

server.THREADS = 1
server.IDLE_SECONDS = server.UNTAKEN_SECONDS = 1
app = Flask("endless")

@app.get("/")
def quick():
    return "quick"

@app.get("/endless")
def endless():
    def parts():
        try:
            while True:
                yield "x" * 1_000_000
        finally:
            print("let go", flush=True)
    return Response(parts())

server.serve(app, "127.0.0.1", 0)
"""


@pytest.fixture
def impatient():
    """The port and the output of a server with one thread and a second for each."""
    process = subprocess.Popen([sys.executable, "-c", IMPATIENT], stdout=subprocess.PIPE, text=True)
    alarm = Timer(60, process.kill)
    alarm.start()
    with process:
        url = process.stdout.readline().split()[-1]
        yield int(url.rstrip("/").rpartition(":")[2]), process.stdout
        process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1"]
)
def test_a_client_that_says_no_more_is_cut_off(impatient, sent):
    port, _ = impatient
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(sent)
        assert client.recv(100) == b""


@pytest.mark.slow
def test_a_client_that_does_not_read_its_answer_holds_no_thread_for_ever(impatient):
    port, output = impatient
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1)
        assert output.readline() == "let go\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            assert answer.read() == b"quick"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"X-Long: " + b"x" * 40_000 + b"\r\n", b"431"),
        (b"Content-Length: 100000\r\n", b"413"),
    ],
)
def test_what_is_far_too_long_is_refused_before_anybody_looks_at_it(impatient, head, status):
    port, _ = impatient
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
        assert client.recv(100).split()[1] == status
