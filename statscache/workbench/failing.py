"""What somebody who writes a plugin wants to see of a failure: the part that is theirs."""

from __future__ import annotations

import os
from pathlib import Path

FRAME = '  File "'
OURS = f"{FRAME}{Path(__file__).parent.parent}{os.sep}"
PYTHONS = (f"{FRAME}{Path(os.__file__).parent}{os.sep}", f"{FRAME}<frozen ")
BEGINS = "Traceback (most recent call last):"


def own_frames(traceback: str) -> str:
    """The traceback without what of it lies above the plugin."""
    lines = traceback.rstrip().split("\n")
    first = next(
        (at for at, line in enumerate(lines) if line.startswith(FRAME) and _is_theirs(line)), None
    )
    if first is None or lines[0] != BEGINS:
        return "\n".join(lines)
    return "\n".join([BEGINS, *lines[first:]])


def _is_theirs(line: str) -> bool:
    if line.startswith(PYTHONS):
        return "site-packages" in line
    return not line.startswith(OURS)
