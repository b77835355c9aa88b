"""The page of the wanted study's runs that are not recorded, and what they would cost on the recorded device."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from senet_lab.records.cost import CostModel
from senet_lab.records.files import replace_file
from senet_lab.records.record import Record
from senet_lab.report.blocks import Block
from senet_lab.report.render import markdown
from senet_lab.report.wording import NONE
from senet_lab.study.cell import Run

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


def write_not_run(block: Block, root: Path) -> Path:
    """Writes ``not-run.md``."""
    path = root / "not-run.md"
    replace_file(path, markdown("What was not run", [block]).encode())
    return path
