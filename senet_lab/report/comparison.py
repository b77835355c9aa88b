"""Published beside measured: the rows of one view with everything that pages, files and figures show of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from senet_lab.records.sequential import read_plan
from senet_lab.report.published import Published, PublishedTable
from senet_lab.report.summary import RowSummary
from senet_lab.report.views import View
from senet_lab.stats.difference import Difference
from senet_lab.stats.verdicts import Judgement, PartResult, Verdict, judge
from senet_lab.study.claim import Claim
from senet_lab.study.counts import Counts, network_key
from senet_lab.study.table import Row

# A row is judged by the statement "the row is below its baseline".
DIRECTIONS = {Verdict.SUPPORTED: "lower", Verdict.CONTRADICTED: "higher"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """One row, published and measured.

    baseline: the row that it is compared with; None for a baseline itself. published: the printed numbers by metric, in
    the paper's units. published_points: the printed difference to the baseline, in points. counts: parameters and
    multiply-adds of the trained network. result: the test of the row against its baseline, with the measured
    difference.
    """

    row: Row
    summary: RowSummary
    baseline: Row | None
    published: Mapping[str, Published]
    published_points: float | None
    counts: Counts | None
    result: PartResult | None

    @property
    def difference(self) -> Difference | None:
        """The measured difference to the baseline in points, over the seeds ``summary.compared`` and all images."""
        return self.result.difference if self.result else None

    @property
    def direction(self) -> str | None:
        """The verdict on the true difference: "lower" or "higher" than zero, or a verdict that says it is not known.

        None where nothing was run.
        """
        if self.result is None or self.result.verdict is Verdict.NOT_RUN:
            return None
        return DIRECTIONS.get(self.result.verdict, self.result.verdict.value)

    @property
    def adjusted_p(self) -> float | None:
        """The p-value of the verdict after Holm's adjustment; None where nothing was tested."""
        return self.result.adjusted_p if self.result else None

    @property
    def looked_at(self) -> int | None:
        """With a sequential plan, the number of seeds at the look that decided, of which the p-value is; else None."""
        return self.result.looked_at if self.result else None

    def printed(self, metrics: Sequence[str]) -> Published | None:
        """The printed number of the first of these metrics that the paper prints for this row; None for none."""
        return next((self.published[metric] for metric in metrics if metric in self.published), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A view with its verdicts and its rows beside the published ones. published: of the paper's table."""

    view: View
    judgement: Judgement
    published: PublishedTable
    rows: tuple[ComparedRow, ...]

    @property
    def printed(self) -> bool:
        """Whether the paper prints any number of these rows."""
        return any(row.published for row in self.rows)

    @property
    def baselines(self) -> tuple[str, ...]:
        """The labels of the rows that others are compared with, each once."""
        return tuple(dict.fromkeys(row.baseline.label for row in self.rows if row.baseline))

    @property
    def chained(self) -> bool:
        """Whether a row that others are compared with is compared with another row itself."""
        return any(row.row.label in self.baselines for row in self.rows if row.baseline)


def compare(view: View, claims: Iterable[Claim], published: PublishedTable, counts: Mapping[str, Counts]) -> Comparison:
    """The rows of a view beside the published ones, with the verdicts on each row and on the claims about the table.

    Where the records were made by a sequential plan, the verdicts follow that plan. Raises StudyError for a damaged
    plan.
    """
    plan = read_plan(view.loaded.store.root, view.table.slug, view.name)
    judgement = judge(view.table, claims, view.loaded.paired_runs, counts, plan)
    rows = []
    for summary in view.rows:
        row = summary.row
        baseline = view.table.baseline_of(row)
        rows.append(
            ComparedRow(
                row=row,
                summary=summary,
                baseline=None if baseline is row else baseline,
                published=published.rows[row.label],
                published_points=published.points(row.label, baseline.label),
                counts=counts.get(network_key(row.cell)),
                result=judgement.rows.get(row.label),
            )
        )
    return Comparison(view, judgement, published, tuple(rows))
