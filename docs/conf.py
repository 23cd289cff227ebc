"""How `make docs` builds these pages; nothing is fetched from anywhere."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "statscache"
release = importlib.metadata.version("statscache")
extensions = ["tables"]
exclude_patterns = ["_build"]
nitpicky = True
html_theme = "alabaster"
html_theme_options = {
    "description": "Statistics of a fedmsg message bus",
    "fixed_sidebar": True,
    "page_width": "76rem",
    "body_max_width": "56rem",
}
html_show_sourcelink = False
