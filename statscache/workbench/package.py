"""A new package with a plugin: what `statscache plugin new` writes."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path
from string import Template

from ..errors import PluginError

SKELETON = Path(__file__).parent / "skeleton"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
ENDING = ".in"
TAKEN = frozenset({"statscache", *sys.stdlib_module_names})


def make(name: str, folder: Path) -> list[Path]:
    """Write the package `name` into `folder`; the files that were made.

    Raises:
        PluginError: it is no name for a package, or something of it is there already.
    """
    names = _names(name)
    files = {
        folder / Template(source.name.removesuffix(ENDING)).substitute(names): source
        for source in sorted(SKELETON.glob(f"*{ENDING}"))
    }
    for path in files:
        if path.exists():
            raise PluginError(f"{path} is there already, and is not overwritten: name another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, source in files.items():
            with path.open("x") as file:
                file.write(Template(source.read_text()).substitute(names))
    except OSError as error:
        raise PluginError(f"{error.filename} cannot be written: {error.strerror}") from error
    return sorted(files)


def _names(name: str) -> dict[str, str]:
    """What the package, and what is in it, is called."""
    module = name.replace("-", "_")
    if not NAME.fullmatch(name) or keyword.iskeyword(module) or module in TAKEN:
        raise PluginError(
            f"{name!r} is no name for a package of plugins; take lower-case words with hyphens "
            "between them, such as copr-statistics"
        )
    words = name.split("-")
    return {
        "name": name,
        "module": module,
        "plugin": "".join(map(str.capitalize, words)),
        "title": " ".join(words),
        "line": "=" * len(name),
    }
