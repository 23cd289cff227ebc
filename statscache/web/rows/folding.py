"""The SQL that makes one row of those of a window and key, in the way of their model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ...models.count import total
from .span import Model

Group = Sequence[sa.ColumnElement[Any]]
"""What is the same in all rows that become one."""

Conditions = Iterable[sa.ColumnElement[bool]]


def mapped(model: Model) -> Model:
    """The model itself, where `model` is an alias."""
    found: Model = sa.inspect(model).mapper.class_
    return found


def rows(model: Model, group: Group, where: Conditions) -> sa.Subquery:
    """Those rows: first their `group`, and then what figures are made of."""
    return _named(group, [*_stored(model)]).where(*where).subquery()


def fold(model: Model, group: Group, where: Conditions, figures: Sequence[str]) -> sa.Select[Any]:
    """The `group`s of those rows, each once, with its `figures`."""
    return _fold(model, group, rows(model, group, where), figures)


def fold_windows(
    model: Model, group: Group, where: Conditions, figures: Sequence[str]
) -> sa.Select[Any]:
    """The same, where the first of the `group` is reckoned from the time and nothing else."""
    own = mapped(model)
    if own.hidden_key is not None or len(group) > len(own.by):
        return fold(model, group, where, figures)
    # The rows are stored in the order of their times: added up for each, few are left to sort.
    added = _named(group, [total(column) for column in _stored(model)]).where(*where)
    keys = [f"key_{index}" for index in range(1, len(group))]
    return _fold(model, group, added.group_by(model.timestamp, *keys).subquery(), figures)


def _stored(model: Model) -> Iterable[sa.ColumnElement[Any]]:
    return (getattr(model, name) for name in mapped(model).folded_columns())


def _named(group: Group, stored: Sequence[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    keys = [column.label(f"key_{index}") for index, column in enumerate(group)]
    figures = [column.label(f"stored_{index}") for index, column in enumerate(stored)]
    return sa.select(*keys, *figures)


def _fold(model: Model, group: Group, found: sa.Subquery, figures: Sequence[str]) -> sa.Select[Any]:
    keys, stored = [*found.c][: len(group)], [*found.c][len(group) :]
    own = mapped(model)
    return own.fold(keys, dict(zip(own.folded_columns(), stored, strict=True)), figures)
