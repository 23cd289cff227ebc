"""One process of the demo: calls what it is told to, and ends when the demo does.

Run as `python -m statscache.demo.child MODULE:FUNCTION NAME ARGUMENT...`; the function finds NAME
and the arguments in `sys.argv`.
"""

from __future__ import annotations

import os
import pkgutil
import signal
import sys
import threading
import time

GRACE = 10
"""Seconds to finish in, once the demo is gone."""


def main() -> None:
    target, *sys.argv = sys.argv[1:]
    # A terminal sends Ctrl-C to every process; when to end is for the demo to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_demo, daemon=True).start()
    pkgutil.resolve_name(target)()


def _end_with_the_demo() -> None:
    """Standard input is a pipe that only the demo holds open: it ends even if that is killed."""
    os.read(0, 1)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    main()
