"""The tables that statistics keep their rows in; each writes itself out."""

from .base import BaseModel
from .categorized import CategorizedModel
from .count import CountModel, count_model
from .distinct import DistinctModel, distinct_model
from .histogram import HistogramModel, histogram_model
from .log import CategorizedLogModel, ConstrainedCategorizedLogModel
from .scalar import ScalarModel

__all__ = [
    "BaseModel",
    "CategorizedLogModel",
    "CategorizedModel",
    "ConstrainedCategorizedLogModel",
    "CountModel",
    "DistinctModel",
    "HistogramModel",
    "ScalarModel",
    "count_model",
    "distinct_model",
    "histogram_model",
]
