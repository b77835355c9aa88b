"""The page of the wanted study's runs that are not recorded, and what they would cost on the recorded device."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from senet_lab.records.cost import CostModel
from senet_lab.records.files import replace_file
from senet_lab.records.record import Record, Status
from senet_lab.report.blocks import Block
from senet_lab.report.render import markdown
from senet_lab.report.wording import NONE
from senet_lab.study.cell import Run
from senet_lab.study.table import Table

ROW_COLUMNS = ("protocol", "table", "row", "seeds wanted", "recorded", "failed", "not recorded")
COLUMNS = ("protocol", "tables", "seeds", "runs", "not recorded", "hours of one worker")

Wanted = tuple[str, str, int, Sequence[Run]]  # protocol, tables, seeds, runs


def not_run_block(wanted: Iterable[Wanted], records: Sequence[Record], model: CostModel) -> Block:
    """One line for each entry of ``wanted``.

    records: what was run already. model: estimates the cost of the other runs.
    """
    recorded = {(record.run.cell.key, record.run.seed) for record in records}
    above = set[Run]()
    lines, totals = [], []
    for protocol, tables, seeds, runs in wanted:
        own = [run for run in runs if run not in above]
        above |= set(own)
        total = model.total(run for run in own if (run.cell.key, run.seed) not in recorded)
        hours = NONE if total.seconds is None else f"{total.seconds / 3600:,.1f}"
        lines.append((protocol, tables, str(seeds), str(len(own)), str(total.runs), hours))
        totals.append(total)
    runs_left, scaled = sum(total.runs for total in totals), sum(total.scaled for total in totals)
    notes = (
        f"Hours are estimated for {model.machine}: {runs_left - scaled} runs by the records of their own network and "
        f"protocol there, {scaled} scaled from other runs there by training images and multiply-adds. A GPU takes a "
        "small part of them. A run that several tables share counts once, in the first "
        "line that has it.",
    )
    return Block("Wanted and not recorded", COLUMNS, tuple(lines), notes)


def rows_block(tables: Iterable[tuple[Table, int]], records: Sequence[Record]) -> Block:
    """The seeds of each row of the tables of which a part is recorded: a line for each row that lacks one.

    tables: under the wanted protocol, with the wanted number of seeds.
    """
    status = {(record.run.cell.key, record.run.seed): record.status for record in records}
    lines = []
    for table, seeds in tables:
        known = {row.label: [status.get((row.cell.key, seed)) for seed in range(seeds)] for row in table.rows}
        if not any(found for row in known.values() for found in row):
            continue
        for row in table.rows:
            found = dict(enumerate(known[row.label]))
            if all(value is Status.FINISHED for value in found.values()):
                continue
            parts = (Status.FINISHED, Status.FAILED, None)
            listed = (", ".join(str(seed) for seed, value in found.items() if value is part) or NONE for part in parts)
            lines.append((table.paper_protocol.name, table.name, row.label, f"0 to {seeds - 1}", *listed))
    notes = (
        "A run that several tables share stands in the line of each. Further seeds that are recorded are not listed.",
    )
    return Block("Rows that lack a seed, in tables that are begun", ROW_COLUMNS, tuple(lines), notes)


def write_not_run(blocks: Sequence[Block], root: Path) -> Path:
    """Writes ``not-run.md``."""
    path = root / "not-run.md"
    replace_file(path, markdown("What was not run", blocks).encode())
    return path
