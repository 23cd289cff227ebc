from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.plugins import subjects
from statscache.plugins.fields import TABLE
from statscache.plugins.subjects import TopicParts, packages, topic_parts, users

BUILD = {
    "topic": "org.fedoraproject.prod.buildsys.build.state.change",
    "msg": {"owner": "ada", "name": "cairo"},
    "username": "apache",
}


@pytest.mark.parametrize(
    ("topic", "parts"),
    [
        (
            "org.fedoraproject.prod.bodhi.update.comment",
            "org.fedoraproject|prod|bodhi|update.comment",
        ),
        ("org.fedoraproject.stg.fas.user.create", "org.fedoraproject|stg|fas|user.create"),
        ("org.centos.stage.ci.pipeline.complete", "org.centos|stage|ci|pipeline.complete"),
        ("io.pagure.dev.pagure.issue.new", "io.pagure|dev|pagure|issue.new"),
        (
            "org.release-monitoring.prod.anitya.distro.add",
            "org.release-monitoring|prod|anitya|distro.add",
        ),
        ("com.example.bus.prod.git.receive", "com.example.bus|prod|git|receive"),
        ("example.dev.git.receive", "example|dev|git|receive"),
        ("org.debian.dev.dak", "org.debian|dev|dak|"),
        ("org.example.qa.wiki.page.edit", "org.example.qa||wiki|page.edit"),
        ("org.example.qa.wiki.page.dev.edit", "org.example.qa||wiki|page.dev.edit"),
        ("a.b.c.d", "a.b.c||d|"),
        ("fedoracollege.content.added", "||fedoracollege|content.added"),
        ("dev.content", "||dev|content"),
        ("ping", "||ping|"),
        ("org.fedoraproject.prod", "org.fedoraproject|prod|unclassified|"),
        ("org.fedoraproject.prod.", "org.fedoraproject|prod|unclassified|"),
        ("", "||unclassified|"),
        ("VirtualTopic.eng.brew.build.complete", "VirtualTopic.eng||brew|build.complete"),
        ("/topic/VirtualTopic.eng.brew.build", "/topic/VirtualTopic.eng||brew|build"),
        ("VirtualTopic.eng", "VirtualTopic.eng||unclassified|"),
    ],
)
def test_a_topic_is_taken_apart(topic, parts):
    assert topic_parts({"topic": topic}) == TopicParts(*parts.split("|"))


@pytest.mark.parametrize(
    "message", [{}, {"topic": None}, {"topic": ["a.b.c.d"]}, None, [], "a.b.c.d"]
)
def test_without_a_topic_a_message_is_unclassified(message):
    assert topic_parts(message) == TopicParts("", "", "unclassified", "")


def test_the_unix_account_of_the_publisher_is_never_a_user():
    message = {"topic": "org.fedoraproject.prod.compose.start", "msg": {}, "username": "apache"}

    assert users(message) == frozenset()


def test_what_the_headers_state_comes_before_the_fields():
    headers = {"fedora_messaging_user_grace": True, "fedora_messaging_rpm_gzip": True}
    message = {**BUILD, "headers": headers}

    assert users(message) == {"grace"}
    assert packages(message) == {"gzip"}


def test_headers_that_state_only_accounts_leave_the_packages_to_the_fields():
    message = {**BUILD, "headers": {"fedora_messaging_user_grace": True, "sent-at": "2026-01-01"}}

    assert users(message) == {"grace"}
    assert packages(message) == {"cairo"}


@pytest.mark.parametrize("value", [False, None, "", 0, "false"])
def test_a_header_that_is_not_true_states_nothing(value):
    assert users({**BUILD, "headers": {"fedora_messaging_user_grace": value}}) == {"ada"}


def test_stated_names_are_stripped_and_empty_ones_dropped():
    headers = {
        "fedora_messaging_user_ grace ": True,
        "fedora_messaging_user_": True,
        "fedora_messaging_user_ada@example.org": True,
    }

    assert users({**BUILD, "headers": headers}) == {"grace"}


class Known:
    """A source that knows of every message the same."""

    def __init__(self, users=None, packages=None):
        self._users, self._packages = users, packages

    def users(self, message):
        return self._users

    def packages(self, message):
        return self._packages


@pytest.fixture
def ask():
    yield subjects.ask
    subjects.ask(None)


def test_a_source_is_asked_before_the_fields(ask):
    ask(Known(users={"grace", " "}, packages=frozenset()))

    assert users(BUILD) == {"grace"}
    assert packages(BUILD) == frozenset()


def test_what_the_source_does_not_know_is_left_to_the_fields(ask):
    ask(Known())

    assert users(BUILD) == {"ada"}
    assert packages(BUILD) == {"cairo"}


def test_what_the_headers_state_comes_before_the_source(ask):
    ask(Known(users={"grace"}))

    assert users({**BUILD, "headers": {"fedora_messaging_user_edsger": True}}) == {"edsger"}


def test_a_source_can_be_taken_away(ask):
    ask(Known(users={"grace"}))
    ask(None)

    assert users(BUILD) == {"ada"}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
KEYS = sorted(
    {
        step
        for rows in TABLE.values()
        for row in rows
        for path in row.users + row.packages
        for step in path.steps
        if isinstance(step, str)
    }
)
LIKELY_JSON = st.recursive(
    SCALARS | st.sampled_from(["rpm", "rpms", "Fedora", "koji_build", "cairo-1-2.fc40", "ada"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=30,
)
TOPICS = st.builds(
    "org.fedoraproject.prod.{}.{}".format,
    st.sampled_from(sorted(TABLE)),
    st.sampled_from(sorted({row.event for rows in TABLE.values() for row in rows})),
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "topic": TOPICS | JSON,
        "msg": LIKELY_JSON | JSON,
        "headers": st.dictionaries(
            st.sampled_from(["fedora_messaging_user_", "fedora_messaging_rpm_"]).flatmap(
                lambda prefix: st.text().map(prefix.__add__)
            ),
            st.just(True) | SCALARS,
        )
        | JSON,
    },
)


@given(JSON | MESSAGES)
def test_no_message_makes_them_raise_or_is_changed(message):
    before = copy.deepcopy(message)

    parts = topic_parts(message)
    names = users(message) | packages(message)

    assert parts.category
    assert all(isinstance(part, str) for part in parts)
    assert all(name and name == name.strip() and "@" not in name for name in names)
    assert repr(message) == repr(before)


@given(
    st.lists(st.text(alphabet="abprodstgev/VirtualTopic", max_size=12), max_size=8).map(".".join)
)
def test_the_parts_of_a_topic_make_it_up_again(topic):
    parts = topic_parts({"topic": topic})
    category = "" if parts.category == "unclassified" else parts.category

    joined = ".".join(
        part for part in (parts.prefix, parts.environment, category, parts.event) if part
    )
    assert joined.replace(".", "") == topic.replace(".", "")
