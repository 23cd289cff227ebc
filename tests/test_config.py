from __future__ import annotations

import ast
import math
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.config import DISABLED, SETTINGS, Config, warnings
from statscache.errors import ConfigError

SHIPPED = Path(__file__).parent.parent / "fedmsg.d" / "statscache.py"
DAY = 86_400
EVERYWHERE = {
    "statscache.journal.path": "/var/lib/statscache/journal.sqlite",
    "statscache.sqlalchemy.uri": "sqlite:////var/lib/statscache/statscache.sqlite",
}


def config(**settings):
    """Settings are named with `__` for `.` and without the leading `statscache.`."""
    names = {f"statscache.{name.replace('__', '.')}": value for name, value in settings.items()}
    return Config({**EVERYWHERE, **names})


def refusal(raw, foreign=()):
    with pytest.raises(ConfigError) as error:
        Config({**EVERYWHERE, **raw}, foreign)
    return str(error.value)


# -- values --------------------------------------------------------------------------------------

GOOD = {
    "statscache.consumer.enabled": [True, False],
    "statscache.consumer.epoch": [None, 0, 1_767_225_600, 1_767_225_600.5],
    "statscache.consumer.maximum_future": [0, 0.5, 3600, 366 * DAY],
    "statscache.consumer.maximum_bytes": [1024, 1 << 28],
    "statscache.consumer.queue": [100, 10_000_000],
    "statscache.journal.path": [Path("/x/journal.sqlite")],
    "statscache.journal.commit_within": [0, 0.5, 60_000],
    "statscache.journal.dedupe_horizon": [60, 90.5, 366 * DAY],
    "statscache.journal.maximum_size": [16 << 20, 1 << 50],
    "statscache.journal.wait": [0, 0.5, 366 * DAY],
    "statscache.sqlalchemy.uri": [
        "sqlite:////x/statscache.sqlite",
        "sqlite:///x.sqlite",
        "sqlite+pysqlite:////x/statscache.sqlite",
        "postgresql:///statscache",
        "postgresql://ada:secret@localhost:5432/statscache?sslmode=require",
        "postgresql+psycopg2://localhost/statscache",
    ],
    "statscache.engine.workers": [1, 64],
    "statscache.engine.batch": [1, 1_000_000],
    "statscache.engine.suspend_after": [1, 1_000_000],
    "statscache.changes.keep": [0, 100_000_000],
    "statscache.plugins.enabled": [(), ("*",), ("volume-*", "statscache:*")],
    "statscache.plugins.disabled": [(), ("volume-*",)],
    "statscache.plugins.dir": [None, Path("/etc/statscache/plugins")],
    "statscache.retention": [{}, {"volume-1s": 1, "volume-*": 0.5, "*": None, "x": 36_525}],
    "statscache.datagrepper.endpoint": [
        None,
        "http://localhost:5000",
        "https://apps.example.org/datagrepper/",
    ],
    "statscache.datagrepper.connections": [1, 16],
    "statscache.datagrepper.timeout": [1, 2.5, 3600],
    "statscache.datagrepper.overlap": [0, 0.5, 86_400],
    "statscache.datagrepper.again": [0, 0.5, 30 * 86_400],
    "statscache.datagrepper.backlog": [0, 36_525 * 86_400],
    "statscache.app.default_rows_per_page": [1, 100_000],
    "statscache.app.maximum_rows_per_page": [1, 100_000],
    "statscache.app.timeout": [0.1, 10, 3600],
    "statscache.app.export_timeout": [1, 0.5 * DAY, DAY],
    "statscache.app.live_readers": [None, 0, 900],
    "statscache.app.rate_limit": [None, "1/second", "100/minute", "5/hour", "999999/day"],
    "statscache.app.proxies": [0, 10],
}

NO_NUMBERS = [True, "5", None, [], math.nan, math.inf, -math.inf, 10**400, -1]
NO_WHOLE_NUMBERS = [*NO_NUMBERS, 5000.5]
NO_PATTERNS = ["volume-*", None, {"volume-*"}, [1], ("a", None)]

BAD = {
    "statscache.consumer.enabled": [None, 0, 1, "True", "yes", []],
    "statscache.consumer.epoch": [
        *(True, "yesterday", "", [], date(2026, 1, 1), math.nan, math.inf, 10**400, -(10**400)),
    ],
    "statscache.consumer.maximum_future": [*NO_NUMBERS, 366 * DAY + 1],
    "statscache.consumer.maximum_bytes": [*NO_WHOLE_NUMBERS, 1023, (1 << 28) + 1],
    "statscache.consumer.queue": [*NO_WHOLE_NUMBERS, 0, 99, 10_000_001],
    "statscache.journal.path": ["", 5, b"/x", [], True, "~nobody-of-that-name/x"],
    "statscache.journal.commit_within": [*NO_NUMBERS, 60_001],
    "statscache.journal.dedupe_horizon": [*NO_NUMBERS, 59],
    "statscache.journal.maximum_size": [*NO_WHOLE_NUMBERS, (16 << 20) - 1],
    "statscache.journal.wait": [*NO_NUMBERS, 366 * DAY + 1],
    "statscache.sqlalchemy.uri": [
        *(5, "", "statscache.sqlite", "/x/statscache.sqlite", "mysql://localhost/statscache"),
        *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"),
        *("postgres://localhost/statscache", "postgresql+asyncpg://localhost/statscache"),
        *("postgresql://localhost:port/statscache", ["sqlite:////x"]),
    ],
    "statscache.engine.workers": [*NO_WHOLE_NUMBERS, 0, 65],
    "statscache.engine.batch": [*NO_WHOLE_NUMBERS, 0, 1_000_001],
    "statscache.engine.suspend_after": [*NO_WHOLE_NUMBERS, 0],
    "statscache.changes.keep": [*NO_WHOLE_NUMBERS, 100_000_001],
    "statscache.plugins.enabled": NO_PATTERNS,
    "statscache.plugins.disabled": NO_PATTERNS,
    "statscache.plugins.dir": [5, "", True, ["/x"]],
    "statscache.retention": [
        *([], None, "x", {1: 5}, {"x": "5"}, {"x": 0}, {"x": -1}, {"x": True}, {"x": []}),
        *({"x": math.nan}, {"x": math.inf}, {"x": 10**400}),
    ],
    "statscache.datagrepper.endpoint": [5, "", "apps.example.org", "ftp://x", b"http://x", True],
    "statscache.datagrepper.connections": [*NO_WHOLE_NUMBERS, 0, 17],
    "statscache.datagrepper.timeout": [*NO_NUMBERS, 0.5, 3601],
    "statscache.datagrepper.overlap": [*NO_NUMBERS, -1, 86_401],
    "statscache.datagrepper.again": [*NO_NUMBERS, -1, 30 * 86_400 + 1],
    "statscache.datagrepper.backlog": [*NO_NUMBERS, -1, 36_525 * 86_400 + 1],
    "statscache.app.default_rows_per_page": [*NO_WHOLE_NUMBERS, 0, 100_001],
    "statscache.app.maximum_rows_per_page": [*NO_WHOLE_NUMBERS, 0, 100_001],
    "statscache.app.timeout": [*NO_NUMBERS, 0, 3601],
    "statscache.app.export_timeout": [*NO_NUMBERS, 0, DAY + 1],
    "statscache.app.live_readers": [-1, 901, 1.5, True, "4"],
    "statscache.app.rate_limit": [
        *(True, 5, "", "5", "0/minute", "5/week", "5 per minute", "5/minute\n", "٣/minute", []),
        *("1000000/day", b"5/minute"),
    ],
    "statscache.app.proxies": [*NO_WHOLE_NUMBERS, 11],
}


def test_every_setting_is_tested_here():
    assert set(GOOD) == set(BAD) == set(SETTINGS)


@pytest.mark.parametrize(("name", "value"), [(name, v) for name in GOOD for v in GOOD[name]])
def test_a_good_value_is_taken_as_it_is(name, value):
    assert Config({**EVERYWHERE, name: value})[name] == value


@pytest.mark.parametrize(("name", "value"), [(name, v) for name in BAD for v in BAD[name]])
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(name, value):
    text = refusal({name: value})
    assert text.startswith(f"{name} is ")
    assert re.search(r"; allowed: (a |one of |the path |True or False|sqlite:)", text)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_passes_its_own_check(name):
    default = SETTINGS[name].default
    if name not in EVERYWHERE:
        assert Config({**EVERYWHERE, name: default})[name] == default
        assert Config(EVERYWHERE)[name] == default


def test_checking_a_checked_configuration_changes_nothing():
    once = config(consumer__epoch="2026-01-01", retention={"a": 5})
    assert dict(Config(once)) == dict(once)


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("statscache.consumer.enable", "statscache.consumer.enabled"),
        ("statscache.journal.pfad", "statscache.journal.path"),
        ("statscache.sqlalchemy.url", "statscache.sqlalchemy.uri"),
        ("statscache.maximum_rows_per_page", "statscache.app.maximum_rows_per_page"),
        ("statscache.Retention", "statscache.retention"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_known(wrong, nearest):
    text = refusal({wrong: None})
    assert text == f"{wrong} is no setting of statscache; did you mean {nearest}?"


@given(st.text())
def test_whatever_follows_the_prefix_is_known_or_refused(name):
    if f"statscache.{name}" not in (*SETTINGS, "statscache.producer.frequency"):
        assert "did you mean statscache." in refusal({f"statscache.{name}": None})


def test_settings_of_outside_plugins_are_theirs():
    made = Config({**EVERYWHERE, "statscache.releng.hosts": ["a"]}, foreign={"releng"})
    assert made["statscache.releng.hosts"] == ["a"]
    assert "did you mean" in refusal({"statscache.relenk.hosts": 1}, foreign={"releng"})
    assert "did you mean" in refusal({"statscache.releng": 1}, foreign={"other"})


def test_all_other_keys_of_the_hub_are_there_as_they_are():
    made = Config({**EVERYWHERE, "endpoints": {}, "statscached": 1, "statscache": 2})
    assert (made["endpoints"], made["statscached"], made["statscache"]) == ({}, 1, 2)
    assert len(made) == len(list(made)) == len(SETTINGS) + 3


def test_what_has_no_effect_is_accepted_and_told():
    raw = {**EVERYWHERE, "statscache.producer.frequency": timedelta(seconds=1)}
    (sentence,) = warnings(Config(raw))
    assert sentence.startswith("statscache.producer.frequency is ignored: ")
    assert warnings(Config(EVERYWHERE)) == []


def test_places_where_everybody_may_write_are_told_once(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    names = ("journal__path", "sqlalchemy__uri")
    for journal, database, told in [
        (shared / "j", f"sqlite:///{shared / 's'}", 1),
        (shared / "j", "postgresql:///statscache", 1),
        (tmp_path / "j", f"sqlite:///{shared / 's'}", 1),
        (shared / "own" / "j", f"sqlite:///{tmp_path / 's'}", 0),
    ]:
        said = warnings(config(**dict(zip(names, (journal, database), strict=True))))
        assert len(said) == told
        assert all(f"everybody may write in {shared}, " in sentence for sentence in said)


# -- the shipped file ----------------------------------------------------------------------------


def shipped():
    """What fedmsg.d/statscache.py would set if every commented setting were used."""
    text = re.sub(r'^(\s*)# ?(?=")', r"\1", SHIPPED.read_text(), flags=re.M)
    (assignment,) = ast.parse(text).body
    return ast.literal_eval(assignment.value)


def test_the_shipped_file_names_every_setting_with_its_default():
    defaults = {setting.name: setting.default for setting in SETTINGS.values()}
    found = shipped()
    assert found.pop("statscache.consumer.enabled") is True
    del defaults["statscache.consumer.enabled"]
    assert {name: _tuple(value) for name, value in found.items()} == defaults
    assert list(found) == list(defaults)


def test_the_shipped_file_is_taken_as_it_is():
    (assignment,) = ast.parse(SHIPPED.read_text()).body
    assert Config({**EVERYWHERE, **ast.literal_eval(assignment.value)})


def _tuple(value):
    return tuple(value) if isinstance(value, list) else value


# -- which statistics run ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ident", "runs"),
    [
        *((f"volume-{length}", True) for length in ("1s", "5s", "1m", "1h", "1d")),
        *((f"volume-by-category-{length}", True) for length in ("1m", "1h", "1d")),
        *((f"volume-by-category-{length}", False) for length in ("1s", "5s")),
        *((f"volume-by-topic-{length}", True) for length in ("1h", "1d")),
        *((f"volume-by-topic-{length}", False) for length in ("1s", "5s", "1m")),
        *((f"volume-by-package-{length}", True) for length in ("1h", "1d")),
        *((f"volume-by-package-{length}", False) for length in ("1s", "5s", "1m")),
        *((f"volume-by-user-{length}", False) for length in ("1s", "5s", "1m", "1h", "1d")),
        *((f"koji-builds-{length}", True) for length in ("1h", "1d")),
        *((f"bodhi-{what}-1d", True) for what in ("updates", "time-to-stable")),
        *((f"active-contributors-{what}1d", True) for what in ("", "by-category-")),
        *((f"pagure-contributions-{what}1d", True) for what in ("", "by-project-")),
        *((f"{what}contributions-by-user-1d", False) for what in ("", "pagure-")),
        ("builds-by-state-1h", True),
    ],
)
def test_the_defaults_suit_a_bus_of_many_topics(ident, runs):
    assert config().enables(ident, "statscache") is runs


@pytest.mark.parametrize(
    ("enabled", "disabled", "running"),
    [
        (["*"], [], {"volume-1s", "volume-1d", "builds-1h"}),
        (["*", "volume-by-user-1h"], ["*-1s"], {"volume-1d", "builds-1h", "volume-by-user-1h"}),
        (["*", "volume-by-user-*"], ["*-1h"], {"volume-1s", "volume-1d"}),
        (["volume-*"], [], {"volume-1s", "volume-1d", "volume-by-user-1h"}),
        (["volume-1?"], ["volume-1s"], {"volume-1d"}),
        (["ours:*"], [], {"volume-1s", "volume-1d", "volume-by-user-1h"}),
        (["*"], ["ours:volume-1s"], {"volume-1d", "builds-1h"}),
        (["*"], ["theirs:*"], {"volume-1s", "volume-1d"}),
        (["VOLUME-*"], [], set()),
        ([], [], set()),
        (["*"], ["*"], set()),
    ],
)  # fmt: skip
def test_patterns_say_what_runs(enabled, disabled, running):
    made = config(plugins__enabled=enabled, plugins__disabled=disabled)
    ours = ("volume-1s", "volume-1d", "volume-by-user-1h")
    known = {**dict.fromkeys(ours, "ours"), "builds-1h": "theirs"}
    assert {ident for ident in known if made.enables(ident, known[ident])} == running


@given(st.text(min_size=1), st.text())
def test_what_is_disabled_never_runs(ident, distribution):
    assert not config(plugins__disabled=["*"]).enables(ident, distribution)
    assert not config(plugins__enabled=[]).enables(ident, distribution)


def test_every_default_that_is_off_can_be_named_to_run():
    for pattern in DISABLED:
        ident = pattern.replace("*", "1h")
        assert not config().enables(ident)
        assert config(plugins__enabled=["*", pattern]).enables(ident)


# -- retention -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ident", "days"),
    [
        ("volume-1s", 7),
        ("volume-5s", 14),
        ("volume-1m", 90),
        ("volume-1h", 730),
        ("volume-1d", None),
        ("volume-by-category-1m", 90),
        ("volume-by-topic-1h", 730),
        ("volume-by-topic-1d", None),
        ("audit-1m", 90),
        ("koji-builds-1h", 730),
        ("koji-builds-1d", None),
        ("active-contributors-1d", None),
        ("active-contributors-by-category-1d", 1_095),
        ("builds-by-state-1h", None),
    ],
)
def test_the_defaults_keep_short_windows_shortly(ident, days):
    assert config().retention(ident) == (None if days is None else days * DAY)


def test_the_first_matching_pattern_decides():
    made = config(retention={"volume-1s": None, "volume-*": 2, "*": 0.5})
    assert made.retention("volume-1s") is None
    assert made.retention("volume-1d") == 2 * DAY
    assert made.retention("builds-1h", default=9) == DAY / 2


def test_a_plugin_decides_where_no_setting_does():
    assert config().retention("builds-1h", default=9.5) == 9.5
    assert config(retention={"x": 1}).retention("builds-1h", default=9.5) == 9.5
    assert config(retention={"*": None}).retention("builds-1h", default=9.5) is None
