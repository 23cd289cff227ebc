"""How many different members there were in a window: a row for each, folded when it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..text import storable
from .columns import BigInt
from .count import Columns, CountModel, made, total

DIGEST_BYTES = 8


class DistinctModel(CountModel):
    """Shows `distinct`, how many members there are, and `volume`, how often they came in all.

    Distincts merge, they never sum: who came on two days of a week is one of that week. So the
    rows of any windows and keys are folded by counting the members anew.
    """

    __abstract__ = True

    figures = ("distinct", "volume")
    hidden_key = "member"

    @classmethod
    def column_types(cls) -> dict[str, sa.types.TypeEngine[Any]]:
        mapped = sa.inspect(cls).columns
        return {name: BigInt if name == "distinct" else mapped[name].type for name in cls.columns()}

    @classmethod
    def fold(
        cls, group: Sequence[sa.ColumnElement[Any]], stored: Columns, figures: Sequence[str]
    ) -> sa.Select[Any]:
        found = {
            # Rows that were counted by other rules know of no members.
            "distinct": sa.func.nullif(sa.func.count(stored["member"].distinct()), 0),
            "volume": total(stored["volume"]),
        }
        return sa.select(*group, *(found[name].label(name) for name in figures)).group_by(*group)


@cache
def distinct_model(ident: str, by: tuple[str, ...]) -> type[DistinctModel]:
    """The model of the statistic `ident` with the key columns `by`, made once."""
    return made(DistinctModel, ident, (*by, "member"))


def member(text: str) -> str:
    """What stands for `text`: 64 bits of its BLAKE2b (RFC 7693), as 16 hexadecimal digits.

    Of n texts, two are taken for one with a chance of about n^2 / 2^65: 1 in 37 million for a
    million of them.
    """
    return hashlib.blake2b(storable(text).encode(), digest_size=DIGEST_BYTES).hexdigest()
