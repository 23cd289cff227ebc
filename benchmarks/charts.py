"""How fast a chart is drawn, from a client's request to the last byte of its answer.

Two tables are served by gunicorn to one client that keeps its connection, with an empty Flask route
in the same process as the floor. One holds a year of days in five categories, and is drawn whole.
The other is that of `rest.py`, hours in 40 categories, of which a year is summed up. No answer is
asked for twice in the same way of a client that knows its tag: all are drawn anew.

    python benchmarks/charts.py [--rows 350400]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import rest
import sqlalchemy as sa
from live import machine
from rest import DAY, STOP, YEAR, Question

from statscache.store import Store
from statscache.store.tables import checkpoint

IDENT = "volume-by-category-1d"
TABLE = "stat_volume_by_category_1d"
CATEGORIES = 5
RANGE = f"start={STOP - YEAR}&before={STOP}"
DAYS, HOURS = f"/api/{IDENT}.svg?{RANGE}", f"{rest.PATH}.svg?{RANGE}"

QUESTIONS = (
    Question("line, 5 series", DAYS),
    Question("stacked, 5 series, 1000 pixels", f"{DAYS}&kind=stacked&width=1000"),
    Question("calendar", f"{DAYS}&kind=calendar"),
    Question("spark", f"{DAYS}&kind=spark&fields=volume&width=400"),
    Question("the same rows as JSON", f"/api/{IDENT}?{RANGE}&pivot=category&rows_per_page=365"),
    Question("line, 40 categories by the hour", f"{HOURS}&every=1d"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=rest.EACH * YEAR // rest.HOUR)
    arguments = parser.parse_args()
    print(machine())
    with (
        tempfile.TemporaryDirectory(prefix="statscache-") as name,
        rest.postgres.server() as server,
    ):
        report(f"sqlite:///{Path(name) / 'charts.sqlite'}", arguments.rows)
        with rest.postgres.new_database(server) as uri:
            report(uri, arguments.rows)


def report(uri: str, number: int) -> None:
    rest.fill(uri, number)
    fill_days(uri)
    print(f"\n{sa.make_url(uri).get_backend_name()}: a year by the day")
    print(f"{'milliseconds':34}first, p50, p99, floor p50, p99, ratio")
    with rest.gunicorn(uri) as client:
        for question in QUESTIONS:
            rest.tell(question.name, rest.ask(client, None, question))
        tag = client.get(DAYS)
        tag.read()
        headers = {"If-None-Match": tag.headers["ETag"]}
        again = Question("line, 5 series, 304", DAYS, headers=headers, status=304)
        rest.tell(again.name, rest.ask(client, None, again))


def fill_days(uri: str) -> None:
    """A year of days in each category."""
    store = Store(uri)
    with store.writing() as connection:
        statement = rest.FILL[connection.dialect.name].format(
            table=TABLE, begin=STOP - YEAR, number=YEAR // DAY * CATEGORIES, each=CATEGORIES
        )
        connection.execute(sa.text(statement.replace("* 3600", f"* {DAY}")))
        connection.execute(sa.insert(checkpoint).values({**rest.PROGRESS, "ident": IDENT}))
    store.close()


if __name__ == "__main__":
    main()
