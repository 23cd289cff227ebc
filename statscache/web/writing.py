"""Rows written out: by the format, or by the model where it knows a way of its own."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..formats import csv, json
from ..models import BaseModel
from . import rows
from .negotiation import CSV, JSON

_WRITERS = {JSON: ("to_json", json.dumps), CSV: ("to_csv", csv.dumps)}


def write(connection: Connection, model: type[BaseModel], page: rows.Page, name: str) -> str:
    """The rows of `page` in the format of that name."""
    method, dumps = _WRITERS[name]
    own = getattr(sa.inspect(model).mapper.class_, method)
    if getattr(own, "__func__", own) is not getattr(BaseModel, method).__func__:
        text: str = own(rows.instances(connection, model, page))
        return text
    return dumps(rows.names(model), [row[:-1] for row in page.rows])
