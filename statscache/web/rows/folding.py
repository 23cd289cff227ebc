"""The SQL that makes one row of those of a window and key, in the way of their model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

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
    keys = [column.label(f"key_{index}") for index, column in enumerate(group)]
    stored = [
        getattr(model, name).label(f"stored_{index}")
        for index, name in enumerate(mapped(model).folded_columns())
    ]
    return sa.select(*keys, *stored).where(*where).subquery()


def fold(model: Model, group: Group, where: Conditions, figures: Sequence[str]) -> sa.Select[Any]:
    """The `group`s of those rows, each once, with its `figures`."""
    found = rows(model, group, where)
    keys, stored = [*found.c][: len(group)], [*found.c][len(group) :]
    own = mapped(model)
    return own.fold(keys, dict(zip(own.folded_columns(), stored, strict=True)), figures)
