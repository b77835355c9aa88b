"""The committed pages are those that the reports' code makes of the committed records."""

from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab.cli import catalogue
from senet_lab.cli.gather import gather

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("name", ["tpami-table14", "experiment-table1"])
def test_a_committed_page_is_what_its_records_make(name, monkeypatch):
    """To the byte, so that a change of words or of rules does not leave old pages behind."""
    monkeypatch.chdir(RESULTS.parent)
    table, claims = catalogue.find_with_claims(name)
    (report,) = gather([table], claims, None).reports

    assert (RESULTS / "tables" / f"{table.slug}.md").read_text() == replace(report, parts=report.kept).text
