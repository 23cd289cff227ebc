"""A message without a name: what it says stays, but not who it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce
from typing import Any

from ..message import ERASED, Message
from .subjects import users

KEPT = ("topic", "timestamp", "msg_id")
"""What no name is looked for in: by these the message is counted, and known."""

HEADER = "fedora_messaging_user_"
OPENID = r"\.id\.(?:stg\.)?fedoraproject\.org"


def redact(message: Message, names: Iterable[str]) -> Message:
    """A copy of `message` that is about none of the accounts `names` any more.

    Where one of them stands as a word, in whatever text, `ERASED` stands instead. If the message
    can still be told to be about one, it keeps nothing but topic, time and id.
    """
    names = sorted(names)
    words = [_word(name) for name in names]
    made = {key: one if key in KEPT else _replaced(one, words) for key, one in message.items()}
    if users(made).isdisjoint(names):
        return made
    return {**{key: made[key] for key in KEPT if key in made}, "msg": {}}


def _word(name: str) -> re.Pattern[str]:
    """Finds `name`, also as a wiki spells it, but not inside other names.

    And as it stands in the key of a header, or before the domain of OpenIDs.
    """
    spelled = f"[{re.escape(name[0])}{re.escape(name[0].upper())}]{re.escape(name[1:])}"
    before = rf"(?:\b{HEADER}|(?<![\w-])(?<!\w\.))"
    return re.compile(rf"{before}{spelled}(?:(?={OPENID})|(?![\w-])(?!\.\w))")


def _replaced(value: Any, words: list[re.Pattern[str]]) -> Any:
    if isinstance(value, str):
        return reduce(lambda text, word: word.sub(ERASED, text), words, value)
    if isinstance(value, list):
        return [_replaced(one, words) for one in value]
    if isinstance(value, dict):
        return {_replaced(key, words): _replaced(one, words) for key, one in value.items()}
    return value
