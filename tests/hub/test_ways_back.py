"""A real hub is backed up while it counts, and goes on from what was put back."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from harness import LISTENING, assert_counts_exactly, wait_until
from postgres import PROGRAMS
from reckoning import identity, once, volumes
from traffic import traffic

PART = 4_000
KINDS = ["sqlite", "postgresql"]

pytestmark = pytest.mark.slow


@pytest.fixture(params=KINDS)
def hub(request, make_hub):
    """One that listens, with the database of the kind."""
    uri = request.getfixturevalue("new_postgresql") if request.param == "postgresql" else ""
    made = make_hub("hub", uri, {"statscache.plugins.enabled": ["*", "volume-by-user-*"]})
    made.statscache("db", "upgrade")
    return made


def send(bus, seed):
    """Messages with ids, in one burst."""
    sent = [message for message in traffic(PART, seed, time.time()) if "msg_id" in message]
    bus.send(*sent)
    return list(once(sent))


def take(hub):
    program = str(PROGRAMS / "pg_dump")
    return Path(hub.statscache("backup", "backups", "--pg-dump", program).strip())


def put_back_journal(hub, taken):
    for file in hub.journal.parent.glob(f"{hub.journal.name}*"):
        file.unlink()
    shutil.copy(hub.folder / taken / "journal.sqlite", hub.journal)


def put_back_database(hub, taken):
    if hub.uri.startswith("sqlite"):
        target = Path(sa.make_url(hub.uri).database)
        for file in target.parent.glob(f"{target.name}*"):
            file.unlink()
        shutil.copy(hub.folder / taken / "statscache.sqlite", target)
        return
    url = sa.make_url(hub.uri)
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg2", database="postgres"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {url.database} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {url.database}"))
    engine.dispose()
    command = [PROGRAMS / "pg_restore", "--exit-on-error", "--no-owner", "--dbname", hub.uri]
    subprocess.run([*command, hub.folder / taken / "statscache.dump"], check=True)


def test_a_backup_amid_a_burst_holds_the_part_that_it_holds_exactly(bus, hub):
    hub.listen()
    bus.wait_for(subscribers=1)
    sent = send(bus, seed=1)
    wait_until(hub.journaled)
    taken = take(hub)
    sent += send(bus, seed=2)
    hub.wait_for_arrival(sent)
    hub.end()
    bus.wait_for(subscribers=0)

    put_back_database(hub, taken)
    put_back_journal(hub, taken)
    held = set(hub.journaled())
    sent = [message for message in sent if identity(message) in held]
    assert sent
    hub.listen()
    bus.wait_for(subscribers=1)
    assert_counts_exactly(hub, sent)
    sent += send(bus, seed=3)
    hub.wait_for_arrival(sent)
    # What is left to count is counted at once after a restart.
    hub.end()
    hub.listen()
    assert_counts_exactly(hub, sent)


def test_yesterdays_journal_is_adopted_and_nothing_is_counted_twice(bus, hub):
    hub.listen()
    bus.wait_for(subscribers=1)
    sent = send(bus, seed=1)
    wait_until(hub.journaled)
    taken = take(hub)
    sent += send(bus, seed=2)
    hub.wait_for_arrival(sent)
    hub.end()
    hub.listen()
    bus.wait_for(subscribers=1)
    wait_until(hub.has_counted_all, 90)
    hub.end()
    bus.wait_for(subscribers=0)

    put_back_journal(hub, taken)
    hub.start()
    assert hub.wait() == 1
    assert "an older copy was restored; run `statscache journal adopt`" in hub.log
    assert "may be missing, and is owed" in hub.statscache("journal", "adopt", "--yes")
    hub.start()
    hub.wait_for(LISTENING)
    bus.wait_for(subscribers=1)
    sent += send(bus, seed=3)
    wait_until(lambda: hub.volumes("volume-1s") == volumes(sent, "volume-1s"), 60)
    assert not hub.complaints
