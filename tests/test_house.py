"""The floors of the house: imports only go down, and functions stay short."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import statscache

ROOT = Path(statscache.__file__).parent
LONGEST_FUNCTION = 60

FLOORS = {
    "ground": {"checks", "config", "errors", "files", "message", "schedule", "text", "times"},
    "furniture": {"charts", "formats", "journal", "models"},
    # `utils` is an address of old, and holds nothing but what was called by it.
    "rooms": {"history", "plugins", "store", "utils"},
    "staff": {
        "backlog",
        "backup",
        "engine",
        "grafana",
        "pluginfile",
        "registry",
        "replay",
        "timed",
        "verify",
        "workbench",
    },
    # Where the world comes in. The service opens them: it asks fedmsg who a message is about.
    "doors": {
        "cli",
        "consumer",
        "demo",
        "hubconfig",
        "meta",
        "producers",
        "service",
        "testing",
        "web",
    },
    "guests": {"builtin"},
}
FLOORS_OF_THE_WEB = ["query", "rows", "answers", "routes"]
OUTSIDE = {
    *("click", "fedmsg", "flask", "limits", "moksha", "prometheus_client"),
    *("rich", "twisted", "txzmq", "waitress", "werkzeug"),
}
OF_THE_DAEMON = {"consumer", "engine", "journal", "service"}


def name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def tree(module):
    return ast.parse(MODULES[module].read_text())


def imports(module):
    """The full names of what `module` imports: modules of ours as such, others as written."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = source(module, node)
            full = {f"{base}.{alias.name}" for alias in node.names}
            found |= {one if one in MODULES else base for one in full}
    return found


def source(module, node):
    """Where a `from ... import` takes from, in full."""
    if not node.level:
        return node.module
    inside = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    parts = inside.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])


def ours(module):
    return {one for one in imports(module) if one.partition(".")[0] == "statscache"}


def room(module):
    """The part of the house that a module is in: `web` for `statscache.web.api`."""
    return [*module.split("."), ""][1]


def floor(module):
    (found,) = (level for level, rooms in enumerate(FLOORS.values()) if room(module) in rooms)
    return found


def test_every_module_has_a_floor():
    known = set().union(*FLOORS.values())
    assert {room(module) for module in MODULES} - {""} == known
    assert sum(map(len, FLOORS.values())) == len(known)


@pytest.mark.parametrize("module", [one for one in MODULES if room(one)])
def test_imports_only_go_down(module):
    above = {one for one in ours(module) if not room(one) or floor(one) > floor(module)}
    assert above == set()


def test_inside_the_web_too():
    for module in MODULES:
        for one in ours(module):
            folders = [name.split(".")[2] for name in (module, one) if name.count(".") > 2]
            if len(folders) == 2 and {*folders} <= {*FLOORS_OF_THE_WEB}:
                above, below = map(FLOORS_OF_THE_WEB.index, folders)
                assert above >= below, f"{module} imports {one}"


def test_there_are_no_import_cycles():
    sorter = TopologicalSorter({module: ours(module) - {module} for module in MODULES})
    sorter.prepare()


@pytest.mark.parametrize("module", MODULES)
def test_only_the_doors_know_the_world_outside(module):
    if room(module) not in FLOORS["doors"]:
        assert {one.partition(".")[0] for one in imports(module)} & OUTSIDE == set()


def test_what_is_below_the_doors_works_without_the_world_outside():
    below = [module for module in MODULES if room(module) not in FLOORS["doors"]]
    script = (
        f"import sys; before = set(sys.modules); import {', '.join(below)}; "
        f"print(sorted({OUTSIDE!r} & (sys.modules.keys() - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_web_is_another_process_and_never_imports_the_daemon():
    for module in MODULES:
        if room(module) == "web":
            assert {room(one) for one in ours(module)} & OF_THE_DAEMON == set()


def test_guests_import_nothing_of_ours_but_the_plugins():
    for module in MODULES:
        if room(module) == "builtin":
            assert ours(module) <= {"statscache.plugins"}
            tops = {one.partition(".")[0] for one in imports(module)}
            assert tops <= {"statscache", *sys.stdlib_module_names}


def test_nobody_imports_the_guests():
    for module in MODULES:
        assert room(module) == "builtin" or "builtin" not in {room(one) for one in ours(module)}


def functions():
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{module}.{node.name}", node


def test_nothing_is_imported_inside_a_function():
    late = [
        function
        for function, node in functions()
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert late == []


def test_functions_stay_short():
    long = {
        function: node.end_lineno - node.lineno + 1
        for function, node in functions()
        if node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert long == {}


def test_there_is_no_drawer_for_odds_and_ends():
    drawers = ("utils", "util", "helpers", "common", "misc")
    named = [module for module in MODULES if module.rpartition(".")[2] in drawers]
    assert named == ["statscache.utils"]
    made = [one.name for one in tree("statscache.utils").body if isinstance(one, ast.FunctionDef)]
    assert made == ["create_tables", "init_model"]
