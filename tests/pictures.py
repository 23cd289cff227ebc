"""Charts to draw, and what is seen in them."""

from __future__ import annotations

from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from statscache.charts import Chart, Series

UTC = ZoneInfo("UTC")
HOUR, DAY = 3_600, 86_400
START = 1_767_225_600
"""2026-01-01 00:00:00 UTC, a Thursday."""

SVG = "{http://www.w3.org/2000/svg}"


def chart(*values, names=(), length=HOUR, is_open=0, start=START, **others):
    """A chart with a series for each list of values, in windows from `start` on."""
    names = names or [f"key {number}" for number in range(len(values))]
    number = max(map(len, values), default=4)
    given = {
        "name": "builds",
        "title": "Builds",
        "unit": "builds",
        "per": "hour" if length == HOUR else "day",
        "zone": UTC,
        "borders": [start + index * length for index in range(number + 1)],
        "series": [Series(name, each) for name, each in zip(names, values, strict=True)],
        "is_open": is_open,
    }
    return Chart(**{**given, **others})


def parsed(text):
    """The root of the picture, which is well-formed."""
    return ElementTree.fromstring(text)


def texts(text):
    """All that stands in the picture, without what is only told."""
    return [one.text for one in parsed(text).iter(f"{SVG}text")]


def paths(text, class_):
    """What is drawn with exactly that class."""
    return [one.get("d") for one in parsed(text).iter(f"{SVG}path") if one.get("class") == class_]


def told(text):
    """The description for whoever does not see it."""
    return parsed(text).find(f"{SVG}desc").text
