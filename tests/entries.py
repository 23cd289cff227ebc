"""Entries for the tests of the journal, and how they are read back."""

from __future__ import annotations

from typing import Any

from samples import NOW

from statscache.journal import Kept, Reader
from statscache.message import EVERYBODY, Entry

LARGE = 10**9
"""More than any position or number."""


def entry(
    number: object, addressee: str = EVERYBODY, arrived: float = NOW, body: bytes = b"{}"
) -> Entry:
    return Entry(f"id-{number}", arrived, arrived - 5, "org.example.prod.a", body, addressee)


def entries(*numbers: object, **changes: Any) -> list[Entry]:
    return [entry(number, **changes) for number in numbers]


def kept(journal: Reader) -> list[Kept]:
    return journal.slice(0, LARGE, LARGE)


def positions(journal: Reader) -> list[int]:
    return [one.position for one in kept(journal)]
