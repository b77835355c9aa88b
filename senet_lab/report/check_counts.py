"""Compares computed counts of parameters and multiply-adds with the published ones, figure by figure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import read_csv
from senet_lab.report.published import MEND, Published, PublishedTable
from senet_lab.study.conventions import cost_convention, printed, size_convention
from senet_lab.study.counts import Counts, network_key

UNITS = {"params": 10**6, "gflops": 10**9, "mflops": 10**6}
OPEN_FILE = "open.csv"  # the figures that are known to differ, each with the reason
OPEN_COLUMNS = ("edition", "table", "row", "metric", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published count beside the computed one, both in the published unit (UNITS).

    matched: whether both are equal at the printed precision. convention: how the table counts, in words. note: why an
    open figure differs; empty for others.
    """

    edition: str
    table: str
    row: str
    metric: str
    published: float
    computed: float
    matched: bool
    convention: str
    note: str


def figures(
    published: Iterable[PublishedTable], counts: Mapping[str, Counts], notes: Mapping[str, str]
) -> list[Figure]:
    """Every published count of these tables' rows beside the computed one. notes: as ``open_notes`` gives them."""
    found = []
    for of_table in published:
        for row in of_table.table.rows:
            for metric, number in of_table.rows[row.label].items():
                if metric in UNITS:
                    found.append(_figure(number, counts[network_key(row.cell)], notes))
    return found


def _figure(number: Published, counts: Counts, notes: Mapping[str, str]) -> Figure:
    table = number.edition, number.table.removeprefix("T")
    unit = UNITS[number.metric]
    cost, size = cost_convention(*table), size_convention(*table)
    if number.metric == "params":
        exact = counts.with_statistics if size.statistics else counts.trainable
        text, cut = size.text, size.cut
    else:
        exact, text, cut = cost.count(counts.operations), cost.text, cost.cut
    return Figure(
        edition=number.edition,
        table=number.table,
        row=number.row,
        metric=number.metric,
        published=float(number.value),
        computed=exact / unit,
        matched=printed(exact, unit, number.decimals, cut=cut) == number.value,
        convention=text,
        note=notes.get(figure_name(number), ""),
    )


def figure_name(figure: Published | Figure) -> str:
    """The name of a figure in the list of open figures."""
    return f"{figure.edition} {figure.table} {figure.row} {figure.metric}"


def open_notes(folder: Path) -> dict[str, str]:
    """The reason why each open figure differs, by ``figure_name``. Raises StudyError for a missing or damaged file."""
    path = folder / OPEN_FILE
    try:
        lines = read_csv(path, OPEN_COLUMNS, MEND)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: {error.strerror}; {MEND}") from None
    return {" ".join(line[name] for name in OPEN_COLUMNS[:-1]): line["note"] for line in lines}


def regressions(found: Iterable[Figure], notes: Mapping[str, str]) -> list[Figure]:
    """The figures that differ and are not in the list of open figures."""
    return [figure for figure in found if not figure.matched and figure_name(figure) not in notes]
