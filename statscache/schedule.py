"""Time cut into windows: half-open, whole seconds, aligned to the Unix epoch in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """The seconds from `start` (included) to `end` (excluded), epoch seconds, UTC."""

    start: int
    end: int


class Schedule:
    """A repeating interval, aligned to the Unix epoch.

    Answers are naive or aware as the question was; naive datetimes are UTC. `now` defaults to
    the present, naive.

    Args:
        interval: a whole number of seconds, more than none.
        epoch: accepted because older plugins pass it; windows are always aligned to 1970.

    Raises:
        TypeError: `interval` is no timedelta.
        ValueError: `interval` is not a positive whole number of seconds.
    """

    def __init__(self, interval: timedelta, epoch: datetime | None = None) -> None:
        if not isinstance(interval, timedelta):
            raise TypeError(f"interval must be a timedelta, not {interval!r}")
        if interval <= timedelta(0) or interval.microseconds:
            raise ValueError(f"interval must be a positive number of whole seconds: {interval!r}")
        self.interval = interval
        self.length = interval // SECOND

    @property
    def days(self) -> int:
        return self.length // 86400

    @property
    def hours(self) -> int:
        return self.length // 3600 % 24

    @property
    def minutes(self) -> int:
        return self.length // 60 % 60

    @property
    def seconds(self) -> int:
        return self.length % 60

    def start(self, time: float) -> int:
        """The start of the window that holds `time`; both in epoch seconds."""
        return int(time // self.length) * self.length

    def window(self, time: float | datetime) -> Window:
        """The window that holds `time` (epoch seconds, or a datetime)."""
        # In whole seconds: `timestamp()` rounds the last microseconds of a far year up.
        seconds = (_aware(time) - EPOCH) // SECOND if isinstance(time, datetime) else time
        start = self.start(seconds)
        return Window(start, start + self.length)

    def last(self, now: datetime | None = None) -> datetime:
        """The start of the window that holds `now`."""
        return _like(now, self.window(now or datetime.now(UTC)).start)

    def next(self, now: datetime | None = None) -> datetime:
        """The end of the window that holds `now`."""
        return _like(now, self.window(now or datetime.now(UTC)).end)

    def time_to_fire(self, now: datetime | None = None) -> timedelta:
        """What is left of the window that holds `now`: more than nothing, at most the interval."""
        now = _aware(now or datetime.now(UTC)).astimezone(UTC)
        return self.next(now) - now

    def __float__(self) -> float:
        """Seconds until the present window ends."""
        return self.time_to_fire().total_seconds()

    def __str__(self) -> str:
        """`1d2h3m4s`, without the parts that are nought."""
        parts = zip((self.days, self.hours, self.minutes, self.seconds), "dhms", strict=True)
        return "".join(f"{number}{unit}" for number, unit in parts if number)

    def __repr__(self) -> str:
        return f"Schedule({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and other.length == self.length

    def __hash__(self) -> int:
        return hash(self.length)


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _like(question: datetime | None, seconds: int) -> datetime:
    """`seconds` as a datetime, aware (in its zone) or naive as `question` was."""
    aware = datetime.fromtimestamp(seconds, UTC)
    if question is not None and question.tzinfo:
        return aware.astimezone(question.tzinfo)
    return aware.replace(tzinfo=None)


def family(ident: str, schedule: Schedule | None) -> str:
    """What a statistic is called without the length of its windows: `volume` for `volume-1h`."""
    return ident.removesuffix(f"-{schedule}") if schedule else ident
