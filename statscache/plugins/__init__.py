"""The only address that a plugin imports.

A plugin is a class, registered in the entry-point group `statscache.plugin`, that turns the
messages of the bus into the rows of a model. `Count` is the shortest way to one.
"""

from ..models import (
    BaseModel,
    CategorizedLogModel,
    CategorizedModel,
    ConstrainedCategorizedLogModel,
    ScalarModel,
    count_model,
)
from ..schedule import Schedule, Window
from .api import BasePlugin
from .count import Count
from .subjects import packages, topic_parts, users
from .threads import Future, Queue, asynchronous
from .workers import AsyncPlugin

__all__ = [
    "AsyncPlugin",
    "BaseModel",
    "BasePlugin",
    "CategorizedLogModel",
    "CategorizedModel",
    "ConstrainedCategorizedLogModel",
    "Count",
    "Future",
    "Queue",
    "ScalarModel",
    "Schedule",
    "Window",
    "asynchronous",
    "count_model",
    "packages",
    "topic_parts",
    "users",
]
