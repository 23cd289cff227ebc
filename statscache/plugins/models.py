"""Where plugins of old find the models."""

from ..models import (
    BaseModel,
    CategorizedLogModel,
    CategorizedModel,
    ConstrainedCategorizedLogModel,
    ScalarModel,
)

__all__ = [
    "BaseModel",
    "CategorizedLogModel",
    "CategorizedModel",
    "ConstrainedCategorizedLogModel",
    "ScalarModel",
]
