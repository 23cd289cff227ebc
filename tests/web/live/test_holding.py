"""Lines that are held without threads: hundreds of them, and such as nobody reads."""

from __future__ import annotations

import resource
import selectors
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from pages import BLOCKS

from statscache.models import count_model

from ..served import WAITRESS, served
from . import guests
from .listening import connect, listening

IDENT = "volume-by-category-1h"
PATH = f"/api/{IDENT}/events"
MODEL = count_model(IDENT, ("category",))
READERS = 500

pytestmark = pytest.mark.slow


@pytest.fixture
def store(sqlite_uri):
    with guests.counted(sqlite_uri, IDENT) as opened:
        yield opened


def commit(store, categories=("a",)):
    def add(model, session):
        model.add(session, dict.fromkeys([(0, one) for one in categories], 1))

    return guests.commit(store, IDENT, MODEL, add)


def threads(pid):
    return len([*Path(f"/proc/{pid}/task").iterdir()])


def seconds(pid):
    """Of processor time, so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100


def hear(clients, word, texts):
    """Read until each has heard the word; how many seconds that took."""
    began = time.monotonic()
    with selectors.DefaultSelector() as waiting:
        for client in clients:
            waiting.register(client, selectors.EVENT_READ)
        while waiting.get_map():
            found = waiting.select(20)
            deaf = [texts.get(key.fileobj) for key in waiting.get_map().values()]
            assert found, f"{len(deaf)} have not heard {word}, one but {deaf[0]}"
            for one, _ in found:
                part = one.fileobj.recv(65536)
                assert part
                texts[one.fileobj] = texts.get(one.fileobj, b"") + part
                if word in texts[one.fileobj]:
                    waiting.unregister(one.fileobj)
    return time.monotonic() - began


def wait_for_readers(running, number):
    for _ in range(100):
        with running.get("/metrics") as answer:
            if f"statscache_live_readers {number}.0".encode() in answer.read():
                return
        time.sleep(0.05)
    raise AssertionError(f"there never were {number}")


def test_five_hundred_readers_need_no_threads_and_little_memory(sqlite_uri, store):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with served(sqlite_uri) as running, ExitStack() as stack:
        with listening(running.port, PATH) as listener:
            listener.next()
        wait_for_readers(running, 0)
        before = running.memory("VmRSS"), threads(running.worker)
        began, texts = time.monotonic(), {}
        clients = [
            stack.enter_context(closing(connect(running.port, PATH))) for _ in range(READERS)
        ]
        hear(clients, b"event: reset", texts)
        joined = time.monotonic() - began
        idle = seconds(running.worker)
        time.sleep(3)
        idle = (seconds(running.worker) - idle) / 3
        texts.clear()
        revision = commit(store)
        told = hear(clients, b'"revision":%d' % revision, texts)
        began = time.monotonic()
        with running.get("/api/volume-1h") as answer:
            assert answer.status in (200, 503)
        page = time.monotonic() - began
        after = running.memory("VmRSS"), threads(running.worker)
        print(
            f"{READERS} readers: connected in {joined:.2f} s, {after[1] - before[1]} threads and "
            f"{(after[0] - before[0]) / READERS / 1024:.1f} KiB a reader more, a change told to "
            f"all in {told:.2f} s, {idle:.1%} of a core while idle, a page in {page * 1000:.0f} ms"
        )
        assert after[1] <= before[1] + 2
        assert after[0] - before[0] < READERS * 100 * 1024
        with running.get(PATH) as answer:
            assert answer.status == 503
        running.process.terminate()
        assert running.process.stdout.read() == ""
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_gunicorn_holds_as_many_as_it_may_have_threads_for(sqlite_uri, store):
    running = served(sqlite_uri, "gunicorn", threads=64, app__live_readers=48)
    with running as server, ExitStack() as stack:
        texts = {}
        clients = [stack.enter_context(closing(connect(server.port, PATH))) for _ in range(48)]
        hear(clients, b"event: reset", texts)
        revision = commit(store)
        told = hear(clients, b'"revision":%d' % revision, texts)
        print(f"48 readers under gunicorn: a change told to all in {told:.2f} s")
        with server.get(PATH) as answer:
            assert answer.status == 503
        with server.get("/live") as answer:
            assert answer.status == 200


def test_a_reader_that_stops_reading_is_dropped_and_the_others_are_told_all(sqlite_uri, store):
    with served(sqlite_uri) as running:
        drop_who_does_not_read(running, store)


def test_so_it_is_under_gunicorn_as_the_docs_configure_it(sqlite_uri, store, tmp_path, monkeypatch):
    (text,) = [block.text for block in BLOCKS if block.name.endswith("gunicorn.conf.py")]
    assert "60_000)" in text
    (tmp_path / "gunicorn.conf.py").write_text(text.replace("60_000)", "2_000)"))
    monkeypatch.setenv("GUNICORN_CMD_ARGS", f"--workers=1 --config={tmp_path}/gunicorn.conf.py")
    with served(sqlite_uri, "gunicorn") as running:
        drop_who_does_not_read(running, store)


def drop_who_does_not_read(running, store):
    many = [f"{number:03}{'x' * 200}" for number in range(800)]
    with closing(connect(running.port, PATH)) as deaf, listening(running.port, PATH) as listener:
        listener.next()
        # What the kernel takes for a client is some megabytes.
        for _ in range(60):
            revision = commit(store, many)
            event = listener.next()
            assert event.data["revision"] == revision
            assert len(event.data["rows"]) == len(many)
            with running.get("/metrics") as answer:
                if b"statscache_live_readers 1.0" in answer.read():
                    break
        else:
            raise AssertionError("it was never dropped")
        assert running.memory("VmRSS") < 300 << 20
        assert is_over(deaf)


def test_a_reader_whom_the_kernel_gives_up_is_no_error(sqlite_uri, store, monkeypatch):
    at_once = "from statscache.web import server\nserver.UNTAKEN_SECONDS = 1\n"
    monkeypatch.setattr("web.served.WAITRESS", at_once + WAITRESS)
    with served(sqlite_uri) as running, closing(connect(running.port, PATH, receive=4096)) as deaf:
        hear([deaf], b"event: reset", {})
        commit(store, [f"{number:03}{'x' * 200}" for number in range(200)])
        wait_for_readers(running, 0)
        running.process.terminate()
        said = running.process.stdout.read()
    assert "Traceback" not in said


def is_over(client):
    with suppress(ConnectionError):
        while client.recv(1 << 20):
            pass
    return True


def test_an_idle_stream_gets_heartbeats_and_outlives_the_minute_of_idle_connections(
    sqlite_uri, store
):
    with served(sqlite_uri) as running, listening(running.port, PATH, timeout=30) as listener:
        listener.next()
        began, seen = time.monotonic(), 0
        while time.monotonic() - began < 75:
            line = listener.response.readline()
            assert line
            seen += line.startswith(b": ")
        assert seen >= 4
        revision = commit(store)
        assert listener.next().data["revision"] == revision


def test_a_client_that_says_more_is_not_answered_in_the_middle_of_its_stream(sqlite_uri, store):
    with served(sqlite_uri) as running, closing(connect(running.port, PATH)) as client:
        texts = {}
        hear([client], b"event: reset", texts)
        client.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
        revision = commit(store)
        hear([client], b'"revision":%d' % revision, texts)
        assert texts[client].count(b"HTTP/1.1") == 1
