"""A message without a name: about nobody, and otherwise the same."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import message

from statscache.message import decode, encode
from statscache.plugins import packages, users
from statscache.plugins.redaction import redact

COMMENT = "org.fedoraproject.prod.bodhi.update.comment"


def about(text: Any, **changes: Any) -> dict[str, Any]:
    return message(topic=COMMENT, msg={"agent": "kevin", "text": text}, **changes)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("kevin", "(erased)"),
        ("Kevin said so.", "(erased) said so."),
        ("said by kevin.", "said by (erased)."),
        ("kevin's ~kevin/project", "(erased)'s ~(erased)/project"),
        ("https://kevin.id.fedoraproject.org/", "https://(erased).id.fedoraproject.org/"),
        ("kevin@fedoraproject.org", "(erased)@fedoraproject.org"),
        ({"kevin": [{"is": "kevin"}]}, {"(erased)": [{"is": "(erased)"}]}),
        ("kevin-1.0 python-kevin kevin.spec kevins a.kevin", None),
        (7, None),
    ],
)
def test_a_name_goes_where_it_stands_as_a_word_and_nowhere_else(text: Any, left: Any) -> None:
    expected = {"agent": "(erased)", "text": text if left is None else left}
    assert redact(about(text), ["kevin"])["msg"] == expected


def test_what_headers_state_goes_too() -> None:
    stated = message(headers={"fedora_messaging_user_kevin": True, "sent-at": "now"})
    assert users(stated) == {"kevin"}
    assert redact(stated, ["kevin"])["headers"] == {"(erased)": True, "sent-at": "now"}


def test_topic_time_and_id_stay_whatever_they_say() -> None:
    sent = message(topic="org.fedoraproject.prod.kevin.kevin", msg_id="kevin", timestamp=1)
    kept = redact(sent, ["kevin"])
    assert all(kept[key] == sent[key] for key in ("topic", "msg_id", "timestamp"))


def test_what_is_still_about_somebody_keeps_nothing_else() -> None:
    wiki = message(topic="org.fedoraproject.prod.wiki.article.edit", msg={"user": "KEVIN"})
    assert users(wiki) == {"kevin"}
    assert redact(wiki, ["kevin"]) == {
        **{key: wiki[key] for key in ("topic", "timestamp", "msg_id")},
        "msg": {},
    }


NAMES = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
TEXTS = st.text(string.ascii_lowercase + " .-_/@'", max_size=20)


@given(NAMES, NAMES, st.lists(TEXTS))
def test_who_was_erased_is_not_told_and_everybody_else_is(
    name: str, other: str, texts: list[str]
) -> None:
    msg = {"agent": name, "user": other, "texts": texts}
    sent = message(topic="org.fedoraproject.prod.fas.user.update", msg=msg)
    left = redact(sent, [name])
    assert users(left) == users(sent) - {name}
    assert decode(encode(left)) == left


def test_packages_are_told_as_before() -> None:
    build = message(msg={"name": "kernel", "owner": "kevin", "new": 1})
    assert packages(build) == {"kernel"}
    assert packages(redact(build, ["kevin"])) == {"kernel"}
