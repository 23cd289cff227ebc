"""Texts that happened, by category."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from .base import BaseModel


class CategorizedLogModel(BaseModel):
    """`category`: text, indexed; `message`: text."""

    __abstract__ = True

    @declared_attr.directive
    def __table_args__(cls) -> tuple[sa.Index, ...]:  # noqa: N805
        # The newest of each category is asked for.
        return (sa.Index(None, "category", "timestamp"),)

    @declared_attr
    def category(cls) -> Mapped[str]:  # noqa: N805
        return mapped_column(sa.UnicodeText, nullable=False)

    @declared_attr
    def message(cls) -> Mapped[str]:  # noqa: N805
        return mapped_column(sa.UnicodeText, nullable=False)


class ConstrainedCategorizedLogModel(CategorizedLogModel):
    """And `category_constraint`: text, or None: what one row of a category is about."""

    __abstract__ = True

    @declared_attr
    def category_constraint(cls) -> Mapped[str | None]:  # noqa: N805
        return mapped_column(sa.UnicodeText, nullable=True)
