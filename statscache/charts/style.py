"""How charts look: colours that the colour-blind tell apart, on white and on black.

Each pair is a colour for the light scheme and one for the dark. Those of series have a contrast of
3 or more to their ground (WCAG 2.2, 1.4.11). Rules have no variables, since not every viewer of SVG
knows these; one that knows no dark scheme shows the light one.
"""

from __future__ import annotations

SIZE = 11
"""Pixels of a letter; titles are larger."""

TITLE_SIZE = 14
FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Cantarell,"DejaVu Sans",sans-serif'

GROUND = ("#ffffff", "#0d1117")
INK = ("#1f2328", "#e6edf3")
FAINT = ("#59636e", "#9198a1")
GRID = ("#e4e8ec", "#21272e")
BASE = ("#a6b0ba", "#48515b")

SERIES = (
    ("#3563d6", "#6d8ffc"),
    ("#df7011", "#c65105"),
    ("#005540", "#3fe0ab"),
    ("#b13a76", "#e972b5"),
    ("#866112", "#ffba38"),
    ("#bd73da", "#d0c2fd"),
    ("#3ba259", "#85ab33"),
)
REST = ("#8b949e", "#6e7781")

REST_NAME = "r"

STEPS = (
    ("#ebeef1", "#1a2028"),
    ("#a9d3f5", "#12395e"),
    ("#5aa6e6", "#1a62a5"),
    ("#1f74c4", "#3b93e6"),
    ("#0c4a86", "#9bd0ff"),
)
"""The five steps of a calendar, from nothing on."""


def css(*, is_small: bool = False) -> str:
    """The style sheet; one that is small has nothing for text, and no ground."""
    of_text = (
        f"text{{font:{SIZE}px {FONT};font-variant-numeric:tabular-nums}}"
        f".title{{font-size:{TITLE_SIZE}px;font-weight:600}}"
        ".grid,.base{stroke-width:1;shape-rendering:crispEdges}"
        ".end{text-anchor:end}.middle{text-anchor:middle}"
    )
    of_lines = (
        ".line,.grid,.base,.hatch{fill:none}"
        ".line{stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}"
        ".open{stroke-dasharray:1 4}"
    )
    light, dark = (_scheme(index, is_small) for index in (0, 1))
    fixed = of_lines if is_small else of_text + of_lines
    return f"{fixed}{light}@media (prefers-color-scheme:dark){{{dark}}}"


def series(name: str) -> tuple[str, str]:
    """The colours of a series, on white and on black; `r` is what is left of many."""
    return REST if name == REST_NAME else SERIES[int(name)]


def _scheme(index: int, is_small: bool) -> str:
    colours = {str(number): pair for number, pair in enumerate(SERIES)} | {REST_NAME: REST}
    series = "".join(
        f".s{name}{{stroke:{colour[index]}}}.f{name}{{fill:{colour[index]}}}"
        for name, colour in colours.items()
    )
    if is_small:
        return series
    rules = [
        f".ground{{fill:{GROUND[index]}}}",
        f"text{{fill:{FAINT[index]}}}.title,.name{{fill:{INK[index]}}}",
        f".grid{{stroke:{GRID[index]}}}.base{{stroke:{BASE[index]}}}",
        f".hatch{{stroke:{GROUND[index]};stroke-width:2}}",
        f".unknown{{fill:none;stroke:{GRID[index]}}}.now{{stroke:{FAINT[index]};stroke-width:1.5}}",
    ]
    steps = (f".c{number}{{fill:{step[index]}}}" for number, step in enumerate(STEPS))
    return "".join([*rules, series, *steps])


CSS = css()
