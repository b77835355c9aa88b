"""The paper's numbered tables one by one: the name of each, its published numbers, and what measured it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from senet_lab.report.published import EDITIONS
from senet_lab.report.table_report import Report

NOT_YET = "not yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTable:
    """One numbered table of an edition.

    name: its name on the command line; None where ``ablations`` does not declare it. rows: how many rows are declared.
    numbers: how many numbers are published for them. measured: the protocols with committed records. reason: why the
    table is not declared; empty where no reason is given.
    """

    edition: str
    number: int
    name: str | None = None
    rows: int = 0
    numbers: int = 0
    measured: tuple[str, ...] = ()
    reason: str = ""

    @property
    def absent(self) -> bool:
        """Whether the table is missing without a reason, or is declared without a published number."""
        return (self.name is None and not self.reason) or (self.name is not None and not self.numbers)

    @property
    def text(self) -> str:
        """The table's state in one line."""
        title = f"{EDITIONS.get(self.edition, self.edition)} table {self.number}"
        if self.name is None:
            return f"{title:18} {self.reason or 'MISSING: no table of ablations has its rows, and no reason is given'}"
        measured = ", ".join(self.measured) or NOT_YET
        return (
            f"{title:18} {self.name:14} {self.rows} rows, {self.numbers} published numbers, measured under: {measured}"
        )


def printed_tables(
    printed: Mapping[str, int], reasons: Mapping[tuple[str, int], str], reports: Sequence[Report]
) -> list[PrintedTable]:
    """Every table of every edition, in order.

    printed: how many tables each edition has. reasons: why some (edition, number) are not declared.
    """
    known = {(report.table.edition, report.table.number): report for report in reports}
    found = []
    for edition, count in printed.items():
        for number in range(1, count + 1):
            report = known.get((edition, str(number)))
            if report is None:
                reason = reasons.get((edition, number), "")
                found.append(PrintedTable(edition=edition, number=number, reason=reason))
                continue
            table = report.table
            found.append(
                PrintedTable(
                    edition=edition,
                    number=number,
                    name=table.name,
                    rows=len(table.rows),
                    numbers=sum(map(len, report.published.rows.values())),
                    measured=tuple(dict.fromkeys(part.comparison.view.name for part in report.kept)),
                )
            )
    return found
