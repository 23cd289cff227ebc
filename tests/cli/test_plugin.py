"""`statscache plugin`: try, check and new, as an author calls them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from datagrepper import Archive, Datagrepper
from samples import NOW, message

from statscache import cli

PLUGIN = '''
from datetime import timedelta

from statscache.plugins import Count


class Builds(Count):
    """Koji builds, by package."""

    name, by, interval = "tried builds", ("package",), timedelta(hours=1)
    topics = ["org.fedoraproject.prod.buildsys.build.state.change"]

    def count(self, message):
        yield message["msg"]["name"]
'''
TOPIC = "org.fedoraproject.prod.buildsys.build.state.change"
HOUR = 3_600

Run = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a plugin, and no configuration anywhere."""
    (tmp_path / "builds.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def run(here: Path) -> Run:
    """Runs `statscache plugin`; it leaves nothing behind in the directory."""

    def running(*arguments: str, leaves: bool = False) -> Result:
        before = {*here.rglob("*")}
        done = CliRunner().invoke(cli.main, ["plugin", *arguments])
        made = {one for one in {*here.rglob("*")} - before if "__pycache__" not in one.parts}
        assert leaves or made == set()
        return done

    return running


@pytest.fixture
def recorded(here: Path) -> str:
    """A file of messages: two of the kernel in one hour, one later, one of something else."""
    start = int(NOW) - int(NOW) % HOUR
    sent = [
        message(0, timestamp=start),
        message(1, timestamp=start + 60),
        message(2, timestamp=start + HOUR),
        message(3, topic="org.fedoraproject.prod.git.receive"),
    ]
    (here / "messages.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in sent))
    return "messages.jsonl"


def mend(here: Path, old: str, new: str) -> None:
    path = here / "builds.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    # A process runs a file once.
    path.rename(here / "mended.py")


# -- try -------------------------------------------------------------------------------------------


def test_the_table_that_a_plugin_would_make_of_a_file_is_printed(run: Run, recorded: str) -> None:
    done = run("try", "builds.py", "--file", recorded)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [
        ["tried-builds-1h:", "2", "rows", "of", "3", "messages", "(of", "4)"],
        ["timestamp", "package", "volume"],
        ["2026-01-01T01:00:00Z", "kernel", "1"],
        ["2026-01-01T00:00:00Z", "kernel", "2"],
    ]


def test_only_the_newest_rows_are_shown_unless_more_are_asked_for(run: Run, recorded: str) -> None:
    said = run("try", "builds.py", "--file", recorded, "--limit", "1").stdout
    assert "2 rows of 3 messages (of 4); the newest 1\n" in said
    assert said.count("kernel") == 1
    assert run("try", "builds.py", "--file", recorded, "--limit", "0").stdout.count("kernel") == 2


def test_times_cut_a_file(run: Run, recorded: str) -> None:
    start = str(int(NOW) + HOUR)
    assert "1 row of 1 message (of 1)" in run(
        *("try", "builds.py", "--file", recorded, "--since", start)
    ).stdout  # fmt: skip
    assert "1 row of 2 messages (of 3)" in run(
        *("try", "builds.py", "--file", recorded, "--until", start)
    ).stdout  # fmt: skip


def test_the_rows_can_be_had_as_csv_or_json(run: Run, recorded: str) -> None:
    said = run("try", "builds.py", "--file", recorded, "--format", "csv").stdout
    assert [row["volume"] for row in csv.DictReader(io.StringIO(said))] == ["1", "2"]
    said = run("try", "builds.py", "--file", recorded, "--format", "json").stdout
    assert [row["volume"] for row in json.loads(said)] == [1, 2]


def test_history_is_read_where_the_settings_name_one(
    run: Run, here: Path, archive: Archive, stand_in: Datagrepper
) -> None:
    archive.add(*[message(number, timestamp=int(NOW) + number) for number in range(5)])
    (here / "fedmsg.d").mkdir()
    settings = {"endpoints": {}, "statscache.datagrepper.endpoint": stand_in.url}
    (here / "fedmsg.d" / "history.py").write_text(f"config = {settings!r}")
    span = ("--since", str(NOW - HOUR), "--until", str(NOW + HOUR))
    done = run("try", "builds.py", *span)
    assert "1 row of 5 messages (of 5)" in done.stdout
    assert {tuple(asked["topic"]) for _, asked in stand_in.asked} == {(TOPIC,)}


def test_without_any_source_it_says_what_there_is(run: Run) -> None:
    done = run("try", "builds.py")
    assert done.exit_code == 1
    assert "set statscache.datagrepper.endpoint" in done.stderr
    assert "--file, or take --invented ones" in done.stderr


def test_messages_are_recorded_or_invented(run: Run, recorded: str) -> None:
    done = run("try", "builds.py", "--file", recorded, "--invented")
    assert done.exit_code == 2
    assert "messages are recorded (--file) or --invented, not both" in done.stderr


def test_invented_messages_need_nothing(run: Run) -> None:
    done = run("try", "builds.py", "--invented", "--since", "-6h")
    assert done.exit_code == 0
    assert "tried-builds-1h: " in done.stdout


def test_settings_of_the_plugin_are_read_before_it_is_installed(
    run: Run, here: Path, recorded: str
) -> None:
    setting = "    settings = (Setting('most', 9, checks.whole_number(0, 9), ''),)\n"
    text = PLUGIN.replace("import Count", "import *").replace(
        "    def count", f"{setting}\n    def count"
    )
    (here / "own.py").write_text(
        text.replace('message["msg"]["name"]', 'str(self.setting("most"))')
    )
    (here / "fedmsg.d").mkdir()
    file = here / "fedmsg.d" / "own.py"
    file.write_text("config = {'endpoints': {}, 'statscache.own.most': 5}")
    assert " 5 " in run("try", "own.py", "--file", recorded).stdout
    file.write_text("config = {'endpoints': {}, 'statscache.own.most': 10}")
    done = run("try", "own.py", "--file", recorded)
    assert "statscache.own.most is 10; allowed: a whole number from 0 to 9" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "there is no plugin class in it: write a subclass of BasePlugin"),
        ("x = 1\ndef f(:\n", 'File "odd.py", line 2\n'),
        ("x = 1\n1 / 0\n", "line 2, in <module>\n"),
        ("from statscache.plugins import *\nclass A(Count): name = 'a'", "give it an interval"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(run: Run, here: Path, text: str, said: str) -> None:
    (here / "odd.py").write_text(text)
    done = run("try", "odd.py", "--invented")
    assert done.exit_code == 1
    assert said in done.stderr.replace(f"{here}/", "")
    assert "statscache/pluginfile.py" not in done.stderr


def test_a_plugin_that_raises_is_told_with_message_and_traceback(
    run: Run, here: Path, recorded: str
) -> None:
    mend(here, 'message["msg"]["name"]', '{0: "zero", 2: "two"}[message["msg"]["new"]]')
    done = run("try", "mended.py", "--file", recorded)
    assert done.exit_code == 1
    assert "2 rows of 3 messages" in done.stdout
    assert (
        f"failed over the message {message(1)['msg_id'][5:]} of 2026-01-01 00:01:00" in done.stderr
    )
    assert f"topic {TOPIC}:\n" in done.stderr
    assert '"msg":{"name":"kernel","owner":"ada","new":1}' in done.stderr
    assert "KeyError: 1\n" in done.stderr
    assert "engine" not in done.stderr


def test_one_that_always_raises_is_given_up(run: Run, here: Path) -> None:
    mend(here, 'message["msg"]["name"]', "1 / 0")
    done = run("try", "mended.py", "--invented")
    assert "tried-builds-1h failed over 20 messages" in done.stderr
    assert "was given up then: the table is not whole" in done.stderr
    assert done.stderr.count("Traceback") == 3


def test_where_nothing_matches_it_says_which_topics_came(
    run: Run, here: Path, recorded: str
) -> None:
    mend(here, "state.change", "state.changed")
    done = run("try", "mended.py", "--file", recorded)
    assert done.exit_code == 1
    assert (
        "of 4 messages none has a topic that tried-builds-1h wants "
        f"({TOPIC}d); these came:\n  3 {TOPIC}\n  1 org.fedoraproject.prod.git.receive\n"
    ) in done.stderr


def test_where_history_was_asked_for_topics_that_are_not_it_says_which_come(
    run: Run, here: Path, archive: Archive, stand_in: Datagrepper
) -> None:
    mend(here, "state.change", "state.changed")
    archive.add(*[message(number, timestamp=int(NOW) + number) for number in range(5)])
    (here / "fedmsg.d").mkdir()
    settings = {"endpoints": {}, "statscache.datagrepper.endpoint": stand_in.url}
    (here / "fedmsg.d" / "history.py").write_text(f"config = {settings!r}")
    done = run("try", "mended.py", "--since", str(NOW - HOUR), "--until", str(NOW + 60))
    assert f"no message has a topic that tried-builds-1h wants ({TOPIC}d)" in done.stderr
    assert f"these came:\n  5 {TOPIC}\n" in done.stderr


# -- check -----------------------------------------------------------------------------------------


def test_a_file_is_held_to_the_contract(run: Run) -> None:
    done = run("check", "builds.py")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("tried-builds-1h (builds.py)\n  ok     It digests the messages\n")
    assert "µs a message\n" in done.stdout
    assert "FAULT" not in done.stdout


def test_so_is_a_module(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(here)
    done = run("check", "builds")
    assert done.exit_code == 0
    assert done.stdout.startswith("tried-builds-1h (builds)\n")


def test_so_is_a_package_with_recorded_messages(
    run: Run, here: Path, recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = here / "build_statistics-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: build-statistics\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[statscache.plugin]\nb = packaged:Builds\n")
    (here / "builds.py").rename(here / "packaged.py")
    monkeypatch.syspath_prepend(here)
    done = run("check", "build-statistics", "--file", recorded)
    assert done.exit_code == 0
    assert done.stdout.startswith("tried-builds-1h (build-statistics)\n  ok ")
    assert "  2 rows of 3 messages, " in done.stdout


def test_no_more_messages_are_counted_than_are_asked_for(run: Run, recorded: str) -> None:
    done = run("check", "builds.py", "--file", recorded, "--most", "2")
    assert "  1 row of 2 messages, " in done.stdout
    done = run("check", "builds.py", "--most", "10")
    assert " of 10 messages, " in done.stdout


def test_a_fault_is_named_and_the_exit_code_is_1(run: Run, here: Path) -> None:
    mend(here, "    def count", "    layout = {1, 2}\n    reads_only = True\n\n    def count")
    done = run("check", "mended.py")
    assert done.exit_code == 1
    assert "  FAULT  Its rows, and its layout, are what JSON can say:\n" in done.stdout
    assert "         its layout is not what JSON can say: Object of type set" in done.stdout
    assert done.stderr == "Error: 1 fault in mended.py\n"


def test_a_plugin_that_would_be_skipped_is_a_fault(run: Run, here: Path) -> None:
    mend(here, "timedelta(hours=1)", "timedelta(hours=5)")
    done = run("check", "mended.py")
    assert done.exit_code == 1
    assert "FAULT  Builds: its interval 5h does not divide a day\n" in done.stdout


def test_an_ident_of_ours_is_a_fault(run: Run, here: Path) -> None:
    mend(here, "tried builds", "volume")
    done = run("check", "mended.py")
    assert done.exit_code == 1
    assert "FAULT  Builds: its ident volume-1h is taken by statscache" in done.stdout


def test_where_nothing_is_shown_the_exit_code_is_3(run: Run, here: Path) -> None:
    mend(here, "state.change", "state.changed")
    done = run("check", "mended.py")
    assert done.exit_code == 3
    assert "  no message has a topic that it wants\n" in done.stdout
    assert "tried-builds-1h made no rows" in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "nothing is no file, no package that is installed and has plugins, and no mod"),
        ("nothing.py", "there is no file nothing.py"),
        ("json.decoder", "json.decoder: there is no plugin class in it"),
    ],
)
def test_what_means_nothing_is_a_wrong_call(run: Run, name: str, said: str) -> None:
    done = run("check", name)
    assert done.exit_code == 2
    assert said in done.stderr


# -- new -------------------------------------------------------------------------------------------


def test_a_new_package_is_whole_and_its_tests_pass_as_they_are(run: Run, here: Path) -> None:
    done = run("new", "copr-statistics", leaves=True)
    assert done.exit_code == 0
    folder = here / "copr-statistics"
    names = ("README.rst", "copr_statistics.py", "pyproject.toml", "test_copr_statistics.py")
    assert sorted(path.name for path in folder.iterdir()) == [*names]
    assert sorted(done.stdout.splitlines()) == [f"copr-statistics/{name}" for name in names]
    pytest_of_theirs = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done_too = subprocess.run(
        [*pytest_of_theirs, "-W", "error"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done_too.returncode, "12 passed" in done_too.stdout) == (0, True), done_too.stdout


def test_its_entry_point_leads_to_its_plugin(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("new", "my-own-2", leaves=True)
    project = tomllib.loads((here / "my-own-2" / "pyproject.toml").read_text())["project"]
    ((name, target),) = project["entry-points"]["statscache.plugin"].items()
    monkeypatch.syspath_prepend(here / "my-own-2")
    plugin = EntryPoint(name, target, "statscache.plugin").load()
    assert (project["name"], plugin.__name__, plugin.name) == ("my-own-2", "MyOwn2", "my own 2")


def test_nothing_is_overwritten(run: Run, here: Path) -> None:
    folder = here / "somewhere" / "else"
    folder.mkdir(parents=True)
    (folder / "README.rst").write_text("mine")
    done = run("new", "copr-statistics", "--directory", str(folder))
    assert done.exit_code == 1
    assert f"{folder}/README.rst is there already, and is not overwritten" in done.stderr
    assert (folder / "README.rst").read_text() == "mine"
    assert [path.name for path in folder.iterdir()] == ["README.rst"]


@pytest.mark.parametrize(
    "name", ["io", "class", "Copr", "a--b", "-a", "a_b", "", "a/b", "statscache"]
)
def test_what_is_no_name_is_refused(run: Run, name: str) -> None:
    done = run("new", "--", name)
    assert done.exit_code == 1
    assert "is no name for a package of plugins; take lower-case words with hyphens" in done.stderr


def test_a_place_that_cannot_be_written_is_named(run: Run, here: Path) -> None:
    (here / "file").write_text("")
    done = run("new", "builds-of-mine", "--directory", "file/inside")
    assert done.exit_code == 1
    assert "cannot be written: Not a directory" in done.stderr
