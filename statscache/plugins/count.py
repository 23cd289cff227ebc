"""How often something happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from ..errors import PluginError
from ..message import Message
from ..models import BaseModel, CountModel, count_model
from ..models.count import Row
from ..schedule import Schedule
from ..text import key as text_key
from .api import BasePlugin

Found = str | float | tuple[str | float, ...]
"""What `count` yields: a key, or a tuple of them, or such a tuple with an amount at its end."""


class Count(BasePlugin):
    """Counts messages, or what is in them, for each window and key.

    A subclass names its key columns in `by` and says in `count` what a message adds to. The rows
    have a `timestamp`, a `volume` and the key columns; table and migration come by themselves.
    Key columns that name people are `personal`: an account that was erased is no key in them.
    """

    by: ClassVar[tuple[str, ...]] = ()

    _hidden: ClassVar[tuple[str, ...]] = ()
    """Key columns behind those in `by`, which are stored and not shown."""

    def __init__(
        self,
        schedule: Schedule | None,
        config: Mapping[str, Any],
        model: type[BaseModel] | None = None,
    ) -> None:
        super().__init__(schedule, config, model)
        if schedule is None:
            raise PluginError(f"{type(self).__name__} counts in windows: give it an interval")
        refuse_odd_columns(self.by, {*dir(CountModel), *self._hidden, *self._figures()})
        self._stored_by = (*self.by, *self._hidden)
        self._length = schedule.length

    @cached_property
    def model(self) -> Any:
        """The class of the rows, made when it is first asked for."""
        return count_model(self.ident, tuple(self.by))

    def count(self, message: Message) -> Iterable[Found]:
        """What `message` adds one to: a text for one key column, a tuple of texts for several.

        A tuple that ends in a whole number more adds that instead of one; `()` is the key of a
        statistic without key columns. Nothing yielded is nothing counted.
        """
        return ((),)

    def _figures(self) -> Iterable[str]:
        """The columns that the rows show beside `volume` and those in `by`."""
        return ()

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        amounts: Counter[Row] = Counter()
        for (window, key), times in Counter(self._found(messages)).items():
            row, amount = self._row(int(window) * self._length, key)
            amounts[row] += amount * times
        self.model.add(session, amounts)

    def _found(self, messages: Iterable[Message]) -> Iterator[tuple[float, Found]]:
        """The window of each message, by its number since 1970, and each key that it adds to."""
        length, count, texts = self._length, self.count, self._texts
        for message in messages:
            window, found = message["timestamp"] // length, count(message)
            if isinstance(found, str):
                raise PluginError(f"count returned the text {found!r}: yield it, or return a list")
            for key in found:
                yield window, key if type(key) is str else texts(key)

    def _texts(self, found: Any) -> Found:
        """The key with its parts as texts, but for an amount at its end."""
        # Equal keys are equal texts: 1, 1.0 and True must not be taken for one another.
        if type(found) is str or found == ():
            plain: Found = found
            return plain
        parts = found if isinstance(found, tuple) else (found,)
        columns = len(self._stored_by)
        return (*map(str, parts[:columns]), *parts[columns:])

    def _row(self, start: int, found: Found) -> tuple[Row, int]:
        parts: Sequence[Any] = found if isinstance(found, tuple) else (found,)
        amount = 1
        by = self._stored_by
        if len(parts) == len(by) + 1 and isinstance(parts[-1], int):
            amount, parts = parts[-1], parts[:-1]
        if len(parts) != len(by):
            raise PluginError(
                f"{self.ident} counts by {', '.join(by) or 'nothing'}, but yielded {found!r}"
            )
        if self._hidden and amount < 0:
            raise PluginError(f"{self.ident} can take nothing away, but yielded {found!r}")
        texts = [*map(text_key, parts)]
        if any(texts[by.index(column)] in self.erased for column in self.personal):
            amount = 0  # which makes no row
        return (start, *texts), amount


def refuse_odd_columns(by: object, taken: set[str]) -> None:
    """Refuse what cannot name key columns, beside the names that are `taken`.

    Raises:
        PluginError: it says which name.
    """
    if not isinstance(by, tuple | list):
        raise PluginError(f"`by` is {by!r}: name the key columns in a tuple, as in ('state',)")
    for name in by:
        if not isinstance(name, str) or not name.isidentifier() or name.lower() in taken:
            raise PluginError(f"{name!r} in `by` cannot be the name of a key column")
        taken.add(name.lower())
