"""A statistic to sum, and what is asked of it, reckoned row by row in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from math import ceil

from statscache.models import count_model
from statscache.plugins import BasePlugin
from statscache.times import epoch, moment

BY = ("arch", "state")
MODEL = count_model("summed-1m", BY, ("late",))


class Summed(BasePlugin):
    """Two keys and two sums a minute."""

    name = "summed"
    interval = timedelta(minutes=1)
    model = MODEL


def reckon(rows, query):
    """The columns and all rows of `query`; those that are stored are (time, arch, state, sums)."""
    shape, found = query.shape, list(chosen(rows, query))
    names = renamed(found, shape)
    sums = defaultdict(lambda: defaultdict(Counter))
    for row in found:
        key = names[tuple(row[name] for name in shape.by)]
        sums[shape.windows.start(row["time"])][key].update(
            {name: row[name] for name in ("volume", "late")}
        )
    for start in filled(found, query):
        sums[start]
    if shape.pivot:
        return pivoted(query, sums, list(dict.fromkeys(names.values())))
    columns = [name for name in MODEL.columns() if name in ("timestamp", *shape.by, *shape.sums)]
    made = []
    for start in ordered(sums, query):
        for key in ordered(sums[start], query) or [()]:
            values = {"timestamp": moment(start), **dict(zip(shape.by, key, strict=False))}
            values |= {
                name: sums[start][key][name] if key in sums[start] else shape.fill
                for name in shape.sums
            }
            made.append([values[name] for name in columns])
    return columns, made[: query.limit]


def chosen(rows, query):
    """Those in the range and by the filters."""
    for time, arch, state, volume, late in rows:
        row = {"time": time, "arch": arch, "state": state, "volume": volume, "late": late}
        if (
            (query.start is None or time >= epoch(query.start))
            and time <= epoch(query.stop)
            and (query.before is None or time < epoch(query.before))
            and all(row[name] in values for name, values in query.filters)
        ):
            yield row


def renamed(found, shape):
    """What each key is shown as, those that are shown by themselves first, and sorted."""
    totals = Counter()
    for row in found:
        totals[tuple(row[name] for name in shape.by)] += row[shape.sums[0]]
    ranked = sorted(totals, key=lambda key: (-totals[key], key))
    kept, others = sorted(ranked[: shape.top]), ranked[shape.top :] if shape.top else []
    rest = ("other",) * len(shape.by)
    names = {key: underscored(key, kept) if others and key == rest else key for key in kept}
    return names | dict.fromkeys(others, rest)


def underscored(key, taken):
    while key in taken:
        key = tuple(part + "_" for part in key)
    return key


def pivoted(query, sums, keys):
    shape = query.shape
    titles = [
        underscored(key, [*keys, ("timestamp",)])[0] if key == ("timestamp",) else key[0]
        for key in keys
    ]
    made = [
        [
            moment(start),
            *(
                sums[start][key][shape.sums[0]] if key in sums[start] else shape.fill
                for key in keys
            ),
        ]
        for start in ordered(sums, query)
    ]
    return ["timestamp", *titles], made[: query.limit]


def filled(found, query):
    """The windows that get a row in any case."""
    windows, times = query.shape.windows, [row["time"] for row in found]
    first = ceil(epoch(query.start) / 60) * 60 if query.start else min(times, default=None)
    if query.shape.fill is None or first is None:
        return
    stop = (
        epoch(query.stop)
        if query.before is None
        else min(epoch(query.before) - 1, epoch(query.stop))
    )
    start = windows.start(first)
    while start <= stop and first <= stop:
        yield start
        start = windows.end(start)


def ordered(keys, query):
    return sorted(keys, reverse=query.order == "desc")
