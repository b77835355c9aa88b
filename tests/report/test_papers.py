"""Each numbered table of both editions has its rows here, or a reason why not."""

from senet_lab.cli import catalogue
from senet_lab.report.papers import printed_tables
from senet_lab.report.published import load_published, published_table
from senet_lab.report.table_report import report_of

NUMBERS = load_published(catalogue.published_folder())


def states(tables, reasons):
    reports = [report_of(published_table(table, NUMBERS), {}, ()) for table in tables]
    return printed_tables(catalogue.printed()[0], reasons, reports)


def test_no_table_of_the_paper_is_absent_without_a_reason():
    """Seven of the 2018 edition and sixteen of the journal; the two without rows print no result."""
    found = states(catalogue.tables(), catalogue.printed()[1])

    assert [one.number for one in found] == [*range(1, 8), *range(1, 17)]
    assert [one for one in found if one.absent] == []
    assert [(one.edition, one.number) for one in found if one.name is None] == [("cvpr2018", 1), ("tpami", 1)]
    assert {"table6", "tpami-table7"} <= {one.name for one in found}
    assert {one.text.partition("  ")[0] for one in found if one.number == 7} == {"CVPR 2018 table 7", "TPAMI table 7"}


def test_a_forgotten_table_is_seen():
    """Without its rows, or without a reason, it is said to be missing."""
    tables = [table for table in catalogue.tables() if table.name != "table6"]
    missing = [one for one in states(tables, {("tpami", 1): "no result"}) if one.absent]

    assert [(one.edition, one.number) for one in missing] == [("cvpr2018", 1), ("cvpr2018", 6)]
    assert all("MISSING" in one.text for one in missing)


def test_every_published_number_is_of_a_printed_table():
    """What is transcribed under a table's number belongs to one of these."""
    printed = catalogue.printed()[0]
    tables = {(n.edition, n.table) for n in NUMBERS if n.table.startswith("T")}

    assert tables <= {(edition, f"T{number}") for edition, count in printed.items() for number in range(1, count + 1)}
