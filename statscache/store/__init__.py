"""The database: its connections, its own tables, and what is written there in one transaction."""

from .database import Store

__all__ = ["Store"]
