"""What of the wanted study is not recorded, and what it would cost on the device of the records there are."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from senet_lab.records.files import replace_file
from senet_lab.records.record import Record, Status
from senet_lab.report.blocks import Block
from senet_lab.report.render import markdown
from senet_lab.report.wording import NONE
from senet_lab.study.cell import Run
from senet_lab.study.counts import Counts, network_key

COLUMNS = ("protocol", "tables", "seeds", "runs", "not recorded", "hours of one worker")

Wanted = tuple[str, str, int, Sequence[Run]]  # protocol, tables, seeds, runs


def not_run_block(wanted: Iterable[Wanted], records: Sequence[Record], counts: Mapping[str, Counts]) -> Block:
    """One line a protocol. Hours are in proportion to images times multiply-adds, by the records of real data."""
    timed = [r for r in records if r.status is not Status.FAILED and not r.run.cell.protocol.synthetic]
    work = sum(_work(record.run, counts) for record in timed)
    seconds_each = sum(record.provenance.train_seconds for record in timed) / work if work else None
    recorded = {(record.run.cell.key, record.run.seed) for record in records}
    lines = []
    for protocol, tables, seeds, runs in wanted:
        missing = [run for run in runs if (run.cell.key, run.seed) not in recorded]
        hours = NONE
        if seconds_each is not None:
            hours = f"{sum(_work(run, counts) for run in missing) * seconds_each / 3600:,.1f}"
        lines.append((protocol, tables, str(seeds), str(len(runs)), str(len(missing)), hours))
    devices = ", ".join(sorted({record.provenance.device for record in timed})) or "no device yet"
    notes = (
        f"Hours are estimated, from the time that {len(timed)} recorded runs took on {devices} for each training image "
        "and multiply-add of the network; a GPU takes a small part of them. A cell that several tables share counts "
        "once.",
    )
    return Block("Wanted and not recorded", COLUMNS, tuple(lines), notes)


def write_not_run(block: Block, root: Path) -> Path:
    """Writes ``not-run.md``."""
    path = root / "not-run.md"
    replace_file(path, markdown("What was not run", [block]).encode())
    return path


def _work(run: Run, counts: Mapping[str, Counts]) -> float:
    protocol = run.cell.protocol
    images = protocol.epochs * protocol.steps_per_epoch * protocol.batch_size
    return float(images * counts[network_key(run.cell)].multiply_adds)
