"""How many different there are: people, packages, hosts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from ..errors import PluginError
from ..message import Message
from ..models.count import Row
from ..models.distinct import distinct_model, member
from .count import Count, Found


class Distinct(Count):
    """Counts the different members of each window and key, of any coarser window too.

    A subclass names its key columns in `by`, and says in `count` of which member a message is. The
    rows have a `timestamp`, the key columns, `distinct`, and a `volume`: how often members came.

    It is exact but for the chance that two members have the same hash; see `models.distinct`.
    """

    _hidden = ("member",)

    @cached_property
    def model(self) -> Any:
        """The class of the rows, made when it is first asked for."""
        return distinct_model(self.ident, tuple(self.by))

    def count(self, message: Message) -> Iterable[Found]:
        """The members that `message` is of: a text where there are no key columns, else a tuple.

        The tuple has a text for each key column, and then the member. Nothing yielded is nothing
        counted.
        """
        raise PluginError(f"{self.ident} lacks `count`, which yields the members of a message")

    def written(self, name: str) -> dict[str, str]:
        return {
            column: member(text) if column in self._hidden else text
            for column, text in super().written(name).items()
        }

    def _figures(self) -> Iterable[str]:
        return ("distinct",)

    def _row(self, start: int, found: Found) -> tuple[Row, int]:
        row, amount = super()._row(start, found)
        texts = [str(text) for text in row[1:]]
        texts[-1] = member(texts[-1])
        return (start, *texts), amount
