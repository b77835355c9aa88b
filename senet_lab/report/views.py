"""Views: a table under one protocol with what one source of records has of it, and the verdicts that follow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from senet_lab.records.record import Record
from senet_lab.records.sequential import read_plan
from senet_lab.report.load import PROJECT, Loaded, candidates
from senet_lab.report.published import EDITIONS
from senet_lab.report.summary import RowSummary, summarise
from senet_lab.stats.verdicts import Judgement, judge
from senet_lab.study.claim import Claim
from senet_lab.study.counts import Counts
from senet_lab.study.measure import Measure
from senet_lab.study.protocol import Dataset, Protocol
from senet_lab.study.table import Table

DATASETS = {
    Dataset.CIFAR10: "CIFAR-10",
    Dataset.CIFAR100: "CIFAR-100",
    Dataset.IMAGENET: "ImageNet",
    Dataset.IMAGENETTE: "Imagenette",
    Dataset.PLACES365: "Places365",
    Dataset.COCO: "COCO",
    Dataset.SYNTHETIC: "SYNTHETIC DATA",
}  # as a reader knows them


@dataclass(frozen=True, slots=True)
class View:
    """One table under one protocol, or, for the paper's own, under its rows' protocols.

    paper: the table as printed; table: the same rows as they were trained.
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
        """What its rows are compared by."""
        return self.table.measure

    @property
    def companion(self) -> bool:
        """Whether rows were trained otherwise than the paper did: other data, network or schedule."""
        return self.table.rows != self.paper.rows

    @property
    def unlike(self) -> str:
        """In what a companion differs from the paper's table: in its schedule always, and in what else."""
        data = {p.dataset for p in self.protocols} != {row.cell.protocol.dataset for row in self.paper.rows}
        network = {row.cell.backbone for row in self.paper.rows} != set(self.networks)
        if data and network:
            return "other data, network and schedule"
        return f"other {'data and ' if data else ''}{'network and ' if network else ''}schedule"

    @property
    def source(self) -> str:
        """The folder of these records. Those of the demonstration are never in git, so they are this machine's."""
        return "this machine" if self.loaded.source == PROJECT and self.synthetic else self.loaded.source

    @property
    def own(self) -> bool:
        """Whether its user made these records, rather than the project."""
        return self.source != PROJECT

    @property
    def synthetic(self) -> bool:
        """Whether any of it is about generated images."""
        return any(protocol.synthetic for protocol in self.protocols)

    @property
    def compares(self) -> bool:
        """Whether two rows or more were measured: one alone, shared with another table, is no comparison."""
        return sum(bool(row.seeds) for row in self.rows) > 1

    @property
    def name(self) -> str:
        """The protocols' names, for files and headings."""
        return view_name(self.table)

    @property
    def datasets(self) -> str:
        """What the networks were trained on and evaluated with, in words."""
        return ", ".join(dict.fromkeys(dataset_name(protocol) for protocol in self.protocols))

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks that were trained, each once."""
        return tuple(dict.fromkeys(row.cell.backbone for row in self.table.rows))

    @property
    def records(self) -> list[Record]:
        """The records of its rows."""
        keys = {row.cell.key for row in self.table.rows}
        return [record for record in self.loaded.records if record.run.cell.key in keys]


@dataclass(frozen=True, slots=True)
class Judged:
    """A view and its verdicts."""

    view: View
    judgement: Judgement


def dataset_name(protocol: Protocol) -> str:
    """The data set of a protocol in words."""
    return protocol.data_name if protocol.photos else DATASETS.get(protocol.dataset, protocol.data_name)


def view_name(table: Table) -> str:
    """The names of a table's protocols, with their versions after the first."""
    protocols = dict.fromkeys(row.cell.protocol for row in table.rows)
    return "+".join(p.name if p.version == 1 else f"{p.name}-v{p.version}" for p in protocols)


def title_of(table: Table) -> str:
    """As a heading: number, edition, caption."""
    return f"Table {table.number} ({EDITIONS.get(table.edition, table.edition)}): {table.caption}"


def protocols_text(view: View) -> str:
    """Its protocols, each by name and title."""
    return "; ".join(dict.fromkeys(f"{p.name}: {p.title}" if p.title else p.name for p in view.protocols))


def measured_views(table: Table, sources: Iterable[Loaded]) -> list[View]:
    """The table as the paper has it and under every other protocol that has records of it, a user's own first."""
    views = []
    for loaded in sources:
        recorded = {record.run.cell.key for record in loaded.records}
        for candidate in candidates(table, loaded.protocols()):
            if recorded & {row.cell.key for row in candidate.rows}:
                views.append(View(table, candidate, loaded, tuple(summarise(candidate, loaded))))
    return sorted(views, key=lambda view: not view.own)


def judged(view: View, claims: Iterable[Claim], counts: Mapping[str, Counts]) -> Judged:
    """A view with its verdicts, by the sequential plan of its records where there is one.

    Raises StudyError for a plan that cannot be believed.
    """
    plan = read_plan(view.loaded.store.root, view.table.slug, view.name)
    return Judged(view, judge(view.table, claims, view.loaded.paired_runs, counts, plan))
