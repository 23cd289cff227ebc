"""Where plugins of old find `Schedule`."""

from ..schedule import Schedule

__all__ = ["Schedule"]
