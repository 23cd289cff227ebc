"""A number a window and category."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from .base import BaseModel
from .columns import BigInt


class CategorizedModel(BaseModel):
    """`category`: text; `scalar`: an integer."""

    __abstract__ = True

    @declared_attr
    def category(cls) -> Mapped[str]:  # noqa: N805
        return mapped_column(sa.UnicodeText, nullable=False)

    @declared_attr
    def scalar(cls) -> Mapped[int]:  # noqa: N805
        return mapped_column(BigInt, nullable=False)
