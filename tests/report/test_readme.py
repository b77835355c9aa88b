"""What the front page shows of the records."""

import csv
import re
from dataclasses import replace

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.records.sequential import SequentialPlan, begin_plan
from senet_lab.report.csv_tables import wide_csv
from senet_lab.report.load import load
from senet_lab.report.notes import notes_of
from senet_lab.report.p_values import adjusted_text
from senet_lab.report.readme import index, verdicts_block, write_readmes
from senet_lab.report.views import title_of
from senet_lab.stats.verdicts import PartResult, Verdict
from senet_lab.study import Row
from senet_lab.study.claim import Claim, Lower
from senet_lab.study.counts import network_key
from tests.samples import PLAIN, SE, TABLE, comparisons_of, counted, filled, finished, report_of_views

TABLE7, TABLE12 = catalogue.find_table("table7"), catalogue.find_table("tpami-table12")
PRINTED_TABLE = replace(TABLE, edition="cvpr2018")


def front_page(folder, reports, comparisons=()):
    """The part of the front page with results."""
    readme = folder / "README.md"
    readme.write_text("<!-- results -->\n<!-- /results -->\n")
    write_readmes(readme, folder / "results", reports, [], [], comparisons)
    return readme.read_text()


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ({"cifar10-quick": 5}, ["cifar10-quick"]),
        ({"cifar10-quick": 5, "cifar10-short": 5}, ["cifar10-short"]),  # ten epochs, not two
        ({"cifar10-quick": 5, "cifar10-short": 4}, ["cifar10-quick"]),
        ({"cifar10-quick": 2, "cifar10-short": 2, "cifar10": 1}, ["cifar10-short", "cifar10-quick"]),
    ],
)
def test_the_front_page_has_the_longest_schedule_that_measured_every_row(tmp_path, rows, shown):
    """Of table 7. Until a schedule has measured every row, all that have measured two."""
    cells = [row.cell for name, count in rows.items() for row in studies.table_under(TABLE7, name).rows[:count]]
    every = {row.cell for name in (None, *rows) for row in studies.table_under(TABLE7, name).rows}
    counts = {network_key(cell): counted(1, 1, 1) for cell in every | {row.cell for row in TABLE7.rows}}
    filled(tmp_path / "results", *(finished(cell) for cell in cells))
    loaded = load(tmp_path / "results", "results")
    text = front_page(tmp_path, [report_of_views(TABLE7, [loaded], counts=counts)])

    assert shown == re.findall(r"; (cifar10[a-z-]*): CIFAR-10", text)


@pytest.mark.parametrize(("seeds", "shown"), [(1, TABLE7), (2, TABLE12)])
def test_the_front_page_has_the_table_with_most_seeds(tmp_path, seeds, shown):
    """Table 7 with one seed of each row, beside table 12 with as many or more."""
    under = [studies.table_under(table, "cifar10-short") for table in (TABLE7, TABLE12)]
    runs = {
        (cell.key, seed): (cell, seed)
        for table, n in zip(under, (1, seeds), strict=True)
        for cell in table.cells
        for seed in range(n)
    }
    filled(tmp_path / "results", *(finished(cell, seed) for cell, seed in runs.values()))
    counts = {network_key(cell): counted(1, 1, 1) for table in (*under, TABLE7, TABLE12) for cell in table.cells}
    loaded = [load(tmp_path / "results", "results")]
    text = front_page(tmp_path, [report_of_views(table, loaded, counts=counts) for table in (TABLE7, TABLE12)])

    assert re.findall(r"### (Table .*):", text) == [title_of(shown).partition(":")[0]]


@pytest.mark.parametrize(("better", "seeds"), [(100, 3), (0, 3), (100, 1)])
def test_the_front_page_says_what_tests_decide(tmp_path, better, seeds):
    """The comparison with its interval, p-value and how the seeds were chosen; or that there is none."""
    filled(tmp_path / "results", *(finished(PLAIN, s, 300 + s) for s in range(seeds)))
    filled(tmp_path / "results", *(finished(SE, s, 300 + s - better) for s in range(seeds)))
    compared = comparisons_of(PRINTED_TABLE, [load(tmp_path / "results", "results")])
    text = front_page(tmp_path, [], compared)

    decided = "**SE has a lower top-1 error than plain** " in text and "): -10.00 ± " in text
    assert decided == (better > 0 and seeds > 1)
    assert decided == ("No plan records how the number of seeds was chosen" in text)
    assert decided != ("No test decides a comparison so far." in text)
    assert (better == 0) == (
        "undecided in the paper's tables under sample, in points with 95 % intervals: SE against pl" in text
    )


def test_claims_of_the_paper_are_counted_without_our_own(tmp_path):
    """The paper's statement is counted; the same about a table that the paper does not print has a note alone."""
    filled(tmp_path, finished(PLAIN), finished(SE))
    own = replace(TABLE, edition="mine")
    asked = [
        Claim(name=table.edition, table=table, statement="s", source="", parts=(Lower("SE", "plain"),))
        for table in (PRINTED_TABLE, own)
    ]
    loaded = [load(tmp_path, "results")]
    block = verdicts_block([c for t in (PRINTED_TABLE, own) for c in comparisons_of(t, loaded, asked)])

    assert [line[block.columns.index("claims")] for line in block.lines] == ["1"]
    assert "Claims about tables that the paper does not print stand on the page of claims alone." in block.notes


@pytest.mark.parametrize(("rows", "shown"), [(1, "cifar10-quick (one row)"), (2, "cifar10-quick")])
def test_the_index_says_where_one_row_alone_was_measured(tmp_path, rows, shown):
    """A row that another table shares is no comparison."""
    table = studies.table_under(TABLE7, "cifar10-quick")
    counts = {network_key(cell): counted(1, 1, 1) for cell in (*table.cells, *TABLE7.cells)}
    filled(tmp_path, *(finished(cell) for cell in table.cells[:rows]))
    (line,) = index([report_of_views(TABLE7, [load(tmp_path, "results")], counts=counts)]).splitlines()[2:]

    assert line.split(" | ")[1] == shown


def test_the_index_links_to_no_figure_without_a_difference(tmp_path):
    """Two rows are measured and the baseline is not, so nothing is drawn."""
    table = studies.table_under(TABLE7, "cifar10-quick")
    counts = {network_key(cell): counted(1, 1, 1) for cell in (*table.cells, *TABLE7.cells)}
    others = [row.cell for row in table.rows if row.label != table.baseline]
    filled(tmp_path, *(finished(cell) for cell in others[:2]))
    (line,) = index([report_of_views(TABLE7, [load(tmp_path, "results")], counts=counts)]).splitlines()[2:]

    assert "forest" not in line


def test_a_p_value_stands_beside_the_look_that_it_is_of(tmp_path):
    """The difference is over all four seeds, the p-value of the plan's look at fewer."""
    store = filled(tmp_path / "results", *(finished(PLAIN, s, 300 + s) for s in range(4)))
    filled(tmp_path / "results", *(finished(SE, s, 200 + s) for s in range(4)))
    begin_plan(store.root, SequentialPlan(table=TABLE.slug, protocol="sample", most_seeds=4, level=0.05))
    (compared,) = comparisons_of(PRINTED_TABLE, [load(store.root, "results")])
    (line,) = [
        line for line in front_page(tmp_path, [], [compared]).splitlines() if "lower top-1 error than plain" in line
    ]
    row = compared.rows[1]

    assert row.looked_at < 4
    assert "over 4 seeds" in line
    tested = row.result.tested
    assert tested == compared.judgement.comparisons == 1
    assert f" the 1 comparison of this table at the look at {row.looked_at} seeds. A plan chose" in line
    assert any(f" at the look at {row.looked_at} seeds, for {tested} comparison" in note for note in notes_of(compared))
    lines = csv.DictReader(wide_csv(compared.published, [compared]).splitlines())
    (measured,) = [one for one in lines if one["adjusted_p"]]
    assert (measured["seeds"], measured["settled_at_seeds"]) == ("4", str(row.looked_at))


@pytest.mark.parametrize(
    ("looked_at", "tested", "said"),
    [
        (None, 4, "the 4 comparisons of this table"),
        (3, 4, "the 4 comparisons of this table at the look at 3 seeds"),
        (4, 1, "the 1 of 4 comparisons that were still open at the look at 4 seeds"),
    ],
)
def test_a_p_value_is_adjusted_for_what_was_tested(looked_at, tested, said):
    """A look of a plan tests the comparisons that earlier looks left open, and those alone count."""
    result = PartResult(Lower("SE", "plain"), Verdict.SUPPORTED, None, None, looked_at, 0.02, tested)

    assert adjusted_text(result, 4) == said


def test_an_experiment_under_a_plan_stands_on_the_front_page(tmp_path):
    """Its plan chose the number of seeds; without one, a table that the paper does not print is not there."""
    own = replace(TABLE, edition="mine")
    filled(tmp_path / "results", *(finished(PLAIN, s, 300 + s) for s in range(4)))
    store = filled(tmp_path / "results", *(finished(SE, s, 200 + s) for s in range(4)))
    assert "lower top-1 error" not in front_page(tmp_path, [], comparisons_of(own, [load(store.root, "results")]))
    begin_plan(store.root, SequentialPlan(table=own.slug, protocol="sample", most_seeds=4, level=0.05))
    text = front_page(tmp_path, [], comparisons_of(own, [load(store.root, "results")]))

    assert "than plain** (mine-table99; sample: 2 epochs of CIFAR-10; cifar_resnet11_bottleneck): " in text
    assert "A plan chose the number of seeds." in text


def test_a_comparison_of_two_tables_is_decided_once(tmp_path):
    """By the table whose plan chose the seeds; the seeds that were there before it are counted, the other is named."""
    own = replace(TABLE, edition="mine")
    filled(tmp_path / "results", *(finished(PLAIN, s, 300 + s) for s in range(4)))
    store = filled(tmp_path / "results", *(finished(SE, s, 200 + s) for s in range(4)))
    plan = SequentialPlan(table=own.slug, protocol="sample", most_seeds=3, level=0.05, first_seed=1)
    begin_plan(store.root, plan, [0])
    loaded = [load(store.root, "results")]
    text = front_page(tmp_path, [], [one for t in (PRINTED_TABLE, own) for one in comparisons_of(t, loaded)])
    (line,) = [line for line in text.splitlines() if "lower top-1 error than plain" in line]

    assert "(mine-table99; sample: " in line
    assert " points over 4 seeds (1 from before the plan, in the interval alone), p " in line
    assert re.search(r"The same runs stand in table99 \(p [^)]* there\)\.$", line)


def test_a_comparison_that_another_table_leaves_undecided_says_so(tmp_path):
    """The same runs among ten comparisons have a larger p-value; they are not listed as undecided as well."""
    ratios = [Row(f"r={r}", replace(SE, se=replace(SE.se, reduction=r))) for r in (1, 2, 32, 64)]
    many = replace(PRINTED_TABLE, number="98", rows=(*PRINTED_TABLE.rows, *ratios))
    filled(tmp_path / "results", *(finished(PLAIN, s, 300 + s) for s in range(3)))
    store = filled(tmp_path / "results", *(finished(SE, s, wrong) for s, wrong in enumerate((250, 262, 270))))
    loaded = [load(store.root, "results")]
    text = front_page(tmp_path, [], [one for t in (many, PRINTED_TABLE) for one in comparisons_of(t, loaded)])
    (line,) = [line for line in text.splitlines() if "lower top-1 error than plain" in line]

    assert "(table99; sample: " in line
    assert re.search(r"The same runs leave it undecided in table98 \(p [^)]* there\)\.$", line)
    assert "Tested and undecided" not in text
