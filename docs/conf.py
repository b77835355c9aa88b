"""Sphinx's configuration for the site of the Markdown pages (`make docs`). The source is the repository's root."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

project = "senet_lab"
author = copyright = "the authors of senet_lab"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "results/*.md", "results/tables/*.md", "results/benchmarks/*.md"]
myst_heading_anchors = 3
smartquotes = False  # keeps the two dashes of options

html_theme = "furo"
html_title = "senet_lab"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_extra_path = ["site"]  # site/index.html leads to the first page
html_last_updated_fmt = None  # the same pages give the same site
