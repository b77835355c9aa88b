"""The artifact appendix: for every table, run and claim, the command that makes it again, its cost, and its result.

Times are those of the plan. Memory is an estimate for one run on a CPU. The expected result is a digest on a machine of
the same kind, and an interval elsewhere.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from senet_lab.records.files import replace_file
from senet_lab.records.reading import read_bytes
from senet_lab.records.record import Record, scientific_digest
from senet_lab.report.artifact_commands import (
    FOLDER,
    AppendixInputs,
    claim_command,
    cost_cells,
    data_disk,
    minutes,
    runs_of_claim,
    runs_of_table,
    table_command,
    verify_command,
)
from senet_lab.report.blocks import Block
from senet_lab.report.comparison import Comparison
from senet_lab.report.render import markdown
from senet_lab.report.views import View, title_of
from senet_lab.report.wording import NONE
from senet_lab.stats.two_runs import allowed_by_seeds, errors_by_cell
from senet_lab.stats.verdicts import ClaimResult
from senet_lab.study.cell import Run, runs_of
from senet_lab.study.claim import Costs
from senet_lab.study.measure import stepping_images
from senet_lab.study.table import Table

FILE = "artifact.md"
TITLE = "Artifact appendix: how every result is made again, and what must come out"
DIGITS = 16  # digits of a digest that are printed; enough to tell two digests apart
ENVIRONMENT = "5 GB of disk for the virtual environment, mostly torch, come on top of what the tables below say."


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
        (
            view.table.name,
            table_command(view, inputs.declared),
            _tolerance(view),
            *cost_cells(runs_of_table(view), inputs),
            view.name,
        )
        for view in views
    ]
    notes = (
        f"Minutes are those of make plan-TABLE: one run after another on {inputs.model.machine}, also for runs that "
        "other tables share and that are trained once. With c cores c runs are trained side by side.",
        "Memory is that of one run on a CPU, an estimate on the safe side. Disk is the data set, downloaded at its "
        "first use, and a few MB of records, curves and weights a run.",
        "DATA and --data name a folder of photos of one's own. This project does not have it; a record's key holds the "
        "digest of its files.",
        f"Every command trains into the folder {FOLDER}, beside the records of results/, and prints both.",
        "Tolerance: on a machine with the same vector instructions, versions and threads every run has the digest that "
        "is listed below. Elsewhere the error or AP of a run lies within so many points of the record's, with 95 % "
        "confidence, by the spread over seeds of all rows that have two.",
    )
    columns = ("table", "command", "tolerance, points", "minutes", "memory of a run", "disk", "runs", "protocol")
    return Block("Tables, trained again", columns, tuple(lines), notes)


def _runs(views: Sequence[View], inputs: AppendixInputs) -> Block:
    records: dict[tuple[str, int], tuple[Record, View]] = {}
    for view in views:
        records |= {(record.run.cell.key, record.run.seed): (record, view) for record in view.records}
    lines = [
        (
            f"{key}/{seed}",
            record.run.cell.protocol.name,
            NONE if record.first is None else f"{record.first:.2f}",
            minutes([record.run], inputs),
            record.provenance.device,
            verify_command(view, record.run),
            scientific_digest(record)[:DIGITS],
        )
        for (key, seed), (record, view) in sorted(records.items(), key=lambda one: one[0])
    ]
    notes = (
        "The command trains the run in a folder of its own and compares every bit. The digest is over cell, seed, "
        "data, every answer and the counts: senet-lab show prints all of it.",
        f"Minutes are those of one worker on {inputs.model.machine}, whichever machine made the record.",
        *_draw_note([record.run for record, _ in records.values()], inputs),
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


def _draw_note(runs: Sequence[Run], inputs: AppendixInputs) -> list[str]:
    """How to let one of the quicker runs be drawn; nothing where no run has a time."""
    seconds = [estimate.seconds for run in runs if (estimate := inputs.model.estimate(run))]
    if not seconds:
        return []
    most = math.ceil(median(seconds) / 60)
    return [f"senet-lab verify --minutes {most} draws one of those that take so long at most."]


def _claims(comparisons: Sequence[Comparison], inputs: AppendixInputs) -> Block:
    views = [one.view for one in comparisons]
    lines = [
        (
            result.claim.statement,
            one.view.table.name,
            one.view.name,
            minutes(runs_of_claim(one.view, result.claim), inputs),
            claim_command(one.view, result.claim, views, inputs.declared),
            _expected(one.view, result),
        )
        for one in comparisons
        for result in one.judgement.claims
    ]
    notes = (
        "Memory and disk are those of the claim's table, above. From the records alone the verdicts are made "
        "by make claims, in seconds. After the command here, senet-lab claims --results again judges the new records "
        "beside those of results/.",
        'Expected: the verdict of these records. "undetermined" and "one seed: no test" promise no sign. "From fewer '
        'runs": not every run of the command has a record, so the new verdict may be another.',
    )
    columns = ("claim", "table", "protocol", "minutes", "command", "expected verdict")
    return Block("Claims", columns, tuple(lines), notes)


def _not_run(tables: Sequence[Table], comparisons: Sequence[Comparison], inputs: AppendixInputs) -> Block:
    measured = {one.view.paper.slug for one in comparisons if not one.view.companion}
    lines = []
    for table in (table for table in tables if table.of_the_paper and table.slug not in measured):
        runs = runs_of(table.cells, 1)
        cost = (minutes(runs, inputs), data_disk(run.cell.protocol for run in runs))
        lines.append((title_of(table), str(len(runs)), *cost, f"make {table.name} PROTOCOL=paper"))
    notes = (
        "The paper's own recipes, one seed. Nothing of them is recorded, so nothing can be expected but the published "
        f"numbers. Minutes are scaled from other runs on {inputs.model.machine} by images and multiply-adds: they say "
        "how much work it is, not that a CPU is the place for it. Memory on a GPU was not measured.",
        "Detectors begin with the networks of table 2: make table2 PROTOCOL=imagenet-100ep comes first, or weights are "
        "named in a file (docs/detection.md). Its time and disk are not in their lines.",
    )
    columns = ("table", "runs", "minutes", "disk", "command")
    return Block("Not run", columns, tuple(lines), notes)


def _expected(view: View, result: ClaimResult) -> str:
    """The verdict, marked where the claim's command trains more than what the verdict is from."""
    recorded = {(record.run.cell.key, record.run.seed) for record in view.loaded.records}
    counted = all(isinstance(part, Costs) for part in result.claim.parts)
    whole = all((run.cell.key, run.seed) in recorded for run in runs_of_claim(view, result.claim))
    return result.verdict.value if counted or whole else f"{result.verdict.value}, from fewer runs"


def _tolerance(view: View) -> str:
    if len(view.protocols) > 1:
        return NONE
    (protocol,) = view.protocols
    allowed = allowed_by_seeds(errors_by_cell(view.loaded.records, protocol), stepping_images(protocol))
    return "not told: no row has two seeds" if allowed is None else f"± {allowed.points:.2f}"
