"""The journal: everything the bus handed over, in order of arrival, on local disk, once per id.

One SQLite file, guarded by a lock on a file beside it. Positions rise and are never used twice.
An id is kept longer than the entry it names, so that a message is known again after it was
counted and trimmed. SQLite has no checksums: each entry and each id brings its own.
"""

from .journal import Journal
from .reader import Reader
from .rows import Kept, Refusals, Span
from .writer import Writer

__all__ = ["Journal", "Kept", "Reader", "Refusals", "Span", "Writer"]
