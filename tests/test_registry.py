"""Plugins as they are installed: each test writes real packages into a folder on `sys.path`."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

from statscache import registry
from statscache.config import Config
from statscache.errors import ConfigError
from statscache.plugins import BasePlugin, Setting, checks
from statscache.registry import ARGUMENTS

HEADER = """
from datetime import timedelta
from sqlalchemy.orm import mapped_column
import sqlalchemy as sa
from statscache.plugins import *
"""
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
HOUR = "timedelta(hours=1)"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package: `install(name, code, "entry = target", ...)`."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = []

    def make(name, code, *points, metadata=METADATA):
        module = f"installed_{tmp_path.name}_{name}".replace("-", "_")
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(HEADER + dedent(code))
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        if metadata:
            (folder / "METADATA").write_text(metadata.format(name=name))
        lines = [point.replace("= ", f"= {module}:") for point in points]
        (folder / "entry_points.txt").write_text("\n".join(["[statscache.plugin]", *lines]))

    yield make
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def load(tmp_path, caplog):
    """Load what is installed, with settings; what was skipped is in the log too."""

    def load_with(**settings):
        names = {f"statscache.{name.replace('__', '.')}": value for name, value in settings.items()}
        config = Config(
            {
                "statscache.journal.path": tmp_path / "journal.sqlite",
                "statscache.sqlalchemy.uri": f"sqlite:///{tmp_path / 'statscache.sqlite'}",
                **names,
            }
        )
        caplog.clear()
        loaded = registry.load(config)
        assert len(caplog.records) == len(loaded.skipped)
        for skipped, record in zip(loaded.skipped, caplog.records, strict=True):
            assert f"the plugin {skipped.name} of {skipped.distribution}" in record.message
        instances = loaded.instances(config)
        assert {ident: one.ident for ident, one in instances.items()} == {
            ident: ident for ident in loaded.enabled
        }
        return loaded

    return load_with


def theirs(loaded):
    return {ident for ident, one in loaded.enabled.items() if one.distribution != "statscache"}


def reasons(loaded):
    return {skipped.name: skipped.reason for skipped in loaded.skipped}


# -- what is found -------------------------------------------------------------------------------


def test_ours_are_found_and_run_as_the_defaults_say(load):
    loaded = load()
    assert loaded.skipped == []
    ours = {ident for ident, one in loaded.enabled.items() if one.distribution == "statscache"}
    assert ours >= {"volume-1s", "volume-1d", "volume-by-category-1m", "volume-by-topic-1h"}
    assert loaded.disabled.keys() >= {"volume-by-user-1h", "volume-by-topic-1s"}
    assert not loaded.enabled.keys() & loaded.disabled.keys()


def test_an_entry_point_is_a_class_or_any_iterable_of_classes(install, load):
    code = """
        class One(BasePlugin):
            name = "One"
        class Two(BasePlugin):
            name, interval = "two (of 2)", timedelta(days=1)
        several = [type("Many", (BasePlugin,), {"name": f"many {n}"}) for n in range(3)]
        generator = (plugin for plugin in (Two,))
    """
    install("guests", code, "one = One", "several = several", "generator = generator")
    loaded = load()
    assert theirs(loaded) == {"one", "many-0", "many-1", "many-2", "two-of-2-1d"}
    assert loaded.skipped == []
    one = loaded.enabled["two-of-2-1d"]
    assert (one.distribution, str(one.schedule), one.plugin.__name__) == ("guests", "1d", "Two")


def test_settings_under_the_name_of_an_entry_point_are_the_plugin_s(install):
    install("guests", "", "releng = Missing")
    assert "releng" in registry.names({})
    assert "volume" in registry.names({})


def test_a_plugin_that_is_off_is_known_but_does_not_run(install, load):
    code = f"""
        class Off(Count):
            name, interval, by = "off", {HOUR}, ("a",)
    """
    install("guests", code, "off = Off")
    loaded = load(plugins__disabled=["off-*"])
    assert theirs(loaded) == set()
    assert loaded.disabled["off-1h"].distribution == "guests"


# -- what is skipped -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("this is no Python", "SyntaxError: "),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two"),
        ("", "AttributeError: "),
        ("def target(): yield BasePlugin", "TypeError: 'function' object is not iterable"),
        ("target = None", "TypeError: 'NoneType'"),
        ("target = (1 / 0 for _ in 'x')", "ZeroDivisionError: "),
        ("def stop():\n    yield BasePlugin\n    raise SystemExit\ntarget = stop()", "SystemExit"),
    ],
)
def test_what_cannot_be_imported_is_skipped_and_named(install, load, caplog, code, reason):
    install("broken", code, "odd = target")
    install("sound", "class Sound(BasePlugin): name = 'sound'", "sound = Sound")
    loaded = load()
    assert theirs(loaded) == {"sound"}
    assert reasons(loaded)["odd"].startswith("it cannot be imported (")
    assert reasons(loaded)["odd"].count(reason) == 1
    assert "the plugin odd of broken is skipped: it cannot be imported" in caplog.text
    assert all("\n" not in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("pass", "a plugin needs a name"),
        ("name = ''", "a plugin needs a name"),
        ("name = 'a/b'", "a plugin needs a name without slashes"),
        ("name = 'a\\nb'", "a plugin needs a name"),
        ("name = '\\ud800'", "a plugin needs a name"),
        ("name = 'x' * 256", "of at most 255 characters"),
        ("name, interval = 'x', timedelta(seconds=7)", "its interval 7s does not divide a day"),
        ("name, interval = 'x', timedelta(days=2)", "its interval 2d does not divide a day"),
        ("name, interval = 'x', timedelta(seconds=1.5)", "ValueError: interval must be a positive"),
        ("name, interval = 'x', timedelta(0)", "ValueError: interval must be a positive"),
        ("name, interval = 'x', 3600", "TypeError: interval must be a timedelta"),
        ("name, model = 'x', int", "its model <class 'int'> is no subclass of BaseModel"),
        ("name, model = 'x', 'Model'", "its model 'Model' is no subclass of BaseModel"),
        ("name, topics = 'x', 'org.*'", "its topics are 'org.*'"),
        ("name, topics = 'x', [5]", "its topics are [5]"),
        ("name, drilldown = 'x', ['topic']", "its drilldown is ['topic'], and not a dictionary"),
        ("name, drilldown = 'x', {'a': 'b'}", "can be asked for category, contains, package"),
        ("name, personal = 'x', 'user'", "its personal columns are 'user', and not a list"),
        ("name, personal = 'x', ['user']", "it has personal columns, but no model"),
        ("name, retention = 'x', 7", "its retention is 7, and not a timedelta"),
        ("name, backlog_delta = 'x', 'all'", "its backlog_delta is 'all'"),
        ("name, version = 'x', 'v' * 65", "its version is longer than 64"),
        (
            "name, newest_of_each = 'x', 0",
            "its newest_of_each is 0, and not a number from 1 to 100",
        ),
        ("name, newest_of_each = 'x', True", "its newest_of_each is True, and not a number"),
        ("name, newest_of_each = 'x', 101", "its newest_of_each is 101, and not a number"),
        ("def __init__(self): pass", "TypeError: "),
        ("def __init__(self, *_): raise SystemExit(3)", "SystemExit: 3"),
        ("ident = property(lambda self: 1 / 0)", "ZeroDivisionError"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_skipped_and_harms_nobody(install, load, body, reason):
    code = f"""
        class Odd(BasePlugin):
            {body}
        class Sound(BasePlugin):
            name = "sound"
        both = [Odd, Sound]
    """
    install("guests", code, "both = both")
    loaded = load()
    assert theirs(loaded) == {"sound"}
    assert reason in reasons(loaded)["Odd"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("name = 'x'", "give it an interval"),
        (f"name, interval, by = 'x', {HOUR}, 'state'", "in a tuple, as in ('state',)"),
        (f"name, interval, by = 'x', {HOUR}, None", "in a tuple"),
        (f"name, interval, by = 'x', {HOUR}, ('a', 'a')", "'a' in `by` cannot be"),
        (f"name, interval, by = 'x', {HOUR}, ('a', 'A')", "'A' in `by` cannot be"),
        (f"name, interval, by = 'x', {HOUR}, ('volume',)", "'volume' in `by` cannot be"),
        (f"name, interval, by = 'x', {HOUR}, ('Timestamp',)", "'Timestamp' in `by` cannot be"),
        (f"name, interval, by = 'x', {HOUR}, ('metadata',)", "'metadata' in `by` cannot be"),
        (f"name, interval, by = 'x', {HOUR}, ('by',)", "'by' in `by` cannot be"),
        (f"name, interval, by = 'x', {HOUR}, ('100%',)", "'100%' in `by` cannot be"),
        (f"name, interval, by = 'x', {HOUR}, ('a b',)", "'a b' in `by` cannot be"),
        (f"name, interval, by = 'x', {HOUR}, (5,)", "5 in `by` cannot be"),
        (f"name, interval, by = 'a limit', {HOUR}, ('limit',)", "like an argument: limit"),
    ],
)
def test_a_count_with_odd_key_columns_is_skipped(install, load, body, reason):
    code = f"""
        class Odd(Count):
            {body}
        class Sound(BasePlugin):
            name = "sound"
        both = [Odd, Sound]
    """
    install("guests", code, "both = both")
    loaded = load()
    assert theirs(loaded) == {"sound"}
    assert reason in reasons(loaded)["Odd"]


@pytest.mark.parametrize("column", sorted(ARGUMENTS - {"_"}))
def test_no_column_may_be_called_like_an_argument_of_requests(install, load, column):
    code = f"""
        class Model(BaseModel):
            __tablename__ = "data_registry_{column}"
            {column} = mapped_column(sa.Integer)
        class Odd(BasePlugin):
            name, model = "odd", Model
    """
    install("guests", code, "odd = Odd")
    loaded = load()
    assert theirs(loaded) == set()
    assert reasons(loaded)["Odd"] == f"a column may not be called like an argument: {column}"


@pytest.mark.parametrize("target", ["int", "'abc'", "[int, 5]", "object()", "{'a': 1}"])
def test_what_is_no_plugin_is_skipped(install, load, target):
    install("guests", f"target = {target}", "odd = target")
    loaded = load()
    assert theirs(loaded) == set()
    assert set(reasons(loaded)) == {"odd"}


@pytest.mark.parametrize("metadata", [None, "Metadata-Version: 2.1\n", "garbage"])
def test_a_package_whose_metadata_is_broken_harms_nobody(install, load, metadata):
    code = "class Nameless(BasePlugin): name = 'nameless'"
    install("guests", code, "nameless = Nameless", metadata=metadata)
    loaded = load()
    assert theirs(loaded) == {"nameless"}
    assert loaded.enabled["nameless"].distribution == "an unknown distribution"
    assert "volume-1s" in loaded.enabled


# -- clashes -------------------------------------------------------------------------------------

CLASHING = """
    class TheirVolume(BasePlugin):
        name, interval = "volume", timedelta(seconds=1)
    class TheirCategories(Count):
        name, interval, by = "volume, by category", timedelta(hours=1), ("a", "b")
    both = [TheirVolume, TheirCategories]
"""


def test_on_a_clash_of_idents_ours_wins_and_the_log_says_how_to_turn_it_off(install, load, caplog):
    install("a-before-s", CLASHING, "both = both")
    loaded = load()
    for ident in ("volume-1s", "volume-by-category-1h"):
        assert loaded.enabled[ident].distribution == "statscache"
    assert reasons(loaded) == {
        "TheirVolume": "its ident volume-1s is taken by statscache; to run this one, put "
        "'statscache:volume-1s' into statscache.plugins.disabled",
        "TheirCategories": "its ident volume-by-category-1h is taken by statscache; to run this "
        "one, put 'statscache:volume-by-category-1h' into statscache.plugins.disabled",
    }
    assert "put 'statscache:volume-1s' into statscache.plugins.disabled" in caplog.text


def test_what_the_log_says_resolves_the_clash(install, load):
    install("a-before-s", CLASHING, "both = both")
    loaded = load(plugins__disabled=["statscache:volume-1s"])
    assert loaded.enabled["volume-1s"].distribution == "a-before-s"
    assert loaded.disabled["volume-1s"].distribution == "statscache"
    assert loaded.enabled["volume-by-category-1h"].distribution == "statscache"
    assert set(reasons(loaded)) == {"TheirCategories"}


def test_a_clash_between_others_is_won_by_the_first_in_the_alphabet(install, load):
    code = "class Same(BasePlugin): name = 'same'"
    install("zebra", code, "same = Same")
    install("ant", code, "same = Same")
    loaded = load()
    assert loaded.enabled["same"].distribution == "ant"
    (skipped,) = loaded.skipped
    assert (skipped.name, skipped.distribution) == ("Same", "zebra")
    assert load(plugins__disabled=["ant:same"]).enabled["same"].distribution == "zebra"


def test_a_clash_with_one_that_is_off_is_none(install, load):
    code = """
        class TheirUsers(BasePlugin):
            name, interval = "volume, by user", timedelta(hours=1)
    """
    install("guests", code, "users = TheirUsers")
    loaded = load(plugins__enabled=["*", "guests:*"])
    assert loaded.enabled["volume-by-user-1h"].distribution == "guests"
    assert loaded.disabled["volume-by-user-1h"].distribution == "statscache"
    assert loaded.skipped == []


def test_the_base_itself_is_no_statistic(install, load):
    install("guests", "", "base = BasePlugin", "count = Count")
    assert theirs(load()) == set()
    assert BasePlugin.name is None


def test_a_personal_column_is_one_of_the_model(install, load):
    code = """
        class Odd(Count):
            name, by, interval, personal = "odd", ("who",), timedelta(days=1), ("user",)
    """
    install("guests", code, "odd = Odd")
    assert reasons(load())["Odd"] == "it has no such personal column: user"


# -- settings that a plugin declares -------------------------------------------------------------

DECLARING = f"""
    class Lines(Count):
        name, interval, by = "lines", {HOUR}, ("a",)
        settings = (
            Setting("least", 3, checks.whole_number(0, 100), "fewer lines are not counted"),
            Setting("where", "prod", checks.one_of("prod", "stg"), "the environment"),
        )
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.seen = self.setting("least")
    class Free(BasePlugin):
        name = "free"
"""


def values(loaded, config):
    plugin = loaded.enabled["lines-1h"].build(config)
    return plugin.seen, plugin.setting("least"), plugin.setting("where")


def test_declared_settings_are_read_simply_and_have_defaults(tmp_path, install):
    install("guests", DECLARING, "lines = Lines")
    places = {
        "statscache.journal.path": tmp_path / "journal.sqlite",
        "statscache.sqlalchemy.uri": f"sqlite:///{tmp_path / 'statscache.sqlite'}",
    }
    for given, expected in [
        ({}, (3, 3, "prod")),
        ({"statscache.lines.least": 7}, (7, 7, "prod")),
        ({"statscache.lines.where": "stg", "least": 50}, (3, 3, "stg")),
    ]:
        config = Config({**places, **given}, registry.names({}))
        assert values(registry.load(config), config) == expected


def test_in_a_test_of_its_own_a_plugin_takes_settings_by_their_short_names():
    class Plugin(BasePlugin):
        name = "x"
        settings = (Setting("least", 3, checks.whole_number(0, 9), "the least"),)

    assert Plugin(None, {}).setting("least") == 3
    assert Plugin(None, {"least": 5}).setting("least") == 5
    with pytest.raises(KeyError):
        Plugin(None, {"most": 5}).setting("most")


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            {"least": "many"},
            "statscache.lines.least is 'many'; allowed: a whole number from 0 to 100",
        ),
        ({"where": "test"}, "statscache.lines.where is 'test'; allowed: one of prod, stg"),
        (
            {"last": 5},
            "statscache.lines.last is no setting of lines; did you mean statscache.lines.least?",
        ),
    ],
)
def test_a_wrong_setting_of_a_plugin_is_refused_like_one_of_ours(tmp_path, install, own, said):
    install("guests", DECLARING, "lines = Lines", "free = Free")
    raw = {f"statscache.lines.{name}": value for name, value in own.items()}
    raw |= {
        "statscache.journal.path": tmp_path / "journal.sqlite",
        "statscache.sqlalchemy.uri": f"sqlite:///{tmp_path / 'statscache.sqlite'}",
        "statscache.free.anything": object(),
    }
    with pytest.raises(ConfigError) as error:
        registry.load(Config(raw, registry.names(raw)))
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("('least',)", "'least' among its settings is no Setting"),
        ("(Setting('A b', 1, int, ''),)", "is no Setting with a short name"),
        (
            "(Setting('a', -1, checks.whole_number(0, 1), ''),)",
            "its setting a refuses its own default (ValueError: a whole number from 0 to 1)",
        ),
        ("(Setting('a', 1, None, ''),)", "its setting a refuses its own default (TypeError: "),
    ],
)
def test_a_plugin_that_declares_nonsense_is_skipped(install, load, settings, reason):
    install("odd", f"class Odd(BasePlugin): name, settings = 'odd', {settings}", "odd = Odd")
    assert reason in reasons(load())["Odd"]


def test_what_an_older_plugin_calls_settings_is_its_own(install, load):
    install("old", "class Old(BasePlugin): name, settings = 'old', {'a': 1}", "old = Old")
    assert load().enabled["old"].plugin.settings == {"a": 1}


def test_rows_that_are_shown_as_one_have_no_newest_few(install, load):
    code = """
        class Odd(Distinct):
            name, by, interval, newest_of_each = "shown as one", ("who",), timedelta(days=1), 8
    """
    install("guests", code, "odd = Odd")
    assert "are shown as one" in reasons(load())["Odd"]
