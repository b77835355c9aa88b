"""The committed figures of cost show the committed records: those that only ``senet-lab figures`` draws."""

from pathlib import Path

import pandas as pd

from senet_lab.cli import catalogue
from senet_lab.report.figure_data import cost
from senet_lab.report.figures import figure_stem
from senet_lab.report.load import PROJECT, load_all
from senet_lab.report.views import measured_views

RESULTS = Path(__file__).parents[2] / "results"


def test_committed_figures_of_cost_are_those_of_the_records():
    """Each row and seed, with its error, in the CSV file beside the figure."""
    tables = catalogue.tables()
    loaded, compared = load_all([(RESULTS, PROJECT)], tables), 0
    for view in (view for table in tables for view in measured_views(table, loaded) if not view.synthetic):
        frame = cost(view)
        if frame.empty:
            continue
        stem = figure_stem(view, RESULTS / "figures")
        committed = pd.read_csv(stem.with_name(f"{stem.name}-cost.csv"))
        expected = frame[["row", "seed", "top1_error_pct"]].reset_index(drop=True)
        pd.testing.assert_frame_equal(expected, committed[list(expected)], check_dtype=False, check_exact=False)
        compared += 1

    assert compared > 10
