"""Parameters and multiply-adds as the paper prints them, in the files for programs."""

from dataclasses import replace

from senet_lab.report.csv_tables import wide_csv
from senet_lab.report.load import load
from senet_lab.report.published import published_table
from senet_lab.report.table_data import comparison_data
from tests.report.test_write import COUNTS, NAMED, PRINTED, both, rows_of
from tests.samples import filled, report_of_views


def test_printed_costs_are_the_papers_alone(tmp_path):
    """MFLOPs become thousand millions, as printed; where the paper prints no cost, no computed one takes its place."""
    mobile = replace(PRINTED[1], metric="mflops", unit="M", value="572")
    filled(tmp_path, *both())
    (part,) = report_of_views(NAMED, [load(tmp_path, "results")], numbers=[*PRINTED, mobile], counts=COUNTS).parts
    lines = rows_of(wide_csv(published_table(NAMED, [*PRINTED, mobile]), [part.comparison]))
    found = {(line["row"], line["source"]): (line["param_count"], line["gmacs"]) for line in lines}

    assert found["SE", "published"] == ("", "0.572")
    assert found["plain", "published"] == ("", "")
    assert found["SE", "results"] == ("0.139", "0.017")
    assert comparison_data(part.comparison)["rows"][1]["multiply_adds"]["published"] == {
        "value": 572.0,
        "unit": "million",
    }
