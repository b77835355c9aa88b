"""The published numbers, as transcribed in ``published/<edition>.csv``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import number, read_csv
from senet_lab.study.claim import Claim, Costs, LargerGain, Part
from senet_lab.study.table import Row, Table

COSTS = ("gflops", "mflops")  # the metrics of printed multiply-adds, in thousand millions and in millions
FIELDS = ("edition", "table", "row", "dataset", "metric", "unit", "value", "protocol", "confidence", "note")
MEND = "restore it from git"
EDITIONS = {"cvpr2018": "CVPR 2018", "tpami": "TPAMI"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One printed number.

    value: the text as printed, since the number of digits says how exact it is. confidence: "verified" where two
    transcriptions agree, else "single-source".
    """

    edition: str
    table: str
    row: str
    dataset: str
    metric: str
    unit: str
    value: str
    protocol: str
    confidence: str
    note: str

    @property
    def decimals(self) -> int:
        """Digits after the point, as printed."""
        return len(self.value.partition(".")[2])


def load_published(folder: Path) -> list[Published]:
    """Every published number of all editions. Raises StudyError for a missing or damaged file."""
    return [line for edition in EDITIONS for line in read_published(folder / f"{edition}.csv")]


def read_published(path: Path) -> list[Published]:
    """The published numbers in one file. Raises StudyError where it is missing or damaged."""
    try:
        lines = read_csv(path, FIELDS, MEND)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: {error.strerror}; {MEND}") from None
    numbers = []
    for index, line in enumerate(lines, start=2):
        try:
            number(line["value"])
        except ValueError as error:
            raise StudyError(f"{path}, line {index}: {error}; {MEND}") from None
        numbers.append(Published(**line))
    return numbers


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """What the paper prints in one table. rows: for each row, by its label, the printed numbers by metric.

    further: the same for further rows of claims, which another table of the edition prints.
    """

    table: Table
    rows: Mapping[str, Mapping[str, Published]]
    further: Mapping[str, Mapping[str, Published]] = field(default_factory=dict)

    def value(self, row: str, metrics: Sequence[str]) -> float | None:
        """The printed value of a row for the first of these metrics that is printed; None where none is."""
        printed = self.rows.get(row) or self.further.get(row, {})
        return next((float(printed[metric].value) for metric in metrics if metric in printed), None)

    def points(self, row: str, than: str) -> float | None:
        """The printed error or AP of ``row`` minus that of ``than``, in points; None where one is not printed."""
        metrics = self.table.measure.first.published
        value, other = self.value(row, metrics), self.value(than, metrics)
        return None if value is None or other is None else value - other

    def points_of(self, part: Part) -> float | None:
        """The printed difference that a part compares, in points; None for counted parts, or where one is missing."""
        if isinstance(part, Costs):
            return None
        points = self.points(part.row, part.than)
        if not isinstance(part, LargerGain):
            return points
        less = self.points(part.other, part.other_than)
        return None if points is None or less is None else points - less


def load_tables(folder: Path, tables: Iterable[Table], claims: Sequence[Claim] = ()) -> list[PublishedTable]:
    """What is printed in each of these tables, and of the further rows of claims. Raises as ``load_published``."""
    numbers = load_published(folder)
    return [published_table(table, numbers, claims) for table in tables]


def published_table(table: Table, numbers: Sequence[Published], claims: Iterable[Claim] = ()) -> PublishedTable:
    """The numbers that one table prints, by its rows' labels. Each row says by what name the paper prints it."""
    further = [row for claim in claims if claim.table.slug == table.slug for row in claim.rows if row.printed_in]
    return PublishedTable(
        table,
        {row.label: _printed(row, of_table(numbers, table)) for row in table.rows},
        {row.label: _printed(row, of_table(numbers, replace(table, number=row.printed_in))) for row in further},
    )


def _printed(row: Row, numbers: Iterable[Published]) -> dict[str, Published]:
    return {number.metric: number for number in numbers if number.row == row.published}


def of_table(numbers: Iterable[Published], table: Table) -> list[Published]:
    """The numbers that one table prints."""
    return [n for n in numbers if n.edition == table.edition and n.table == f"T{table.number}"]
