"""The tables that statistics keep their rows in; each writes itself out."""

from .base import BaseModel
from .categorized import CategorizedModel
from .count import CountModel, count_model
from .log import CategorizedLogModel, ConstrainedCategorizedLogModel
from .scalar import ScalarModel

__all__ = [
    "BaseModel",
    "CategorizedLogModel",
    "CategorizedModel",
    "ConstrainedCategorizedLogModel",
    "CountModel",
    "ScalarModel",
    "count_model",
]
