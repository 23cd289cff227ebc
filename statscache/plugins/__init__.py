"""The only address that a plugin imports.

A plugin is a class, registered in the entry-point group `statscache.plugin`, that turns the
messages of the bus into the rows of a model. `Count` and `Latest` are the shortest ways to one.
"""

from .. import checks
from ..config import Setting
from ..models import (
    BaseModel,
    CategorizedLogModel,
    CategorizedModel,
    ConstrainedCategorizedLogModel,
    ScalarModel,
    count_model,
    latest_log_model,
    latest_model,
)
from ..schedule import Schedule, Window
from .api import BasePlugin
from .asynchronous import AsyncPlugin
from .count import Count
from .distinct import Distinct
from .histogram import Histogram
from .latest import Latest
from .subjects import packages, topic_parts, users
from .threads import Future, Queue, asynchronous

__all__ = [
    "AsyncPlugin",
    "BaseModel",
    "BasePlugin",
    "CategorizedLogModel",
    "CategorizedModel",
    "ConstrainedCategorizedLogModel",
    "Count",
    "Distinct",
    "Future",
    "Histogram",
    "Latest",
    "Queue",
    "ScalarModel",
    "Schedule",
    "Setting",
    "Window",
    "asynchronous",
    "checks",
    "count_model",
    "latest_log_model",
    "latest_model",
    "packages",
    "topic_parts",
    "users",
]
