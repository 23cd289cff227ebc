"""The daemon without its doors: what takes messages in, and has every plugin count them."""

from .engine import Engine

__all__ = ["Engine"]
