"""Writes the tables of benchmarks in docs/speed.md from the files in results/benchmarks."""

import re
from pathlib import Path
from typing import Any

from senet_lab.report.readme import put_sections
from senet_lab.report.render import block_markdown
from senet_lab.report.speed import speed_blocks

FOLDER = Path("results/benchmarks")


def file_of(device: str) -> Path:
    """The file for a device of this name."""
    return FOLDER / f"{re.sub(r'[^a-z0-9]+', '-', device.lower()).strip('-')}.json"


def joined(before: dict[str, Any], conditions: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """A section with the new results. Earlier results of other networks stay where all conditions are the same."""
    same = all(before.get(name) == value for name, value in conditions.items())
    return conditions | {"result": (before["result"] if same else {}) | found}


def write_readme(readme: Path) -> None:
    """Writes the tables of every measured device between the page's markers."""
    put_sections(readme, "benchmarks", [block_markdown(block, level=3) for block in speed_blocks(FOLDER)])
