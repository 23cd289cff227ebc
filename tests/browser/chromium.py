"""A Chromium to look at pages with: one that is on PATH, or the one that playwright can fetch.

As a program it sees to it that there is one.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "libatomic1")
"""Of Debian: the second is what playwright itself needs, and small machines lack."""

CURE = f"""\
The tests of the pages need a Chromium, and there is none that starts. Install one that is on PATH
as {", ".join(NAMES[:-1])} or {NAMES[-1]}
(Debian: apt-get install {" ".join(PACKAGES)}), or let playwright fetch its own:
{sys.executable} -m playwright install --only-shell chromium"""


def installed() -> str | None:
    """The path of one that is on PATH."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A running one, without a window.

    It has no sandbox, which needs rights that containers lack: it sees no pages but ours.

    Raises:
        RuntimeError: there is none, or it does not start.
    """
    with ExitStack() as stack:
        try:
            playwright = stack.enter_context(sync_playwright())
            browser = playwright.chromium.launch(
                executable_path=installed(), chromium_sandbox=False
            )
        # Where a library of its own is missing, playwright raises nothing more special.
        except Exception as error:
            raise RuntimeError(f"{CURE}\n\n{error}") from error
        yield browser
        browser.close()


def install() -> None:
    """Debian's, where that is allowed; else playwright's.

    Raises:
        RuntimeError: it could not be installed.
    """
    try:
        for command in _commands(is_root=os.geteuid() == 0):
            subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"{CURE}\n\n{error}") from error


def _commands(*, is_root: bool) -> list[list[str]]:
    if is_root and platform.freedesktop_os_release()["ID"] == "debian":
        apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        return [[*apt, "update"], [*apt, "install", "--yes", "--no-install-recommends", *PACKAGES]]
    options = ["--with-deps"] if is_root else []
    return [[sys.executable, "-m", "playwright", "install", *options, "--only-shell", "chromium"]]


def main() -> None:
    try:
        with launched():
            return
    except RuntimeError:
        install()
    with launched():
        return


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
    print(f"The pages are looked at by {installed() or 'the Chromium of playwright'}")
