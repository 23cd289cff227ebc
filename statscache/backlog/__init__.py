"""The backlog: messages of the past enter the journal, from history or from whoever has them."""

from .backlog import Backlog

__all__ = ["Backlog"]
