"""The paper's numbered tables one by one: by which name each is asked for, what is published, and what measured it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from senet_lab.report.published import EDITIONS, Published, of_row
from senet_lab.report.write import Report

NOT_YET = "not yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTable:
    """name: on the command line, None where it is not asked for. rows: that are asked for, and with how many published
    numbers. measured: the protocols with records that git keeps. reason: why it is not asked for; empty where nothing
    says so."""

    edition: str
    number: int
    name: str | None = None
    rows: int = 0
    numbers: int = 0
    measured: tuple[str, ...] = ()
    reason: str = ""

    @property
    def absent(self) -> bool:
        """Whether it is missing without a reason, or stands here without a published number."""
        return (self.name is None and not self.reason) or (self.name is not None and not self.numbers)

    @property
    def text(self) -> str:
        """In one line."""
        title = f"{EDITIONS.get(self.edition, self.edition)} table {self.number}"
        if self.name is None:
            return f"{title:18} {self.reason or 'MISSING: no table of ablations has its rows, and no reason is given'}"
        measured = ", ".join(self.measured) or NOT_YET
        return (
            f"{title:18} {self.name:14} {self.rows} rows, {self.numbers} published numbers, measured under: {measured}"
        )


def printed_tables(
    printed: Mapping[str, int],
    reasons: Mapping[tuple[str, int], str],
    reports: Sequence[Report],
    numbers: Sequence[Published],
) -> list[PrintedTable]:
    """Every table of every edition in its order. printed: how many there are; reasons: for those without rows."""
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
                    numbers=sum(len(of_row(numbers, table, row)) for row in table.rows),
                    measured=tuple(dict.fromkeys(part.comparison.view.name for part in report.kept)),
                )
            )
    return found
