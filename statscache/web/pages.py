"""How pages write times."""

from __future__ import annotations

from ..times import moment

DAY = 86_400


def days(seconds: float | None) -> str:
    """How long something is kept: `7 days`; None is `for ever`."""
    if seconds is None:
        return "for ever"
    number = f"{seconds / DAY:.3g}" if seconds < 1000 * DAY else f"{seconds / DAY:.0f}"
    return "1 day" if number == "1" else f"{number} days"


def utc(seconds: float) -> str:
    """Epoch seconds as date and time, in UTC."""
    return moment(seconds).isoformat(" ", "seconds")
