"""The file of computed parameters and multiply-adds. With it, reports need no torch."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from senet_lab.errors import INVALID, StudyError
from senet_lab.records.checked_files import read_json
from senet_lab.records.files import replace_file
from senet_lab.study.cell import Cell
from senet_lab.study.conventions import Operation
from senet_lab.study.counts import Counts, network_key

FILE = "complexity.json"
MEND = "delete it, and the next command computes it anew"


def read_counts(root: Path) -> dict[str, Counts]:
    """Counts by ``network_key``; empty where there is no file. Raises StudyError for a damaged file."""
    path = root / FILE
    try:
        networks = read_json(path, MEND)
    except FileNotFoundError:
        return {}
    counts = {}
    for network, value in networks.items():
        try:
            counts[network] = _from_plain(value)
        except INVALID as error:
            raise StudyError(f"{path}: the counts of {network!r} are damaged ({error}); {MEND}") from None
    return counts


def write_counts(root: Path, counts: dict[str, Counts]) -> None:
    """Replaces the file: sorted, one line for each network."""
    lines = (f" {json.dumps(key)}: {json.dumps(asdict(count))}" for key, count in sorted(counts.items()))
    replace_file(root / FILE, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def missing_counts(cells: Iterable[Cell], counts: dict[str, Counts]) -> dict[str, Cell]:
    """The networks among these cells that have no counts yet."""
    return {network_key(cell): cell for cell in cells if network_key(cell) not in counts}


def _from_plain(value: dict[str, Any]) -> Counts:
    work = {Operation(kind): int(count) for kind, count in value["operations"].items()}
    if set(work) != set(Operation):
        raise ValueError(f"operations {sorted(work)}")
    found = Counts(int(value["trainable"]), int(value["statistics"]), work)
    if found.trainable < 1 or min(found.statistics, *work.values()) < 0:
        raise ValueError("a count below zero, or no parameters")
    return found
