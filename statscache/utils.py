"""What packages of old, and their tests, call by this name; nothing else belongs here."""

from __future__ import annotations

from sqlalchemy.orm import Session, scoped_session, sessionmaker

from .models import BaseModel
from .store import Store


def create_tables(uri: str) -> None:
    """Make the tables of all models that are imported, where absent."""
    store = Store(uri)
    with store.writing() as connection:
        BaseModel.metadata.create_all(connection)
    store.close()


def init_model(uri: str) -> scoped_session[Session]:
    """Sessions on that database: each thread has its own, on connections of its own."""
    return scoped_session(sessionmaker(Store(uri).engine))
