"""The way in: messages become entries of the journal, several in one transaction."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import samples
from samples import NOW, message, name

from statscache.config import Config
from statscache.engine.intake import GATHER_AT_MOST, NOTE_EVERY, TELL_EVERY, Intake
from statscache.errors import RefusedError
from statscache.journal import Journal, Refusals, Span

WITHIN = 0.2
"""Seconds, as the setting `statscache.journal.commit_within` has it."""


@pytest.fixture
def intake(journal: Journal) -> Intake:
    made = Intake(journal, Config({}))
    made.listen(NOW)
    return made


def test_a_message_is_on_disk_when_it_was_accepted(intake: Intake, journal: Journal) -> None:
    assert intake.accept(message(1), NOW + 1)
    (kept,) = journal.slice(0, 9, 9)
    assert (kept.entry.id, kept.entry.arrived, kept.entry.addressee) == (name(1), NOW + 1, "")


def test_messages_wait_for_those_that_come_at_once(intake: Intake, journal: Journal) -> None:
    for number in range(3):
        assert intake.accept(message(number), NOW, more=True)
    assert journal.end() == 0
    assert intake.accept(message(3), NOW)
    assert journal.end() == 4


def test_none_waits_longer_than_the_setting_allows(intake: Intake, journal: Journal) -> None:
    intake.accept(message(0), NOW, more=True)
    intake.accept(message(1), NOW + WITHIN / 2, more=True)
    assert journal.end() == 0
    intake.accept(message(2), NOW + WITHIN, more=True)
    assert journal.end() == 3
    intake.accept(message(3), NOW + WITHIN, more=True)
    assert journal.end() == 3


def test_no_more_wait_than_fit_in_one_transaction(intake: Intake, journal: Journal) -> None:
    for number in range(GATHER_AT_MOST + 1):
        intake.accept(message(number), NOW, more=True)
    assert journal.end() == GATHER_AT_MOST
    intake.flush(NOW)
    assert journal.end() == GATHER_AT_MOST + 1


def test_a_refusal_keeps_nobody_waiting(intake: Intake, journal: Journal) -> None:
    """The one for which they waited will not come."""
    intake.accept(message(0), NOW, more=True)
    assert not intake.accept({"no": "topic"}, NOW)
    assert journal.end() == 1
    intake.accept(message(1), NOW, more=True)
    intake.refuse(RefusedError("not authentic"), NOW)
    assert journal.end() == 2


def test_the_same_message_is_kept_once(intake: Intake, journal: Journal) -> None:
    for number in (1, 1, 2, 1):
        assert intake.accept(message(number), NOW, more=True)
    intake.flush(NOW)
    assert intake.accept(message(2), NOW)
    assert journal.end() == 2


def test_a_message_can_be_for_one_plugin(intake: Intake, journal: Journal) -> None:
    for addressee in ("", "a", "a", "b"):
        assert intake.accept(message(1), NOW, addressee=addressee)
    assert [kept.entry.addressee for kept in journal.slice(0, 9, 9)] == ["", "a", "b"]


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ({"topic": 7}, "no topic"),
        ("text", "not a JSON object"),
        (message(timestamp=int(NOW) + 4_000), "stamped in the future"),
        (message(msg="x" * (8 << 20)), "too long"),
    ],
    ids=["topic", "object", "future", "long"],
)
def test_what_is_refused_is_counted(
    intake: Intake, journal: Journal, refused: Any, reason: str
) -> None:
    for second in range(3):
        assert not intake.accept(refused, NOW + second)
    intake.flush(NOW + 3)
    assert not intake.accept(refused, NOW + 4)
    intake.flush(NOW + 5)
    (found,) = journal.refused()
    assert found[:3] == Refusals(reason, 4, NOW + 4, "")[:3]
    assert found.example.startswith(reason)
    assert journal.end() == 0


def test_the_log_names_a_refusal_once_a_minute_for_each_reason(
    intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(0, 2 * TELL_EVERY, 10):
        intake.refuse(RefusedError("one", f"at {second}"), NOW + second)
        intake.refuse(RefusedError("two", f"at {second}\nand more"), NOW + second + 5)
    said = [record.message for record in caplog.records]
    assert said == [
        "a message was refused: one: at 0",
        r"a message was refused: two: at 0\nand more",
        "a message was refused: one: at 60",
        r"a message was refused: two: at 60\nand more",
    ]


def test_it_is_noted_from_when_to_when_the_daemon_listened(
    intake: Intake, journal: Journal
) -> None:
    assert journal.spans() == [Span(NOW, NOW)]
    intake.accept(message(1), NOW + 2)
    assert journal.spans() == [Span(NOW, NOW + 2)]
    intake.flush(NOW + 2 + NOTE_EVERY - 1)
    assert journal.spans() == [Span(NOW, NOW + 2)]
    intake.flush(NOW + 2 + NOTE_EVERY)
    assert journal.spans() == [Span(NOW, NOW + 2 + NOTE_EVERY)]
    intake.end(NOW + 8)
    intake.flush(NOW + 100)
    assert journal.spans() == [Span(NOW, NOW + 8)]


def test_what_waits_at_the_end_is_kept(intake: Intake, journal: Journal) -> None:
    intake.accept(message(1), NOW, more=True)
    intake.end(NOW + 1)
    assert journal.end() == 1


def test_many_threads_lose_nothing(intake: Intake, journal: Journal) -> None:
    def work(part: int) -> None:
        for number in range(part, 400, 4):
            assert intake.accept(message(number), NOW, more=number % 7 > 0)
            if number % 50 == 0:
                intake.flush(NOW)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    intake.flush(NOW)
    kept = {one.entry.id for one in journal.slice(0, journal.end(), 1_000)}
    assert kept == {name(number) for number in range(400)}


# -- while the journal cannot be written -----------------------------------------------------------

FULL = """
import json, logging, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from samples import NOW, message
from statscache.config import Config
from statscache.engine.intake import HOLD_AT_MOST, Intake
from statscache.journal import Journal

class Memory(logging.Handler):
    lines = []
    def emit(self, record):
        self.lines.append([record.levelname, record.getMessage()])

logging.getLogger("statscache").addHandler(Memory())
journal = Journal(Path(sys.argv[1]))
intake = Intake(journal, Config({}))
intake.listen(NOW)
for number in range(20):
    assert intake.accept(message(number), NOW + 5)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
accepted = 0
limit = 20 + HOLD_AT_MOST + int(sys.argv[3])
for number in range(20, limit):
    accepted += intake.accept(message(number), NOW + 10 + number / 1000, more=number % 10 > 0)
intake.flush(NOW + 25)
end_while_full = journal.end()
if sys.argv[4] == "mend":
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    intake.flush(NOW + 30)
    intake.accept(message(limit), NOW + 31)
intake.end(NOW + 40)
print(json.dumps({
    "accepted": accepted, "end_while_full": end_while_full, "end": journal.end(),
    "spans": journal.spans(), "refused": journal.refused(), "log": Memory.lines,
}))
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Runs an intake on a disk that the kernel says is full: `full(excess, end)`."""

    def run(excess: int, end: str) -> dict[str, Any]:
        path = tmp_path_factory.mktemp("full") / "journal.sqlite"
        arguments = [str(path), str(Path(samples.__file__).parent), str(excess), end]
        done = subprocess.run(
            [sys.executable, "-c", FULL, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return {"path": path, **json.loads(done.stdout)}

    return run


@pytest.fixture(scope="module")
def overfull(full: Any) -> dict[str, Any]:
    """More came than can wait, and then there was room again."""
    return full(500, "mend")


def test_while_the_disk_is_full_messages_wait_and_are_kept_after_it(full: Any) -> None:
    found = full(-9_000, "mend")
    assert found["accepted"] == 1_000
    assert (found["end_while_full"], found["end"]) == (20, 1_021)
    assert found["spans"] == [[NOW, NOW + 40]]
    assert found["refused"] == []
    assert [level for level, _ in found["log"]] == ["CRITICAL", "WARNING"]


def test_when_too_many_wait_they_are_refused_and_counted(overfull: dict[str, Any]) -> None:
    assert overfull["accepted"] == 10_000
    assert (overfull["end_while_full"], overfull["end"]) == (20, 10_021)
    ((reason, number, *_),) = overfull["refused"]
    assert (reason, number) == ("the journal cannot be written", 500)


def test_the_log_says_when_the_disk_is_full_and_when_it_is_not(overfull: dict[str, Any]) -> None:
    levels = [level for level, _ in overfull["log"]]
    assert levels == ["CRITICAL", "WARNING", "WARNING"]
    assert "10000 messages can wait" in overfull["log"][0][1]
    assert "refused" in overfull["log"][1][1]
    assert "is written again, after" in overfull["log"][2][1]


def test_what_was_refused_is_a_gap_in_what_was_heard(overfull: dict[str, Any]) -> None:
    before, after = overfull["spans"]
    assert before == [NOW, NOW + 5]
    assert after == [NOW + 30, NOW + 40]


def test_what_is_lost_at_the_end_is_told_and_not_noted_as_heard(full: Any) -> None:
    found = full(-9_990, "give up")
    assert found["end"] == 20
    assert found["spans"] == [[NOW, NOW + 5]]
    level, said = found["log"][-1]
    assert level == "CRITICAL"
    assert "10 messages" in said
