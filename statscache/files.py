"""Files that only their owner reads."""

from __future__ import annotations

import os
from pathlib import Path

PRIVATE = 0o600
PRIVATE_DIRECTORY = 0o700


def make_private(path: Path) -> None:
    """Make the file `path`, and its folder if need be, where they are absent.

    Raises:
        OSError: it cannot be opened for writing.
    """
    path.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, PRIVATE))
