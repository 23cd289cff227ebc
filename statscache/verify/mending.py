"""Rows made what they should be: messages let in, differences added, or rows counted anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ..backlog.importer import NOTHING, Brought, Importer
from ..errors import RefusedError
from ..journal import Span
from ..models import CountModel
from ..models.base import NOTED, TOUCHED
from ..registry import Statistic
from ..store import changes, checkpoints, erased
from ..store.erased import Erased
from ..store.transaction import Transaction
from ..times import moment
from .comparison import Amounts, rows
from .completeness import account, subtract
from .evidence import Difference
from .source import Source
from .verification import Case

TOGETHER = 2_000
"""Messages that are brought at once, at the most."""

TOGETHER_ROWS = 1_000
"""Rows that are mended in one transaction, about."""


def bring(importer: Importer, source: Source, span: Span, now: float) -> Brought:
    """Let in what the journal does not know of the messages of `span` (epoch seconds).

    They wait in the journal until the daemon counts them.
    """
    brought = NOTHING
    found = source.read(int(span.start), int(span.stop))
    each = iter(one for one in found if not isinstance(one, RefusedError))
    while part := list(islice(each, TOGETHER)):
        brought = brought.plus(importer.bring(part, now))
    return brought


def adds(statistic: Statistic) -> bool:
    """Whether a difference can be added to the rows of the statistic."""
    return statistic.model is not None and issubclass(statistic.model, CountModel)


def mend(case: Case, statistic: Statistic, differences: Sequence[Difference]) -> int:
    """Add to the rows what they lack, and take away what they have too much.

    Under the lock of the statistic's checkpoint, in transactions of some rows. What was counted
    since they were compared makes no difference to a difference. But rows that have expired, or
    have gone for another reason, are left as they are. Returns how many were mended.

    Nobody else may mend at the same time: both would add the same.

    Raises:
        sqlalchemy.exc.DBAPIError: the database is away; each transaction is done or not.
    """
    each = iter(differences)
    done = 0
    while part := list(islice(each, TOGETHER_ROWS)):
        done += _mend(case, statistic, part)
    return done


def _mend(case: Case, statistic: Statistic, part: Sequence[Difference]) -> int:
    with Transaction(case.store, statistic.ident) as transaction:
        connection = transaction.connection()
        due = list(_still_due(connection, part, case.now))
        _add(transaction.session, statistic, [one for one, sums in due if any(sums)])
        for one, sums in due:
            if not any(sums):
                _delete(transaction.session, one)
        if due:
            touched = transaction.touched
            changes.note(connection, statistic.ident, transaction.revision, touched, case.now)
        transaction.commit()
    return len(due)


def _still_due(
    connection: Connection, part: Sequence[Difference], now: float
) -> Iterator[tuple[Difference, Amounts]]:
    """Those that can be mended, and the sums that their rows will then have."""
    held = checkpoints.read_one(connection, part[0].ident)
    past, gone = account(connection, held), erased.read(connection)
    for window, group in groupby(part, attrgetter("part")):
        span = Span(window.start, window.stop)
        if span.start < held.horizon or subtract([span], past.whole) or past.recalled > now:
            continue
        there = dict(rows(connection, window))
        for one in group:
            if (one.key in there or one.stored is None) and not _names(one, gone):
                yield one, _sum(there.get(one.key), one.delta)


def _names(one: Difference, gone: Erased) -> bool:
    """Whether it is a row about somebody who was erased since it was compared."""
    names = dict(zip(one.part.names, one.key[1:], strict=True))
    return any(names.get(column) in gone for column in one.part.statistic.plugin.personal)


def _sum(*several: Amounts | None) -> Amounts:
    return tuple(map(sum, zip(*filter(None, several), strict=True)))


def _add(session: Session, statistic: Statistic, those: Sequence[Difference]) -> None:
    assert statistic.model
    assert issubclass(statistic.model, CountModel)
    amounts = {(int(one.key[0]), *one.key[1:]): one.delta for one in those}
    if len(statistic.model.sums) > 1:
        statistic.model.add(session, amounts)
    else:
        statistic.model.add(session, {row: delta[0] for row, delta in amounts.items()})


def _delete(session: Session, one: Difference) -> None:
    model, names = one.part.model, one.part.names
    those = dict(zip(names, one.key[1:], strict=True))
    delete = sa.delete(model).where(model.timestamp == moment(one.key[0]))
    session.execute(delete.filter_by(**those).execution_options(**{NOTED: True}))
    session.info[TOUCHED].add((one.key[0], tuple(those.items())))
