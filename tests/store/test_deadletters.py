"""Messages that a plugin could not digest, set aside with the traceback."""

from __future__ import annotations

import json

from guests import letters
from samples import NOW, message, name

from statscache.message import entry
from statscache.store import Store, deadletters

LIMITS = {"maximum_future": 60.0, "maximum_bytes": 10_000}


def test_a_message_is_kept_as_it_was(store: Store) -> None:
    messages = [None, {"a": [1.5, True]}, "\0", "\ud83d alone", 2**70]
    with store.writing() as connection:
        for number, msg in enumerate(messages):
            made = entry(message(number, msg=msg), NOW, **LIMITS)
            deadletters.add(connection, "a-1s", made, "Error", "Traceback", NOW)
    kept = [json.loads(letter["body"])["msg"] for letter in letters(store, "a-1s").values()]
    assert kept == messages


def test_a_dead_letter_says_what_happened_and_when(store: Store) -> None:
    made = entry(message(1), NOW, **LIMITS)
    with store.writing() as connection:
        deadletters.add(connection, "a-1s", made, "Error: \0 \ud83d", "Traceback \0", NOW + 1)
    (letter,) = letters(store, "a-1s").values()
    assert (letter["message_id"], letter["topic"]) == (name(1), message()["topic"])
    assert (letter["time"], letter["arrived"]) == (NOW - 60, NOW)
    assert (letter["set_aside"], letter["attempts"]) == (NOW + 1, 1)
    assert (letter["error"], letter["traceback"]) == (r"Error: \u0000 \ud83d", r"Traceback \u0000")


def test_one_message_can_be_a_dead_letter_of_several(store: Store) -> None:
    made = entry(message(1), NOW, **LIMITS)
    with store.writing() as connection:
        for ident in ("a", "b"):
            deadletters.add(connection, ident, made, "Error", "Traceback", NOW)
    assert letters(store, "a").keys() == letters(store, "b").keys() == {name(1)}
