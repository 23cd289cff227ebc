"""The public models, and the types of their columns, on each kind of database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pictures import told
from sqlalchemy.orm import Mapped, Session, mapped_column

from statscache.errors import ChartError
from statscache.models import (
    BaseModel,
    CategorizedLogModel,
    CategorizedModel,
    ConstrainedCategorizedLogModel,
    ScalarModel,
)
from statscache.models.columns import Key
from statscache.times import epoch, moment

GOLDEN = Path(__file__).parent.parent / "golden"
AT = datetime(2026, 1, 1)
EAST = timezone(timedelta(hours=5, minutes=45))


class Scalar(ScalarModel):
    __tablename__ = "data_models_scalar"


class Categorized(CategorizedModel):
    __tablename__ = "data_models_categorized"


class Log(CategorizedLogModel):
    __tablename__ = "data_models_log"


class ConstrainedLog(ConstrainedCategorizedLogModel):
    __tablename__ = "data_models_constrained_log"


class Custom(BaseModel):
    """As older packages write theirs: columns of their own, a timestamp of their own."""

    __tablename__ = "data_models_custom"
    by = ("name",)
    timestamp = mapped_column(sa.DateTime, nullable=False, index=True)
    zeta: Mapped[int]
    name = mapped_column(Key, unique=True)
    alpha = mapped_column(sa.JSON)
    renamed = mapped_column("column", sa.Integer)


MODELS = [Scalar, Categorized, Log, ConstrainedLog, Custom]


@pytest.fixture
def session(store):
    """A session whose tables are new; nothing is left of it."""
    with store.connection() as connection, connection.begin() as transaction:
        for model in MODELS:
            model.__table__.create(connection)
        with Session(connection) as session:
            yield session
        transaction.rollback()


def stored(session, column, value):
    """What the database gives back for `value` in `column`."""
    model = column.class_
    others = {"scalar": 0} if column is not Scalar.scalar else {}
    row = model(**{"timestamp": AT, **others, column.key: value})
    session.add(row)
    session.flush()
    session.expire(row)
    return getattr(row, column.key)


# -- what they have ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (Scalar, ["timestamp", "scalar"]),
        (Categorized, ["timestamp", "category", "scalar"]),
        (Log, ["timestamp", "category", "message"]),
        (ConstrainedLog, ["timestamp", "category", "category_constraint", "message"]),
        (Custom, ["timestamp", "alpha", "name", "renamed", "zeta"]),
    ],
)
def test_a_row_shows_its_timestamp_and_then_the_others_sorted(model, columns):
    assert model.columns() == columns


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_an_id_and_an_indexed_timestamp(model):
    table = model.__table__
    assert [column.name for column in table.primary_key] == ["id"]
    assert not table.c.timestamp.nullable
    assert "timestamp" in {column.name for index in table.indexes for column in index.columns}


def test_two_models_share_no_column():
    assert Scalar.__table__.c.timestamp is not Log.__table__.c.timestamp
    assert Log.__table__.name != ConstrainedLog.__table__.name
    assert not issubclass(ConstrainedLog, Log)


def test_public_models_are_unique_by_nothing_but_their_id(session):
    for _ in range(2):
        session.add(Scalar(timestamp=AT, scalar=1))
        session.add(Categorized(timestamp=AT, category="a", scalar=1))
        session.add(Log(timestamp=AT, category="a", message="b"))
        session.add(ConstrainedLog(timestamp=AT, category="a", message="b"))
    session.flush()
    for model in MODELS[:4]:
        ids = session.scalars(sa.select(model.id).order_by(model.id)).all()
        assert ids == [1, 2]


def test_a_constraint_may_be_absent_and_nothing_else(session):
    session.add(ConstrainedLog(timestamp=AT, category="a", message="b"))
    session.flush()
    for broken in (Scalar(timestamp=AT), Scalar(scalar=1), Log(timestamp=AT, category="a")):
        with session.begin_nested() as savepoint:
            session.add(broken)
            with pytest.raises(sa.exc.IntegrityError):
                session.flush()
            savepoint.rollback()


# -- how they are written out --------------------------------------------------------------------


def rows():
    return [
        ConstrainedLog(
            id=7,
            timestamp=AT,
            category="composes",
            message='{"name": "rawhide", "extra_text": "größer, \\"schneller\\""}',
            category_constraint=None,
        ),
        ConstrainedLog(
            id=8,
            timestamp=AT + timedelta(seconds=1, microseconds=500_000),
            category="pushes, \U0001f600",
            message="two\nlines",
            category_constraint="=1+1",
        ),
        ConstrainedLog(
            id=9,
            timestamp=datetime(1969, 12, 31, 23, 59, 59),
            category="",
            message="\0\ud800",
            category_constraint="",
        ),
    ]


def test_json_is_a_list_of_objects_without_id():
    assert ConstrainedLog.to_json(rows()) + "\n" == (GOLDEN / "log.json").read_text()


def test_csv_has_a_header_and_the_timestamp_first():
    assert ConstrainedLog.to_csv(rows()).encode() == (GOLDEN / "log.csv").read_bytes()


def test_html_is_a_table_with_the_timestamp_first():
    assert ConstrainedLog.to_html(rows()) == (GOLDEN / "log.html").read_text()


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_written_out_as_nothing(model):
    assert model.to_json([]) == "[]"
    assert model.to_html([]).count("<tr>") == 1
    assert model.to_csv([]) == ",".join(model.columns()) + "\r\n"


def test_any_iterable_of_rows_is_written_out(session):
    session.add_all(Scalar(timestamp=AT + timedelta(hours=n), scalar=n) for n in range(3))
    session.flush()
    found = session.scalars(sa.select(Scalar).order_by(Scalar.timestamp.desc()))
    assert Scalar.to_csv(found) == (
        "timestamp,scalar\r\n1767232800,2\r\n1767229200,1\r\n1767225600,0\r\n"
    )


# -- what the columns hold -----------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1, 2**31, 2**63 - 1, -(2**63)])
def test_a_scalar_holds_64_bits(session, value):
    assert stored(session, Scalar.scalar, value) == value


@pytest.mark.parametrize(
    "time",
    [
        AT,
        AT.replace(tzinfo=UTC),
        AT.replace(tzinfo=UTC).astimezone(EAST),
        1_767_225_600,
        1_767_225_600.0,
    ],
)
def test_a_timestamp_is_naive_utc_however_it_was_told(session, time):
    session.execute(sa.text("SELECT 1"))
    if session.bind.dialect.name == "postgresql":
        session.execute(sa.text("SET TIME ZONE 'Asia/Kathmandu'"))
    assert stored(session, Scalar.timestamp, time) == AT
    found = session.scalars(sa.select(Scalar.timestamp).where(Scalar.timestamp == time))
    assert found.all() == [AT]
    assert session.scalars(sa.select(Scalar.timestamp).where(Scalar.timestamp > time)).all() == []


@pytest.mark.parametrize(
    "time",
    [
        datetime(1970, 1, 1),
        datetime(1969, 12, 31, 23, 59, 59, 999_999),
        datetime(2024, 2, 29, 12, 0, 0, 1),
        datetime(2199, 12, 31, 23, 59, 59, 999_999),
    ],
)
def test_a_timestamp_is_kept_to_the_microsecond(session, time):
    assert stored(session, Scalar.timestamp, time) == time


def test_timestamps_sort_and_compare_as_time_does(session):
    times = [AT + timedelta(microseconds=n) for n in (5, -1, 0, 1_000_000, -7_200_000_000)]
    session.add_all(Scalar(timestamp=time, scalar=0) for time in times)
    session.flush()
    assert session.scalars(sa.select(Scalar.timestamp).order_by(Scalar.timestamp)).all() == sorted(
        times
    )
    assert session.scalar(sa.select(sa.func.max(Scalar.timestamp))) == max(times)
    later = sa.select(sa.func.count()).where(Scalar.timestamp >= AT)
    assert session.scalar(later) == 3


KEYS = ["", "A", "B", "Z", "_", "a", "b", "z", "ß", "é", "ﬀ", "\U0001f600", "a ", "e\u0301", "~"]


def test_keys_are_compared_and_sorted_by_code_point(session):
    session.add_all(Custom(timestamp=AT, zeta=0, name=name, alpha=None, renamed=0) for name in KEYS)
    session.flush()
    assert session.scalars(sa.select(Custom.name).order_by(Custom.name)).all() == sorted(KEYS)
    assert session.scalar(sa.select(sa.func.max(Custom.name))) == max(KEYS)
    for name in KEYS:
        assert session.scalars(sa.select(Custom.name).where(Custom.name == name)).all() == [name]


@settings(max_examples=200)
@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
@example(datetime(2038, 1, 19, 3, 14, 7, 999_999))
def test_moment_and_epoch_undo_each_other(time):
    assert moment(epoch(time)) == time
    assert moment(epoch(time.replace(tzinfo=UTC).astimezone(EAST))) == time


def test_numbers_are_drawn_by_category_or_key():
    rows = [("indoors", 20), ("outdoors", -5)]
    made = [Categorized(timestamp=AT, category=name, scalar=number) for name, number in rows]
    assert "2 series: indoors, outdoors." in told(Categorized.to_svg(made))
    assert "Highest: 7 " in told(Scalar.to_svg([Scalar(timestamp=AT, scalar=7)]))
    customs = [Custom(timestamp=AT, name=name, zeta=1, renamed=2) for name in "ab"]
    assert "2 series: a, b." in told(Custom.to_svg(customs))


def test_what_has_no_numbers_cannot_be_drawn():
    with pytest.raises(ChartError):
        Log.to_svg([Log(timestamp=AT, category="a", message="b")])
