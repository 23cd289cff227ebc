"""Files that only their owner reads, and where nobody else can put others in their place."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

PRIVATE = 0o600
PRIVATE_DIRECTORY = 0o700


def make_private(path: Path) -> None:
    """Make the file `path`, and the folders above it, where they are absent.

    Raises:
        OSError: it cannot be read and written.
    """
    for folder in (*reversed(path.parent.parents), path.parent):
        if not folder.exists():
            folder.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, PRIVATE))
    elif path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    # Not tried by opening it: to close it would let go of every lock that this process has on it.
    elif not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def shared_folder(path: Path) -> Path | None:
    """The folder on the way to `path` in which everybody may put something else in its place.

    A sticky one, such as `/tmp`, lets everybody make files, and only their owners replace them:
    it does no harm to what stands in a private folder inside.
    """
    real = Path(os.path.realpath(path))
    for folder in real.parents:
        try:
            mode = folder.stat().st_mode
        except OSError:
            continue  # made, or told of, when the file is
        if not stat.S_ISDIR(mode):
            continue  # as above
        if mode & stat.S_IWOTH and (folder == real.parent or not mode & stat.S_ISVTX):
            return folder
    return None
