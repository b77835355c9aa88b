"""The artifact appendix: for every table, run and claim, the command that makes it again, its cost, and its result.

Times are those of the plan. Memory is an estimate for one run on a CPU. The expected result is a digest on a machine of
the same kind, and an interval elsewhere.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from senet_lab.records.cost import CostModel
from senet_lab.records.files import replace_file
from senet_lab.records.reading import read_bytes
from senet_lab.records.record import Record, scientific_digest
from senet_lab.report.blocks import Block
from senet_lab.report.comparison import Comparison
from senet_lab.report.render import markdown
from senet_lab.report.views import View, title_of
from senet_lab.report.wording import NONE
from senet_lab.stats.two_runs import allowed_by_seeds, errors_by_cell
from senet_lab.study.cell import Run, runs_of
from senet_lab.study.measure import stepping_images
from senet_lab.study.protocol import Dataset, Protocol
from senet_lab.study.table import Table

FILE = "artifact.md"
TITLE = "Artifact appendix: how every result is made again, and what must come out"
DIGITS = 16  # digits of a digest that are printed; enough to tell two digests apart
AGAIN = "RESULTS=again"  # trains into another folder, so that the records of results/ stay as they are
# Gigabytes on disk: the archive, where it is downloaded, and the unpacked files.
DATA_DISK = {
    Dataset.CIFAR10: 0.4,
    Dataset.CIFAR100: 0.4,
    Dataset.IMAGENETTE: 0.2,
    Dataset.IMAGENET: 160.0,
    Dataset.PLACES365: 30.0,
    Dataset.COCO: 40.0,
}
ENVIRONMENT = "5 GB of disk for the virtual environment, mostly torch, come on top of what the tables below say."


@dataclass(frozen=True, slots=True)
class AppendixInputs:
    """What the appendix needs beside records.

    model: estimates the time of runs, as plans do. memory: the bytes that a run takes, by its cell's key. declared: the
    protocols that a command can name.
    """

    model: CostModel
    memory: Mapping[str, int]
    declared: Sequence[Protocol]


def artifact_blocks(
    tables: Sequence[Table], comparisons: Sequence[Comparison], inputs: AppendixInputs, root: Path
) -> list[Block]:
    """The sections of the appendix, each a block.

    They are: what is rebuilt from records alone, tables trained again, single runs, claims, and what was not run.
    Synthetic data are left out. root: the results folder with the tables.
    """
    shown = [one for one in comparisons if not one.view.synthetic]
    return [
        _rebuilt(tables, root),
        _trained([one.view for one in shown], inputs),
        _runs([one.view for one in shown], inputs),
        _claims(shown, inputs),
        _not_run(tables, shown, inputs),
    ]


def write_artifact(blocks: Sequence[Block], root: Path) -> Path:
    """Writes ``artifact.md``."""
    path = root / FILE
    replace_file(path, markdown(TITLE, blocks).encode())
    return path


def _rebuilt(tables: Sequence[Table], root: Path) -> Block:
    digests = [read_bytes(root / "tables" / f"{table.slug}.csv") for table in tables]
    lines = [
        (title_of(table), NONE if data is None else hashlib.sha256(data).hexdigest()[:DIGITS])
        for table, data in zip(tables, digests, strict=True)
    ]
    notes = (
        "Command: make tables html. It takes a minute and 1 GB of memory, needs neither torch nor a data set nor a "
        "GPU, and writes 10 MB. Afterwards git status --short must print nothing.",
        ENVIRONMENT,
    )
    return Block(
        "Every table and figure, from the records",
        ("table", "sha256 of its CSV file, first digits"),
        tuple(lines),
        notes,
    )


def _trained(views: Sequence[View], inputs: AppendixInputs) -> Block:
    lines = [
        (view.table.name, _command(view, inputs), _tolerance(view), *_cost(_runs_of(view), inputs), view.name)
        for view in views
    ]
    notes = (
        f"Minutes are those of make plan-TABLE: one run after another on {inputs.model.machine}, also for runs that "
        "other tables share and that are trained once. With c cores c runs are trained side by side.",
        "Memory is that of one run on a CPU, an estimate on the safe side. Disk is the data set, downloaded at its "
        "first use, and a few MB of records, curves and weights a run.",
        "DATA and --data name a folder of photos of one's own. This project does not have it; a record's key holds the "
        "digest of its files.",
        f"Every command trains into the folder again, beside the records of results/, and prints both ({AGAIN}).",
        "Tolerance: on a machine with the same vector instructions, versions and threads every run has the digest that "
        "is listed below. Elsewhere the top-1 error of a run lies within so many points of the record's, with 95 % "
        "confidence, by the spread over seeds of all rows that have two.",
    )
    columns = ("table", "command", "tolerance, points", "minutes", "memory of a run", "disk", "runs", "protocol")
    return Block("Tables, trained again", columns, tuple(lines), notes)


def _runs(views: Sequence[View], inputs: AppendixInputs) -> Block:
    records: dict[tuple[str, int], Record] = {}
    for view in views:
        records |= {(record.run.cell.key, record.run.seed): record for record in view.records}
    lines = [
        (
            f"{key}/{seed}",
            record.run.cell.protocol.name,
            NONE if record.first is None else f"{record.first:.2f}",
            _minutes([record.run], inputs),
            record.provenance.device,
            f"senet-lab verify {key}/{seed}{_own_photos(record.run)}",
            scientific_digest(record)[:DIGITS],
        )
        for (key, seed), record in sorted(records.items())
    ]
    notes = (
        "The command trains the run in a folder of its own and compares every bit. The digest is over cell, seed, "
        "data, every answer and the counts: senet-lab show prints all of it.",
        f"Minutes are those of one worker on {inputs.model.machine}, whichever machine made the record.",
        "senet-lab verify --minutes 15 draws one of those that take so long at most.",
    )
    columns = (
        "run",
        "protocol",
        "top-1 err. or AP, %",
        "minutes",
        "made on",
        "command",
        "digest of what was measured, first digits",
    )
    return Block("Single runs", columns, tuple(lines), notes)


def _claims(comparisons: Iterable[Comparison], inputs: AppendixInputs) -> Block:
    lines = [
        (
            result.claim.statement,
            one.view.table.name,
            one.view.name,
            _minutes(_runs_of(one.view), inputs),
            _command(one.view, inputs),
            result.verdict.value,
        )
        for one in comparisons
        for result in one.judgement.claims
    ]
    notes = (
        "Memory and disk are those of the claim's table, above. From the records alone the verdicts are made "
        "by make claims, in seconds. After the command here, senet-lab claims --results again judges the new records "
        "beside those of results/.",
        'Expected: the verdict of these records. "undetermined" and "one seed: no test" promise no sign.',
    )
    columns = ("claim", "table", "protocol", "minutes", "command", "expected verdict")
    return Block("Claims", columns, tuple(lines), notes)


def _not_run(tables: Sequence[Table], comparisons: Sequence[Comparison], inputs: AppendixInputs) -> Block:
    measured = {one.view.paper.slug for one in comparisons if not one.view.companion}
    lines = []
    for table in (table for table in tables if table.slug not in measured):
        runs = runs_of(table.cells, 1)
        cost = (_minutes(runs, inputs), _data_disk(run.cell.protocol for run in runs))
        lines.append((title_of(table), str(len(runs)), *cost, f"make {table.name} PROTOCOL=paper"))
    notes = (
        "The paper's own recipes, one seed. Nothing of them is recorded, so nothing can be expected but the published "
        f"numbers. Minutes are scaled from other runs on {inputs.model.machine} by images and multiply-adds: they say "
        "how much work it is, not that a CPU is the place for it. Memory on a GPU was not measured.",
    )
    columns = ("table", "runs", "minutes", "disk", "command")
    return Block("Not run", columns, tuple(lines), notes)


def _runs_of(view: View) -> tuple[Run, ...]:
    """All runs that the view's command asks for: every row with the seeds up to the highest recorded one."""
    seeds = max((record.run.seed for record in view.records), default=0) + 1
    return runs_of(view.table.cells, seeds)


def _command(view: View, inputs: AppendixInputs) -> str:
    protocol = view.protocols[0]
    if protocol.photos is None and view.companion and not set(view.protocols) <= set(inputs.declared):
        return "none: its protocol is not declared any more"
    name = protocol.recipe if protocol.photos or view.companion else "paper"
    data = f" DATA={protocol.photos.name}" if protocol.photos else ""
    seeds = max(record.run.seed for record in view.records) + 1
    more = f" SEEDS={seeds}" if seeds > 1 else ""
    return f"make {view.table.name} PROTOCOL={name}{data}{more} {AGAIN}"


def _own_photos(run: Run) -> str:
    photos = run.cell.protocol.photos
    return f" --data {photos.name}" if photos else ""


def _cost(runs: Sequence[Run], inputs: AppendixInputs) -> tuple[str, str, str, str]:
    """The cells for minutes, memory of the largest run, disk, and number of runs."""
    known = [inputs.memory[run.cell.key] for run in runs if run.cell.key in inputs.memory]
    memory = f"{max(known) / 2**30:.1f} GB" if known else NONE
    return _minutes(runs, inputs), memory, _data_disk(run.cell.protocol for run in runs), str(len(runs))


def _minutes(runs: Sequence[Run], inputs: AppendixInputs) -> str:
    seconds = inputs.model.total(runs).seconds
    return NONE if seconds is None else f"{seconds / 60:,.0f}"


def _data_disk(protocols: Iterable[Protocol]) -> str:
    sizes = {protocol.dataset: DATA_DISK.get(protocol.dataset) for protocol in protocols}
    known = [size for size in sizes.values() if size is not None]
    return f"{sum(known):g} GB" if known else NONE


def _tolerance(view: View) -> str:
    if len(view.protocols) > 1:
        return NONE
    (protocol,) = view.protocols
    allowed = allowed_by_seeds(errors_by_cell(view.loaded.records, protocol), stepping_images(protocol))
    return "not told: no row has two seeds" if allowed is None else f"± {allowed.points:.2f}"
