"""The directive `table-of`: tables that are made from the code, so that they cannot differ."""

from collections.abc import Callable, Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from statscache.builtin import bodhi, contributions, koji, pagure, volume
from statscache.builtin.audit import Audit
from statscache.config import DAY, SETTINGS, Config, Setting
from statscache.plugins import BasePlugin, Schedule
from statscache.plugins.fields import OTHERS, TABLE
from statscache.plugins.paths import READERS, Only, Path

Row = tuple[str, ...]

STATISTICS: tuple[list[type[BasePlugin]], ...] = (
    volume.volume,
    volume.volume_by_category,
    volume.volume_by_topic,
    volume.volume_by_package,
    volume.volume_by_user,
    [Audit],
    *([plugin] for plugin in (*contributions.contributions, *pagure.pagure, *bodhi.bodhi)),
    koji.koji,
)


def settings() -> Iterator[Row]:
    """Every setting of statscache."""
    yield "Setting", "Default", "What it says", "Allowed"
    for setting in SETTINGS.values():
        said = (setting.help, _allowed(setting))
        yield f"``{setting.name}``", _default(setting), *(text.replace("*", r"\*") for text in said)


def _default(setting: Setting) -> str:
    value = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return f"``{value:_}``" if is_number else f"``{value!r}``"


def _allowed(setting: Setting) -> str:
    """What the setting itself says when it is given something impossible."""
    try:
        setting.check(object())
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{setting.name} takes anything")


def statistics() -> Iterator[Row]:
    """The built-in statistics: how long each is kept, and which are off."""
    yield "Statistic", *(f"``-{Schedule(interval)}``" for interval in volume.INTERVALS)
    config = Config({})
    for plugins in STATISTICS:
        idents = {plugin.interval: _ident(plugin, config) for plugin in plugins}
        name = next(iter(idents.values())).rpartition("-")[0]
        yield f"``{name}``", *(_kept(idents.get(one), config) for one in volume.INTERVALS)


def _ident(plugin: type[BasePlugin], config: Config) -> str:
    return plugin(Schedule(plugin.interval), config).ident


def _kept(ident: str | None, config: Config) -> str:
    if ident is None:
        return ""
    seconds = config.retention(ident)
    kept = "for ever" if seconds is None else f"{seconds / DAY:.0f} days"
    return kept if config.enables(ident) else f"off ({kept})"


def fields() -> Iterator[Row]:
    """The table of well-known fields."""
    yield "Messages", "Accounts", "Packages"
    for category, rows in TABLE.items():
        for row in rows:
            event = f"{category}.{row.event}" if row.event else category
            yield f"``{event}``", _paths(row.users), _paths(row.packages)
    yield "all others", _paths(OTHERS.users), _paths(OTHERS.packages)


def _paths(paths: tuple[Path, ...]) -> str:
    return " ".join(f"``{_path(path)}``" for path in paths)


def _path(path: Path) -> str:
    steps = ".".join(_only(step) if isinstance(step, Only) else step for step in path.steps)
    reader = next((f":{name}" for name, read in READERS.items() if read is path.read), "")
    return steps + reader


def _only(step: Only) -> str:
    return f"{{{step.key}{'=' if step.may_miss else '=='}{step.value}}}"


TABLES: dict[str, Callable[[], Iterator[Row]]] = {
    "settings": settings,
    "statistics": statistics,
    "fields": fields,
}


class TableOf(SphinxDirective):
    """`.. table-of:: settings`"""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        lines = [".. list-table::", "   :header-rows: 1", ""]
        for row in TABLES[self.arguments[0]]():
            marks = ("   * -", *["     -"] * (len(row) - 1))
            lines += [f"{mark} {cell}" for mark, cell in zip(marks, row, strict=True)]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("table-of", TableOf)
    return {"parallel_read_safe": True}
