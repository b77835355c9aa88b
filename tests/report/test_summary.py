"""Means, intervals and paired differences, computed by hand."""

from dataclasses import replace

import pytest

from senet_lab.report.load import Loaded, load, load_all
from senet_lab.report.summary import summarise
from senet_lab.report.tables import mean_text
from senet_lab.report.views import measured_views, view_name
from senet_lab.study import Row
from tests.samples import PLAIN, PROTOCOL, SE, SYNTHETIC, TABLE, block_of, comparison_of, failed, filled, finished


def loaded(root, *records) -> Loaded:
    filled(root, *records)
    return load(root, "results")


def summary_of_se(root, *records):
    found = loaded(root, *records)
    _, se = summarise(TABLE, found)
    return se


def compared_se(root, *records):
    """The SE row of the only view of some records, beside its baseline."""
    (view,) = measured_views(TABLE, [loaded(root, *records)])
    plain, se = comparison_of(view).rows
    assert plain.difference is None
    return se


def test_a_row_is_the_mean_of_its_seeds(tmp_path):
    """Errors 20, 21 and 22 %: 21 ± t · √((1 + the step of an image, 0.1² / 8) / 3), seed by seed."""
    se = summary_of_se(tmp_path, *(finished(SE, seed, wrong=200 + 10 * seed) for seed in (0, 1, 2)))

    assert (pytest.approx(se.first.value), se.first.n) == (21.0, 3)
    assert pytest.approx(se.first.half_width, abs=1e-6) == 2.484138 * 1.00125**0.5
    assert se.seeds == (0, 1, 2)
    assert se.compared == (0, 1, 2)
    assert se.values_pct == {0: 20.0, 1: 21.0, 2: 22.0}


def test_differences_are_paired_over_common_seeds(tmp_path):
    """Seed 5 of the plain network and seed 2 of the SE network have no partner: -1 and -3 remain, not the means', and
    the error is that of the same two runs."""
    se = compared_se(
        tmp_path,
        *(finished(PLAIN, seed, wrong) for seed, wrong in ((0, 210), (1, 240), (5, 900))),
        *(finished(SE, seed, wrong) for seed, wrong in ((0, 200), (1, 210), (2, 10))),
    )

    assert (pytest.approx(se.difference.value), se.difference.seeds) == (-2.0, 2)
    assert (pytest.approx(se.summary.first.value), se.summary.first.n) == (20.5, 2)
    assert (se.summary.seeds, se.summary.compared, se.summary.left_out) == ((0, 1, 2), (0, 1), (2,))


def test_without_a_common_seed_there_is_no_difference(tmp_path):
    """Two runs at different seeds are not compared."""
    se = compared_se(tmp_path, finished(PLAIN, 0), finished(SE, 1))

    assert (se.difference, se.direction) == (None, "no paired runs")
    assert se.summary.compared == (1,)


def test_no_difference_crosses_protocols(tmp_path):
    """A baseline that was trained under another protocol is no baseline, though the seeds agree."""
    records = loaded(
        tmp_path, finished(replace(PLAIN, protocol=replace(PROTOCOL, epochs=9, name="other"))), finished(SE)
    )

    for view in measured_views(TABLE, [records]):
        assert [row.difference for row in comparison_of(view).rows] == [None, None]


def test_no_difference_crosses_protocols_within_a_table(tmp_path):
    """A table may hold rows of several protocols; a row is compared with a baseline of its own only."""
    other = replace(PLAIN, protocol=replace(PROTOCOL, epochs=9, name="other"))
    mixed = replace(TABLE, rows=(Row("plain", other), Row("SE", SE)))

    (view,) = measured_views(mixed, [loaded(tmp_path, finished(other), finished(SE))])

    assert [row.difference for row in comparison_of(view).rows] == [None, None]


def test_failed_runs_are_listed_and_not_averaged(tmp_path):
    """Two of three seeds finished: n is 2, the failure stands beside it, and the seed is named."""
    records = loaded(tmp_path, finished(SE, 0, 200), finished(SE, 1, 220), failed(SE, 2), finished(PLAIN, 2))
    (view,) = measured_views(TABLE, [records])
    se = view.rows[1]

    assert (pytest.approx(se.first.value), se.first.n) == (21.0, 2)
    assert (se.seeds, se.failed) == ((0, 1), (2,))
    assert comparison_of(view).rows[1].difference is None
    assert "Failed runs of SE, in no mean: seed 2." in block_of(view).notes
    assert block_of(view).lines[1][1].endswith(" (n = 2, 1 failed)")


def test_a_row_of_failed_runs_has_no_number(tmp_path):
    """No mean, no zero."""
    se = summary_of_se(tmp_path, failed(SE, 0), finished(PLAIN, 0))

    assert (se.first, se.second, se.seeds, se.failed) == (None, None, (), (0,))
    assert mean_text(se.first, len(se.failed)) == "– (1 failed)"


def test_only_failed_runs_are_summarised_too(tmp_path):
    """A frame without any error does not break."""
    assert (lambda se: (se.first, se.failed))(summary_of_se(tmp_path, failed(SE, 0))) == (None, (0,))


def test_one_seed_is_shown_as_one_seed(tmp_path):
    """n = 1 stands beside the number, without ±. The paper prints nothing of these rows, so no column is for that."""
    (view,) = measured_views(TABLE, [loaded(tmp_path, finished(SE, 0, 200), finished(PLAIN, 0, 210))])
    block = block_of(view)
    plain, se = block.lines

    assert plain[:4] == ("plain", "21.00 (n = 1)", "baseline", "")
    assert se[1:4] == ("20.00 (n = 1)", "-1.00 ± 0.62 (n = 1, images only)", "one seed: no test")
    assert not any("±" in cell for cell in (*plain, *se[:2], *se[3:]))
    assert block.title.startswith("Measured on CIFAR-10, ")
    assert "published" not in " ".join(block.columns)
    assert block.names[:5] == ("row", "measured", "measured-difference", "verdict", "parameters")
    assert block.for_paper().names == block.names[:5]


def test_differences_name_their_baselines_where_one_baseline_has_another(tmp_path):
    """The row "third" is compared with SE, and SE with the plain network; one word "baseline" does not tell that."""
    third = replace(SE, se=replace(SE.se, reduction=8))
    chain = replace(TABLE, rows=(*TABLE.rows, Row("third", third, baseline="SE")))
    (view,) = measured_views(chain, [loaded(tmp_path, *(finished(cell) for cell in (PLAIN, SE, third)))])
    block = block_of(view)
    differences = [line[block.names.index("measured-difference")] for line in block.lines]

    assert [text.partition(" against ")[2] for text in differences] == ["", "plain", "SE"]
    assert 'Compared rows, each with its baseline: "SE" with "plain"; "third" with "SE".' in block.notes
    (pair,) = measured_views(TABLE, [load(tmp_path, "results")])
    assert "against" not in " ".join(block_of(pair).lines[1])


def test_seeds_that_a_row_lacks_are_listed(tmp_path):
    """A row with one seed beside a row with two says which is missing."""
    (view,) = measured_views(TABLE, [loaded(tmp_path, finished(SE, 0), finished(SE, 1), finished(PLAIN, 0))])

    assert "Not run for plain: seed 1." in block_of(view).notes


def test_each_protocol_has_its_own_view(tmp_path):
    """Two protocols with records are two blocks, never one."""
    sample, made_up = TABLE, TABLE.under(SYNTHETIC)
    records = loaded(tmp_path, *(finished(row.cell) for table in (sample, made_up) for row in table.rows))

    assert {view.name for view in measured_views(TABLE, [records])} == {"sample", "made-up"}


def test_a_new_version_of_a_protocol_is_another_view(tmp_path):
    """Its name says so, and so do the names of its files. The one that trains longer comes first."""
    second = replace(PROTOCOL, version=2, epochs=3)
    records = loaded(tmp_path, finished(SE), finished(replace(SE, protocol=second)))

    assert [view.name for view in measured_views(TABLE, [records])] == ["sample-v2", "sample"]


def test_reworded_protocols_are_one_view(tmp_path):
    """Records made before a departure was reworded belong to the same cell and are shown once."""
    old = replace(SE, protocol=replace(PROTOCOL, title="old words", departures=()))
    companion = replace(TABLE, rows=tuple(replace(r, cell=replace(r.cell, protocol=SYNTHETIC)) for r in TABLE.rows))
    records = loaded(tmp_path, finished(old, 0), finished(SE, 1))

    assert [view.rows[1].first.n for view in measured_views(TABLE, [records])] == [2]
    assert [view.rows[1].first.n for view in measured_views(companion, [records])] == [2]


def test_the_name_of_many_protocols_fits_into_the_name_of_a_file():
    """A table after a search has a recipe for each row; others of another recipe have another name."""

    def table(last):
        rates = [f"my-cifar10-lr-0.0800{number}-wd-3.168e-05" for number in (*range(11), last)]
        rows = [Row(rate, replace(SE, protocol=replace(PROTOCOL, name=rate))) for rate in rates]
        return replace(TABLE, baseline=rates[0], rows=tuple(rows))

    names = [view_name(table(last)) for last in (11, 12)]
    assert names[0] != names[1]
    assert all(name.startswith("my-cifar10-lr-0.08000-wd-3.168e-05+") and len(name) <= 200 for name in names)
    assert "+of-12-" in names[0]
    assert view_name(TABLE) == "sample"


def test_sources_are_kept_apart(tmp_path):
    """A user's records are no further seeds of the committed ones; a folder without records is no source."""
    filled(tmp_path / "results", finished(SE, 0))
    filled(tmp_path / "mine", finished(SE, 1))
    roots = [(tmp_path / "results", "results"), (tmp_path / "mine", "mine"), (tmp_path / "none", "none")]
    views = measured_views(TABLE, load_all(roots))

    assert [(view.loaded.source, view.rows[1].seeds) for view in views] == [("mine", (1,)), ("results", (0,))]


def test_a_users_own_view_comes_first(tmp_path):
    """Before the committed ones, whichever was read first."""
    filled(tmp_path / "results", finished(SE, 0))
    filled(tmp_path / "mine", finished(SE, 1))
    views = measured_views(TABLE, load_all([(tmp_path / "results", "results"), (tmp_path / "mine", "mine")]))

    assert [view.source for view in views] == ["mine", "results"]


def test_the_baseline_over_a_rows_seeds_is_said(tmp_path):
    """The plain network has 21 % over both seeds and 22 % over the one that SE has too."""
    records = finished(PLAIN, 0, 220), finished(PLAIN, 1, 200), finished(SE, 0, 200)
    (view,) = measured_views(TABLE, [loaded(tmp_path, *records)])

    assert block_of(view).lines[0][1].startswith("21.00 ±")
    assert "Over seed 0 alone, plain has 22.00 %." in block_of(view).notes


def test_rows_that_differ_by_protocol_alone_have_no_companion(tmp_path):
    """Under one protocol they would be one row, shown several times."""
    other = replace(PROTOCOL, epochs=9, name="other")
    rates = replace(TABLE, rows=(Row("plain", PLAIN), Row("long", replace(PLAIN, protocol=other))))
    third = replace(PLAIN, protocol=replace(PROTOCOL, epochs=5, name="third"))

    assert measured_views(rates, [loaded(tmp_path, finished(third))]) == []


def test_a_row_under_another_rows_recipe_has_a_view(tmp_path):
    """A table with two recipes of its own may be trained under one of them; its declared cells stay in its own view."""
    other = replace(PROTOCOL, name="other", epochs=3)
    table = replace(TABLE, rows=(TABLE.rows[0], replace(TABLE.rows[1], cell=replace(SE, protocol=other))))
    declared = loaded(tmp_path / "a", finished(PLAIN), finished(replace(SE, protocol=other)))
    under_one = loaded(tmp_path / "b", finished(PLAIN), finished(SE))

    assert [view.name for view in measured_views(table, [declared])] == ["sample+other"]
    assert {view.name for view in measured_views(table, [under_one])} == {"sample", "sample+other"}
