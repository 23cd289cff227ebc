"""The audit: what it keeps of each minute, and what can be told from it."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from itertools import count

import sqlalchemy as sa
from guests import on_postgresql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pages import ROOT
from samples import NOW
from sqlalchemy.orm import Session

from statscache.builtin.audit import LATE, Audit
from statscache.plugins import Schedule
from statscache.registry import ARGUMENTS
from statscache.times import epoch

OPERATOR = ROOT / "docs" / "operator.rst"
MINUTE = 60
COLUMNS = ("volume", "late", "fingerprint_1", "fingerprint_2")

A_KNOWN_ID = "00000000-0000-0000-0000-000000000001"
ITS_LANES = (0x7AC1B8D7, 0x010BB6CD)
"""As `printf %s ID | sha256sum` says it."""

FIRST = "sum(('x' || left(encode(sha256(convert_to(id, 'UTF8')), 'hex'), 8))::bit(32)::bigint)"
SECOND = FIRST.replace("left(", "substr(").replace(", 8)", ", 9, 8)")
OF_AN_ARCHIVE = f"""
    SELECT floor(extract(epoch FROM sent) / 60)::bigint * 60, count(*), {FIRST}, {SECOND}
    FROM (SELECT sent, regexp_replace(msg_id, '^[0-9]{{4}}-(?=.)', '') AS id FROM archive) AS ids
    GROUP BY 1
"""

ids = st.uuids().map(str) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
times = st.floats(NOW, NOW + 3 * MINUTE)
messages = st.lists(
    st.tuples(ids, times, st.floats(-5, 3 * LATE)), unique_by=lambda one: one[0], max_size=20
)


def envelope(name, time=NOW, behind=0.0):
    return {"topic": "x.y", "msg_id": name, "timestamp": time, "arrived": time + behind}


def audit(store, *buckets):
    """Hand those buckets to an empty audit; its rows, by the start of their minute."""
    plugin = Audit(Schedule(Audit.interval), {})
    with store.writing() as connection, Session(connection) as session:
        connection.execute(sa.delete(Audit.model))
        for bucket in buckets:
            plugin.handle(session, [envelope(*one) for one in bucket])
    return read(store)


def read(store):
    table = Audit.model.__table__
    with store.reading() as connection:
        found = connection.execute(sa.select(table.c["timestamp", *COLUMNS]))
        return {int(epoch(time)): sums for time, *sums in found}


def by_coreutils(name):
    """The two lanes of an id as another program reckons them."""
    said = subprocess.run(["sha256sum"], input=name.encode(), capture_output=True, check=True)
    return int(said.stdout[:8], 16), int(said.stdout[8:16], 16)


def test_a_row_is_what_it_always_was(store):
    assert by_coreutils(A_KNOWN_ID) == ITS_LANES
    assert audit(store, [(A_KNOWN_ID, NOW + 59.9)]) == {NOW: [1, 0, *ITS_LANES]}


def test_each_minute_is_the_sum_of_its_messages(store):
    some = [(f"id-{n}", NOW + 25 * n, 11.0 * n) for n in range(9)]
    wanted: dict[float, list[int]] = {}
    for name, time, behind in some:
        row = wanted.setdefault(time - time % 60, [0, 0, 0, 0])
        for column, amount in enumerate((1, behind > 60, *by_coreutils(name))):
            row[column] += amount
    assert audit(store, some) == wanted
    assert sum(row[1] for row in wanted.values()) == 3


def test_late_is_more_than_a_minute_after_it_was_sent(store):
    some = [("on time", NOW, 0), ("early", NOW, -9), ("just", NOW, LATE), ("late", NOW, LATE + 0.1)]
    assert audit(store, some)[NOW][:2] == [4, 1]


LAWS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@LAWS
@given(messages, st.integers(0, 20), st.randoms(use_true_random=False))
def test_neither_order_nor_split_makes_a_difference(store, some, middle, shuffled):
    whole = audit(store, some)
    assert audit(store, some[:middle], some[middle:]) == whole
    shuffled.shuffle(some)
    assert audit(store, *([one] for one in some)) == whole


@LAWS
@given(messages.filter(len), ids, st.randoms(use_true_random=False))
def test_one_id_that_differs_is_seen(store, some, other, chosen):
    place = chosen.randrange(len(some))
    _, time, behind = some[place]
    if other in {one[0] for one in some}:
        return
    changed = [*some[:place], (other, time, behind), *some[place + 1 :]]
    before, after = audit(store, some), audit(store, changed)
    minute = time // 60 * 60
    assert before[minute][0] == after[minute][0]
    assert before[minute][2] != after[minute][2]
    assert before[minute][3] != after[minute][3]
    assert {**before, minute: None} == {**after, minute: None}


def test_thousands_of_sets_of_ids_have_as_many_fingerprints(store):
    numbers, source = count(), random.Random(7)
    sets = [[f"{next(numbers)}" for _ in range(source.randrange(1, 4))] for _ in range(3_000)]
    rows = audit(
        store,
        [(name, NOW + MINUTE * minute) for minute, names in enumerate(sets) for name in names],
    )
    for lane in (2, 3):
        assert Counter(Counter(row[lane] for row in rows.values()).values()) == {1: 3_000}


def test_sums_are_exact_up_to_63_bits(store):
    with store.writing() as connection, Session(connection) as session:
        for _ in range(2):
            Audit.model.add(session, {(int(NOW),): (1, 0, 2**62 - 1, 2**52)})
    assert read(store) == {NOW: [2, 0, 2**63 - 2, 2**53]}


def test_two_daemons_that_heard_the_same_agree_whatever_the_bridge_and_the_order(make_engine):
    """And the engine hands over what the audit asks for."""
    some = [
        {"topic": "x.y", "msg": {}, "timestamp": NOW - n * 20, "msg_id": f"2026-{n:032x}"}
        for n in range(10)
    ]
    bare = [{**one, "msg_id": one["msg_id"][5:]} for one in reversed(some)]
    engine = make_engine(plugins__enabled=["audit-1m"])
    for one in some + bare:
        engine.accept(one, NOW + 5, more=True)
    assert engine.drain(NOW + 5)
    names = [(one["msg_id"][5:], one["timestamp"], NOW + 5 - one["timestamp"]) for one in some]
    found = read(engine.store)
    assert sum(row[0] for row in found.values()) == 10
    assert sum(row[1] for row in found.values()) == 7
    assert found == audit(engine.store, names)


@on_postgresql
def test_an_archive_reckons_the_same_in_sql_as_the_docs_say(store):
    assert f"``{FIRST}``" in OPERATOR.read_text()
    some = [(f"{n % 3 + 2024}-é{n}", NOW + 7.3 * n) for n in range(50)] + [("2026-", NOW)]
    with store.writing() as connection:
        connection.execute(sa.text("CREATE TABLE archive (msg_id text, sent timestamptz)"))
        connection.execute(
            sa.text("INSERT INTO archive VALUES (:name, to_timestamp(:time))"),
            [{"name": name, "time": time} for name, time in some],
        )
        archive = connection.exec_driver_sql(OF_AN_ARCHIVE.replace("%", "%%")).all()
    known = [(name[5:] or name, time) for name, time in some]
    wanted = {minute: [row[0], *row[2:]] for minute, row in audit(store, known).items()}
    assert {minute: sums for minute, *sums in archive} == wanted


def test_its_columns_can_be_asked_for():
    assert set(COLUMNS) & ARGUMENTS == set()
    assert Audit.model.columns() == ["timestamp", *sorted(COLUMNS)]
