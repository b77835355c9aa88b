"""The parts of the page for single records, to which numbers link: facts, curve, and the command to train it again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from senet_lab.records.curves import CurvePoint, curve_of
from senet_lab.records.record import Record
from senet_lab.records.store import Store
from senet_lab.report.figure_data import FEWEST_EPOCHS
from senet_lab.report.load import PROJECT, Loaded
from senet_lab.report.record_facts import Fact, record_facts
from senet_lab.study.cell import Cell, Run
from senet_lab.study.measure import measure_of
from senet_lab.study.network_names import described


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run belongs.

    places: the rows that it belongs to ("table7 r=16"). command: trains the run again; None where no declared table has
    it.
    """

    places: tuple[str, ...]
    command: str | None


@dataclass(frozen=True, slots=True)
class RunPart:
    """One run. name: the id of its part of the page."""

    name: str
    record: Record
    facts: tuple[Fact, ...]
    origin: Origin
    curve: tuple[CurvePoint, ...]

    @property
    def words(self) -> str:
        """The name of the run's number: top-1 error or AP."""
        return measure_of(self.record.run.cell.protocol).first.words

    @property
    def drawn(self) -> bool:
        """Whether the curve is shown as a chart. A curve of few epochs is shown as a table."""
        return len(self.curve) >= FEWEST_EPOCHS

    def points(self) -> dict[str, list[float]]:
        """The points of the chart: errors in percent, for each epoch from 1 on."""
        return {
            "while training": [round(point.train_top1_error_pct, 3) for point in self.curve],
            "evaluation images": [round(point.test_top1_error_pct, 3) for point in self.curve],
        }


@dataclass(frozen=True, slots=True)
class CellPart:
    """The runs of one cell from one source. name: the id of its part of the page. places: the cell's rows."""

    name: str
    title: str
    places: tuple[str, ...]
    runs: tuple[RunPart, ...]


def cell_name(loaded: Loaded, cell: Cell) -> str:
    """The id of a cell's part of the page."""
    return f"cell-{'' if loaded.source == PROJECT else 'own-'}{cell.key}"


def cell_parts(sources: Iterable[Loaded], origin_of: Callable[[Run], Origin]) -> list[CellPart]:
    """Every cell with its runs, source by source, sorted by protocol and key.

    Raises StudyError for a curve that does not belong to its record.
    """
    parts = []
    for loaded in sources:
        by_cell: dict[Cell, list[Record]] = {}
        for record in loaded.records:
            by_cell.setdefault(record.run.cell, []).append(record)
        parts += [_cell_part(loaded, cell, records, origin_of) for cell, records in by_cell.items()]
    return parts


def _cell_part(loaded: Loaded, cell: Cell, records: list[Record], origin_of: Callable[[Run], Origin]) -> CellPart:
    name, protocol = cell_name(loaded, cell), cell.protocol
    source = "" if loaded.source == PROJECT else f", {loaded.source}"
    synthetic = "SYNTHETIC DATA, " if protocol.synthetic else ""
    runs = tuple(
        _run_part(f"{name}-seed-{record.run.seed}", record, loaded.store, origin_of)
        for record in sorted(records, key=lambda record: record.run.seed)
    )
    title = f"{described(cell.backbone, cell.se)} — {synthetic}{protocol.name}{source}"
    return CellPart(name, title, runs[0].origin.places, runs)


def _run_part(name: str, record: Record, store: Store, origin_of: Callable[[Run], Origin]) -> RunPart:
    facts, curve = record_facts(record, store), curve_of(record, store)
    return RunPart(name, record, tuple(facts), origin_of(record.run), tuple(curve))
