"""What authors use in tests of their own."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from statscache.errors import PluginError
from statscache.plugins import BasePlugin, Count, Setting, checks
from statscache.testing import Bus, Clock, Contract, ContractError, Scratch, invented

HOUR = timedelta(hours=1)
START = 1_767_225_600
TOPIC = "org.fedoraproject.prod.buildsys.build.state.change"

Message = dict[str, Any]


class Builds(Count):
    name, by, interval = "tested builds", ("state",), HOUR
    topics = (TOPIC,)
    settings = (Setting("prefix", "state ", checks.one_of("state ", ""), "before each state"),)

    def count(self, message: Message) -> Any:
        yield f"{self.setting('prefix')}{message['msg']['new']}"


class TestBuilds(Contract):
    plugins = Builds


class TestSeveral(Contract):
    """With settings, at several intervals, and messages of its own."""

    plugins = Builds.at(timedelta(minutes=1), HOUR)
    settings = {"prefix": ""}  # noqa: RUF012
    messages = [Bus().message(TOPIC, {"new": number % 3}) for number in range(5)]  # noqa: RUF012


def test_a_clock_stands_until_it_goes_on() -> None:
    clock = Clock()
    assert clock.now == START
    clock.advance(5.5)
    assert clock.now == START + 5.5


def test_a_bus_stamps_its_messages_and_gives_each_an_id() -> None:
    bus = Bus(Clock(START + 0.9))
    first, second = (bus.message("a.b", {"x": 1}, username="ada") for _ in range(2))
    assert first.keys() >= {"topic", "msg", "timestamp", "msg_id", "i", "username"}
    assert (first["timestamp"], first["username"]) == (START, "ada")
    assert first["msg_id"] != second["msg_id"]


def test_a_scratch_engine_counts_each_message_once_also_after_a_restart() -> None:
    bus = Bus()
    once, twice = (bus.message(TOPIC, {"new": 1}) for _ in range(2))
    with Scratch(Builds) as scratch:
        assert scratch.rows() == []
        scratch.count(once)
        scratch.restart()
        scratch.count(once, twice, bus.message("not.wanted", None))
        assert scratch.rows() == [{"timestamp": START, "state": "state 1", "volume": 2}]


def test_settings_and_one_of_several_statistics_are_chosen_by_name() -> None:
    with Scratch(Builds.at(HOUR, timedelta(days=1)), {"prefix": ""}) as scratch:
        scratch.count(Bus().message(TOPIC, {"new": 1}))
        assert scratch.rows("tested-builds-1d") == [{"timestamp": START, "state": "1", "volume": 1}]
        with pytest.raises(LookupError, match="name one of tested-builds-1h, tested-builds-1d"):
            scratch.rows()


def test_what_cannot_be_digested_is_raised_with_the_traceback() -> None:
    with Scratch(Builds) as scratch:
        with pytest.raises(ContractError, match=r"(?s)tested-builds-1h: .*KeyError: 'new'"):
            scratch.count(Bus().message(TOPIC, {}))
        scratch.count(Bus().message(TOPIC, {"new": 1}, msg_id="2026-another"))
        with pytest.raises(ContractError, match="no daemon takes such a message: no topic"):
            scratch.count({"msg": {}})


@pytest.mark.parametrize(
    ("plugins", "settings", "said"),
    [
        (type("Nameless", (BasePlugin,), {}), {}, "Nameless: its ident is 'none'"),
        ((), {}, "there is no plugin here"),
        (Builds, {"prefix": "x"}, "statscache.tests.prefix is 'x'; allowed: one of state , "),
        (Builds, {"suffix": "x"}, "statscache.tests.suffix is no setting of tests"),
    ],
)
def test_what_cannot_be_used_is_refused(plugins: Any, settings: Any, said: str) -> None:
    with pytest.raises(Exception, match=said) as refused:
        Scratch(plugins, settings)
    assert isinstance(refused.value, PluginError) or "statscache." in said


def test_a_contract_without_messages_that_matter_proves_nothing_and_fails() -> None:
    class Unheard(Contract):
        plugins = type("Unheard", (Builds,), {"name": "unheard", "topics": ("no.such.topic",)})

    class Rowless(Contract):
        plugins = type("Rowless", (Builds,), {"name": "rowless", "count": lambda *_: ()})

    for contract, said in [(Unheard, "no message has a topic that"), (Rowless, "made no rows")]:
        with pytest.raises(ContractError, match=said):
            contract().test_it_makes_rows_of_messages()


def test_a_bad_plugin_fails_the_test_of_the_clause_that_it_breaks() -> None:
    class Broken(Contract):
        plugins = type("Broken", (Builds,), {"name": "broken", "layout": object()})

    Broken().test_it_digests_messages()
    with pytest.raises(ContractError, match="its layout is not what JSON can say"):
        Broken().test_rows_are_what_json_can_say()


def test_invented_messages_are_the_same_every_time_and_not_too_many() -> None:
    class Wants:
        def wants(self, topic: str) -> bool:
            return topic == TOPIC

    found = invented([Wants()], most=50)  # type: ignore[list-item]
    assert found == invented([Wants()], most=50)  # type: ignore[list-item]
    assert 25 < len(found) <= 50
    assert {one["topic"] for one in found} == {TOPIC}
    assert found[-1]["timestamp"] - found[0]["timestamp"] > 2 * 86_400


def test_it_needs_neither_fedmsg_nor_pytest() -> None:
    outside = {"fedmsg", "moksha", "twisted", "flask", "click", "pytest", "rich"}
    script = (
        "import sys; before = set(sys.modules); import statscache.testing; "
        f"print(sorted({outside!r} & (sys.modules.keys() - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
