"""Row and Table: a table of the paper as labelled cells."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from senet_lab.study.cell import Cell
from senet_lab.study.measure import Measure, measure_of
from senet_lab.study.names import check_label, check_name
from senet_lab.study.protocol import Dataset, Protocol

PAPER_EDITIONS = ("cvpr2018", "tpami")


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled cell.

    published: the row's name in the published numbers; None where it has none. printed_in: for a claim's further row,
    the number of the table of the same edition that prints it; empty for a row of its own table. baseline: the label of
    the row that this row is compared with. None means the table's baseline. The row's own label means that it is
    compared with no row.
    """

    label: str
    cell: Cell
    published: str | None = None
    baseline: str | None = None
    printed_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of one edition, with the paper's own cells.

    number: as printed ("7"). topic: the alias ("reduction"). baseline: the label of the row that others are compared
    with. companions: for each data set of smaller images, the network that replaces each backbone; rows keep their
    blocks. Raises ValueError for names that cannot be part of a path, equal labels, an unknown baseline, or detectors
    beside classifiers.
    """

    edition: str
    number: str
    topic: str
    caption: str
    baseline: str
    rows: tuple[Row, ...]
    companions: Mapping[Dataset, Mapping[str, str]]

    def __post_init__(self) -> None:
        for what, name in (("edition", self.edition), ("number", self.number), ("topic", self.topic)):
            check_name(f"a table's {what}", name)
        check_label(f"the caption of {self.name}", self.caption)
        labels = [row.label for row in self.rows]
        for label in labels:
            check_label(f"a row of {self.name}", label)
        if len(set(labels)) != len(labels):
            raise ValueError(f"{self.name}: two rows share a label")
        for baseline in (self.baseline, *(row.baseline for row in self.rows if row.baseline is not None)):
            if baseline not in labels:
                raise ValueError(f"{self.name}: baseline {baseline!r} is no row")
        if len({measure_of(row.cell.protocol) for row in self.rows}) > 1:
            raise ValueError(f"{self.name}: a table cannot have both detectors and classifiers")

    @property
    def name(self) -> str:
        """The name on the command line: bare for the 2018 edition, ``tpami-`` for the journal's."""
        return f"table{self.number}" if self.edition == "cvpr2018" else f"{self.edition}-table{self.number}"

    @property
    def of_the_paper(self) -> bool:
        """Whether the paper prints this table. Other tables are this project's, or a user's own."""
        return self.edition in PAPER_EDITIONS

    @property
    def slug(self) -> str:
        """The name of the table's files: edition and number."""
        return f"{self.edition}-table{self.number}"

    @property
    def paper_protocol(self) -> Protocol:
        """The protocol of the published numbers. Where rows have different protocols, it is the baseline row's."""
        return self.row(self.baseline).cell.protocol

    @property
    def measure(self) -> Measure:
        """The numbers that rows are compared by."""
        return measure_of(self.paper_protocol)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of the rows, in their order."""
        return tuple(row.cell for row in self.rows)

    def row(self, label: str) -> Row:
        """The row with this label. Raises KeyError where there is none."""
        for row in self.rows:
            if row.label == label:
                return row
        raise KeyError(label)

    def baseline_of(self, row: Row) -> Row:
        """The row that ``row`` is compared with; the row itself where it is a baseline."""
        return self.row(row.baseline or self.baseline)

    def under(self, protocol: Protocol) -> "Table":
        """The table with another protocol in every row. For a data set of small images it is a companion table.

        Raises ValueError where a row's network has no companion for the data set, and for a protocol of the other task
        (classification or detection).
        """
        return replace(self, rows=tuple(replace(row, cell=self._cell(row, protocol)) for row in self.rows))

    def _cell(self, row: Row, protocol: Protocol) -> Cell:
        paper = row.cell
        if (paper.protocol.detection is None) != (protocol.detection is None):
            kinds = ("classifiers", "detectors")
            table, other = kinds if protocol.detection else reversed(kinds)
            raise ValueError(f"{self.name} has {table}, protocol {protocol.name} is for {other}")
        backbone = self.companions.get(protocol.dataset, {}).get(paper.backbone)
        photos = protocol.dataset.of_photos and paper.protocol.dataset.of_photos  # networks for photos accept any size
        if backbone is None and not photos and protocol.image_size != paper.protocol.image_size:
            raise ValueError(f"{self.name} has no companion of {paper.backbone} for {protocol.dataset.value}")
        return replace(paper, backbone=backbone or paper.backbone, protocol=protocol)
