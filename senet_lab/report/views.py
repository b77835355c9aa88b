"""Views: a table under one protocol with the records of one source."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from senet_lab.records.record import Record
from senet_lab.report.load import PROJECT, Loaded
from senet_lab.report.published import EDITIONS
from senet_lab.report.summary import RowSummary, summarise
from senet_lab.study.companions import candidates
from senet_lab.study.measure import Measure
from senet_lab.study.names import versioned
from senet_lab.study.protocol import Dataset, Protocol
from senet_lab.study.table import Table

LONGEST_VIEW_NAME = 200  # characters; with a longer one no file could be made
DATASETS = {
    Dataset.CIFAR10: "CIFAR-10",
    Dataset.CIFAR100: "CIFAR-100",
    Dataset.IMAGENET: "ImageNet",
    Dataset.IMAGENETTE: "Imagenette",
    Dataset.PLACES365: "Places365",
    Dataset.COCO: "COCO",
    Dataset.SYNTHETIC: "SYNTHETIC DATA",
}  # the data sets' names for readers


@dataclass(frozen=True, slots=True)
class View:
    """One table under one protocol, or under its rows' own protocols, with the records of one source.

    paper: the table as printed. table: the same rows as they were trained. loaded: the source of the records. rows: a
    summary of each row.
    """

    paper: Table
    table: Table
    loaded: Loaded
    rows: tuple[RowSummary, ...]

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The protocols of the rows, each once."""
        return tuple(dict.fromkeys(row.cell.protocol for row in self.table.rows))

    @property
    def measure(self) -> Measure:
        """The numbers by which rows are compared."""
        return self.table.measure

    @property
    def companion(self) -> bool:
        """Whether rows were trained with other data, another network or another schedule than in the paper."""
        return self.table.rows != self.paper.rows

    @property
    def whose(self) -> str:
        """Whose table a companion is of, in words: the paper prints only some of the tables."""
        return "the paper's" if self.paper.of_the_paper else "the declared"

    @property
    def unlike(self) -> str:
        """In what a companion differs from the table as it was declared, in words."""
        own, declared = self.protocols, tuple(row.cell.protocol for row in self.paper.rows)
        schedules = [{(p.epochs, p.batch_size, p.schedule) for p in protocols} for protocols in (own, declared)]
        differs = {
            "data": {p.dataset for p in own} != {p.dataset for p in declared},
            "network": {row.cell.backbone for row in self.paper.rows} != set(self.all_networks),
            "schedule": schedules[0] != schedules[1],
        }
        *first, last = [name for name, is_other in differs.items() if is_other] or [
            "training photos" if any(p.small_photos for p in own) else "details of the recipe"
        ]
        return f"other {', '.join(first)} and {last}" if first else f"other {last}"

    @property
    def source(self) -> str:
        """The source of these records in words. Git never has records of synthetic data: they are this machine's."""
        return "this machine" if self.loaded.source == PROJECT and self.synthetic else self.loaded.source

    @property
    def own(self) -> bool:
        """Whether a user made these records, not the project."""
        return self.source != PROJECT

    @property
    def synthetic(self) -> bool:
        """Whether any row was trained on generated images."""
        return any(protocol.synthetic for protocol in self.protocols)

    @property
    def compares(self) -> bool:
        """Whether two rows or more were measured. One row alone, shared with another table, is no comparison."""
        return sum(bool(row.seeds) for row in self.rows) > 1

    @property
    def name(self) -> str:
        """The protocols' names, for files and headings."""
        return view_name(self.table)

    @property
    def label(self) -> str:
        """A name that no other view of the table has: the protocols, and the source where it is not the project's."""
        return f"{self.name}-{self.source}" if self.own else self.name

    @property
    def images_seen(self) -> int:
        """How many training images a run sees in all its epochs; of several protocols, the fewest."""
        return min(protocol.epochs * protocol.train_images for protocol in self.protocols)

    @property
    def datasets(self) -> str:
        """The names of the data sets that the networks were trained on, in words."""
        return ", ".join(dict.fromkeys(dataset_name(protocol) for protocol in self.protocols))

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks of the rows that were trained, each once."""
        return tuple(dict.fromkeys(one.row.cell.backbone for one in self.rows if one.seeds or one.failed))

    @property
    def all_networks(self) -> tuple[str, ...]:
        """The networks of all rows, each once."""
        return tuple(dict.fromkeys(row.cell.backbone for row in self.table.rows))

    @property
    def records(self) -> list[Record]:
        """The records of this view's rows."""
        keys = {row.cell.key for row in self.table.rows}
        return [record for record in self.loaded.records if record.run.cell.key in keys]


def dataset_name(protocol: Protocol) -> str:
    """The data set of a protocol in words."""
    return protocol.data_name if protocol.photos else DATASETS.get(protocol.dataset, protocol.data_name)


def view_name(table: Table) -> str:
    """The names of a table's protocols, joined by "+". Versions from 2 on are added, as in "name-v2".

    It is a part of file names. So of a long one the beginning is kept, followed by how many protocols there are and a
    digest of all names.
    """
    protocols = dict.fromkeys(row.cell.protocol for row in table.rows)
    name = "+".join(versioned(protocol.name, protocol.version) for protocol in protocols)
    if len(protocols) == 1 or len(name) <= LONGEST_VIEW_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    end = f"+of-{len(protocols)}-{digest}"
    return name[: LONGEST_VIEW_NAME - len(end)].rstrip("+-_.") + end


def title_of(table: Table) -> str:
    """A heading with the table's number, edition and caption."""
    return f"Table {table.number} ({EDITIONS.get(table.edition, table.edition)}): {table.caption}"


def published_on(views: Iterable[View]) -> tuple[str, ...]:
    """The names of the data sets of the views' printed tables, each once."""
    return tuple(dict.fromkeys(dataset_name(view.paper.paper_protocol) for view in views))


def protocols_text(view: View) -> str:
    """The view's protocols, each by name, version from 2 on, and title.

    The title of a folder of photos counts all of them; where a protocol trains on fewer, their number follows.
    """
    return "; ".join(dict.fromkeys(map(_described, view.protocols)))


def _described(protocol: Protocol) -> str:
    fewer = (
        f", trained on {protocol.train_images:,} of them" if protocol.photos and protocol.train_images_per_class else ""
    )
    name = versioned(protocol.name, protocol.version)
    return f"{name}: {protocol.title}{fewer}" if protocol.title else name


def measured_views(table: Table, sources: Iterable[Loaded]) -> list[View]:
    """The views of a table, one for each source and protocol that has records of its rows.

    A user's own come first, then those that train longest.
    """
    views, declared = list[View](), {row.cell.key for row in table.rows}
    for loaded in sources:
        recorded = {record.run.cell.key for record in loaded.records}
        for candidate in candidates(table, loaded.protocols()):
            keys = {row.cell.key for row in candidate.rows}
            # Under one of its own protocols a table has some of its declared cells, which its own view shows.
            if recorded & (keys if candidate is table else keys - declared):
                views.append(View(table, candidate, loaded, tuple(summarise(candidate, loaded))))
    return sorted(views, key=lambda view: (not view.own, -view.images_seen))
