"""Measures commands in a store of thousands of records: ``python -m benchmarks.many_records [--records 5000]``.

The records are synthetic, with 10,000 images each, in a temporary folder; reports are written there, too. One record in
eight belongs to a cell of a table. The others belong to cells with various other SE blocks, as in a long study.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ablations import cvpr2018_table7_reduction, tpami_table10_reduction
from ablations.protocols import CIFAR10
from senet_lab.records.image_bits import ImageBits
from senet_lab.records.record import Provenance, Record, Status, to_json
from senet_lab.records.store import Store
from senet_lab.study import Cell, Gate, Integration, Run, SESpec

IMAGES = 10_000
SHOWN = 8  # one in so many records belongs to a table
SEEDS = 5  # seeds of each cell
STAGES = ((2,), (3,), (4,), (2, 3), (2, 4), (3, 4))
# So many records are of different cells or seeds.
MOST = len(Gate) * len(Integration) * 2 * 5 * len(STAGES) * SEEDS * SHOWN // (SHOWN - 1)
MOST_MEGABYTES = 400.0
MOST_SECONDS = {"plan table7": 4.0, "report table7": 4.0, "report-all": 20.0}  # report-all mostly draws figures
PROVENANCE = Provenance(
    revision="0" * 40,
    dirty=False,
    device="a processor",
    threads=1,
    executor="device",
    compiled=False,
    versions={"python": "3.11.7", "torch": "2.11.0", "torchvision": "0.26.0", "numpy": "2.4.6"},
    data_sha256={"train": "a" * 64, "test": "b" * 64},
    train_seconds=1_000.0,
    finished_at="2026-01-02T03:04:05+00:00",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one command in a process of its own, with the start of Python. megabytes: peak memory."""

    command: str
    seconds: float
    megabytes: float


def runs(count: int) -> Iterator[Run]:
    """``count`` runs, of cells in tables and of others."""
    tables = [module.TABLE.under(CIFAR10) for module in (cvpr2018_table7_reduction, tpami_table10_reduction)]
    cells = list(dict.fromkeys(row.cell for table in tables for row in table.rows))
    shown = max(1, count // SHOWN)
    for number in range(shown):
        yield Run(cell=cells[number % len(cells)], seed=number // len(cells))
    for number in range(count - shown):
        yield Run(cell=_of_no_table(cells[0], number // SEEDS), seed=number % SEEDS)


def _of_no_table(cell: Cell, number: int) -> Cell:
    """The cell with SE block number ``number`` of all combinations of the choices below."""
    choices: list[object] = []
    for options in (tuple(Gate), tuple(Integration), (False, True), (2, 4, 8, 16, 32), STAGES):
        choices.append(options[number % len(options)])
        number //= len(options)
    gate, integration, bias, reduction, stages = choices
    se = SESpec(gate=gate, integration=integration, bias=bias, reduction=reduction, stages=stages)  # type: ignore[arg-type]
    return replace(cell, se=se)


def fill(root: Path, count: int) -> None:
    """Writes ``count`` records, without waiting for the disk."""
    random = np.random.default_rng(0)
    if count > MOST:
        raise SystemExit(f"at most {MOST:,} records are different ones")
    for run in runs(count):
        top1 = ImageBits.of(random.random(IMAGES) > 0.08)
        top5 = ImageBits.of(random.random(IMAGES) > 0.004)
        record = Record(
            run=run,
            status=Status.FINISHED,
            failure=None,
            top1_error_pct=top1.error_pct,
            top5_error_pct=top5.error_pct,
            best_top1_error_pct=top1.error_pct,
            correct_top1=top1,
            correct_top5=top5,
            trainable=1,
            multiply_adds=1,
            provenance=PROVENANCE,
        )
        path = Store(root).path(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(to_json(record))


MEASURED = """
import resource, sys, time
begun = time.perf_counter()
from senet_lab.__main__ import main
sys.argv = ["senet-lab", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    status = end.code or 0
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(time.perf_counter() - begun, peak, status, file=sys.stderr)
"""


def measure(root: Path, *words: str) -> Cost:
    """Runs one command beside the results folder ``root``. Raises RuntimeError where it fails."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        cwd=root.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds, megabytes, status = done.stderr.splitlines()[-1].split()
    if status != "0":
        raise RuntimeError(done.stderr)
    return Cost(" ".join(words), float(seconds), float(megabytes))


def main() -> None:
    """Prints the seconds and the peak memory of each command. Exit status 1 above the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000)
    count = parser.parse_args().records
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "results"
        fill(root, count)
        commands = (("plan", "table7"), ("report", "table7"), ("report-all",))
        for words in commands:
            measure(root, *words)  # the first time every network is counted, which needs torch
        costs = [measure(root, *words) for words in commands]
    for cost in costs:
        print(
            f"{count} records: senet-lab {cost.command:14} {cost.seconds:5.1f} s {cost.megabytes:6.0f} MB at the most"
        )
    sys.exit(any(cost.seconds > MOST_SECONDS[cost.command] or cost.megabytes > MOST_MEGABYTES for cost in costs))


if __name__ == "__main__":
    main()
