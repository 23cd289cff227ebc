"""The tables that statistics keep their rows in; each writes itself out."""

from .base import BaseModel
from .categorized import CategorizedModel
from .count import CountModel, count_model
from .distinct import DistinctModel, distinct_model
from .histogram import HistogramModel, histogram_model
from .latest import LatestModel, Newest, latest_log_model, latest_model
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
    "LatestModel",
    "Newest",
    "ScalarModel",
    "count_model",
    "distinct_model",
    "histogram_model",
    "latest_log_model",
    "latest_model",
]
