"""Rows made what they should be: messages let in, differences added, or rows counted anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ..engine.importer import Brought, Importer
from ..errors import RefusedError
from ..journal import Span
from ..models import CountModel
from ..models.base import NOTED, TOUCHED
from ..registry import Statistic
from ..store import Store, changes, checkpoints
from ..store.checkpoints import Checkpoint
from ..store.transaction import Transaction
from ..times import moment
from .comparison import rows
from .completeness import account, subtract
from .evidence import Difference
from .source import Source

TOGETHER = 2_000
"""Messages that are brought at once, at the most."""

TOGETHER_ROWS = 1_000
"""Rows that are mended in one transaction, about."""


def bring(importer: Importer, source: Source, span: Span, now: float) -> Brought:
    """Let in what the journal does not know of the messages of `span` (epoch seconds).

    They wait in the journal until the daemon counts them.
    """
    brought = Brought(0, 0, 0, Counter())
    found = source.read(int(span.start), int(span.stop))
    each = iter(one for one in found if not isinstance(one, RefusedError))
    while part := list(islice(each, TOGETHER)):
        brought = brought.plus(importer.bring(part, now))
    return brought


def adds(statistic: Statistic) -> bool:
    """Whether a difference can be added to the rows of the statistic."""
    return statistic.model is not None and issubclass(statistic.model, CountModel)


def mend(store: Store, statistic: Statistic, differences: Sequence[Difference], now: float) -> int:
    """Add to the rows what they lack, and take away what they have too much.

    Under the lock of the statistic's checkpoint, in transactions of some rows. A row that is not
    any longer what it was when it was compared is left as it is: it has to be compared again.
    Returns how many rows were mended.

    Raises:
        sqlalchemy.exc.DBAPIError: the database is away; each transaction is done or not.
    """
    each = iter(differences)
    done = 0
    while part := list(islice(each, TOGETHER_ROWS)):
        done += _mend(store, statistic, part, now)
    return done


def _mend(store: Store, statistic: Statistic, part: Sequence[Difference], now: float) -> int:
    def lock(connection: Connection) -> int:
        return checkpoints.lock(connection, statistic.ident).revision

    with Transaction(store, statistic.ident, lock) as transaction:
        connection = transaction.connection()
        held = checkpoints.read_one(connection, statistic.ident)
        same = list(_as_they_were(connection, held, part))
        _add(transaction.session, statistic, [one for one in same if one.recomputed])
        for one in same:
            if not one.recomputed:
                _delete(transaction.session, one)
        if same:
            touched = transaction.touched
            changes.note(connection, statistic.ident, transaction.revision, touched, now)
        transaction.commit()
    return len(same)


def _as_they_were(
    connection: Connection, held: Checkpoint, part: Sequence[Difference]
) -> Iterator[Difference]:
    """Those of which the row is what it was when it was compared, and is to be kept."""
    whole = account(connection, held).whole
    for window, group in groupby(part, attrgetter("part")):
        # Its rows may have expired meanwhile, or been recalled.
        is_kept = window.start >= held.horizon and not subtract(
            [Span(window.start, window.stop)], whole
        )
        now = dict(rows(connection, window)) if is_kept else {}
        for one in group:
            if is_kept and now.get(one.key) == one.stored:
                yield one


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
