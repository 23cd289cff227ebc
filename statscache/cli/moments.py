"""Moments as options: epoch seconds, ISO 8601, or relative to now."""

from __future__ import annotations

import time

import click

from ..errors import QueryError
from ..times import epoch, moment, parse


class Moment(click.ParamType[float]):
    """Epoch seconds, given in any of the ways in which requests give times."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, int | float):
            return float(value)
        try:
            return epoch(parse("time", str(value), moment(time.time())))
        except QueryError as error:
            self.fail(f"{value!r} is no time; allowed: {error.allowed}", param, ctx)


MOMENT = Moment()
