"""Numbers in windows of time as pictures: SVG that needs no script, no font and no other file."""

from .chart import Chart, Series
from .drawing import KINDS, draw, room
from .reading import reading

__all__ = ["KINDS", "Chart", "Series", "draw", "reading", "room"]
