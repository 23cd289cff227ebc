"""One number a window."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from .base import BaseModel
from .columns import BigInt


class ScalarModel(BaseModel):
    """`scalar`: an integer."""

    __abstract__ = True

    @declared_attr
    def scalar(cls) -> Mapped[int]:  # noqa: N805
        return mapped_column(BigInt, nullable=False)
