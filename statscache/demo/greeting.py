"""What the demo says on the terminal, or wherever its output goes."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from .recording import Survey

QUESTIONS = {
    "Which statistics there are": "api/",
    "Messages of each category in each hour of the last day, as CSV": (
        "api/volume-by-category-1h/export.csv?start=-1d"
    ),
    "Messages in each of the latest seconds": "api/volume-1s?limit=10",
    "What each statistic means, and how fresh it is": "api/?detail=1",
}
"""What a newcomer may want to ask, and where the web application answers it."""

SHOWN = 5
"""Lines of a recording that are complained about one by one."""


def recording(console: Console, file: Path, survey: Survey, rate: float | None) -> None:
    """What will be replayed, and what of the file is left out."""
    for complaint in survey.complaints[:SHOWN]:
        _say(console, f"{file}, {complaint}", "yellow")
    if len(survey.complaints) > SHOWN:
        _say(console, f"{file}: {len(survey.complaints):,} lines are left out in all", "yellow")
    hint = "" if rate else "; --rate sets another pace"
    length = timedelta(seconds=round(survey.seconds))
    _say(console, f"{file}: {survey.number:,} messages are replayed in {length}{hint}")


@contextmanager
def progress(console: Console, days: int) -> Iterator[Callable[[float, int], None]]:
    """Shows how history is filled in; call it with the share that is done, and the messages."""
    history = f"{days} {'day' if days == 1 else 'days'} of history"
    columns = (
        TextColumn(f"Filling in {history}"),
        BarColumn(),
        TextColumn("{task.fields[number]:,} messages"),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.add_task("", total=1, number=0)
    (task,) = bar.tasks
    with bar:
        yield lambda share, messages: bar.update(task.id, completed=share, number=messages)
    messages, seconds = task.fields["number"], task.elapsed or 0
    if messages:
        _say(console, f"Filled in {history}: {messages:,} messages in {seconds:.0f} s")


def welcome(console: Console, url: str, folder: Path) -> None:
    """Everything runs: what to look at, what to ask, where the data is, how to end."""
    _say(console, f"\nstatscache is up: {url}", "bold green")
    for question, path in QUESTIONS.items():
        _say(console, f"\n{question}:", "dim")
        _say(console, f"  curl -s {shlex.quote(url + path)}")
    _say(console, f"\nIts data, its settings and its logs are in {folder}")
    _say(console, "Ctrl-C ends it.")


def good_bye(console: Console, folder: Path) -> None:
    """The demo has ended; how to look at it again, unless it was removed."""
    if not folder.exists():
        _say(console, "\nThe demo has ended, and its data is gone.")
        return
    _say(console, "\nThe demo has ended; its data is kept. To look at it again:")
    _say(console, f"  cd {shlex.quote(str(folder))} && {_command()} serve")


def _say(console: Console, text: str, style: str = "") -> None:
    """Print a line as it is: nothing in it is markup, and it is not broken."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _command() -> str:
    """How to call statscache from a shell: its name alone where that finds this very program."""
    here = Path(sys.argv[0]).absolute()
    found = shutil.which("statscache")
    return "statscache" if found and here.samefile(found) else shlex.quote(str(here))
