"""The page over all claims, to the word, and its CSV."""

import csv
import io
from dataclasses import replace

from senet_lab.records.sequential import SequentialPlan, begin_plan
from senet_lab.report.claims_page import claim_block, claim_blocks, claim_lines, claims_page, open_block, tally
from senet_lab.report.load import load
from senet_lab.report.published import published_table
from senet_lab.report.readme import verdicts_block
from senet_lab.report.wording import part_text
from senet_lab.report.write import write_claims
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.verdicts import PartResult, Verdict, judge
from senet_lab.study import Row
from senet_lab.study.claim import Claim, Costs, Equivalent, LargerGain, Lower, NotWorse, Quantity
from senet_lab.study.counts import network_key
from senet_lab.study.protocol import Dataset
from tests.report.test_write import PRINTED
from tests.samples import PLAIN, PROTOCOL, SE, SYNTHETIC, TABLE, comparisons_of, counted, failed, filled, finished

NAMED = replace(TABLE, rows=(Row("plain", PLAIN, "ResNet-50"), Row("SE", SE, "SE-ResNet-50")))
COUNTS = {network_key(PLAIN): counted(1000, 0, 500), network_key(SE): counted(1100, 0, 502)}
ONE = Claim(name="one", table=NAMED, statement="SE helps", source="section 9", parts=(Lower("SE", "plain"),))
TWO = Claim(
    name="two",
    table=NAMED,
    statement="SE helps and is cheap",
    source="section 9",
    parts=(Lower("SE", "plain"), Costs("SE", "plain", Quantity.MULTIPLY_ADDS, 1.0, 1.01)),
)
LARGE = replace(PROTOCOL, name="large", dataset=Dataset.CIFAR100, num_classes=100)
NEWER = replace(PROTOCOL, version=2, epochs=9)
SAME = [finished(cell, seed, wrong) for cell, wrong in ((PLAIN, 300), (SE, 200)) for seed in (0, 1, 2)]


def test_a_claim_is_a_line_and_each_of_its_parts_another(tmp_path):
    """Published and measured difference, seeds, verdict; a claim of one part is one line."""
    filled(tmp_path, *SAME)
    block = claim_block(comparisons_of(NAMED, [load(tmp_path, "results")], [ONE, TWO], PRINTED))

    assert block.lines == (
        ("SE helps", "table99", "-1.51", "-10.00 ± 1.86", "3", "< 0.0001", "supported"),
        ("SE helps and is cheap", "table99", "", "", "", "", "not run"),
        ("· SE < plain", "", "-1.51", "-10.00 ± 1.86", "3", "< 0.0001", "supported"),
        ("· 1 ≤ multiply-adds of SE / plain ≤ 1.01", "", "–", "–", "counted", "–", "not run"),
    )
    assert any("2 comparisons" in note or "1 comparisons" in note for note in block.notes)


def page(root, *records, tables=(NAMED,), claims=(ONE, TWO)):
    filled(root, *records)
    loaded = [load(root, "results")]
    compared = [one for table in tables for one in comparisons_of(table, loaded, claims, PRINTED)]
    recorded = [one.view.table for one in compared if not one.view.synthetic]
    open_ones = [
        (published_table(table, PRINTED), judge(table, claims, PairedRuns(()), COUNTS))
        for table in tables
        if table not in recorded
    ]
    measured = claim_blocks(compared)
    blocks = [*measured, open_block(open_ones)]
    write_claims(compared, blocks, root)
    return measured, claims_page(blocks)


def test_claims_without_records_stand_under_the_papers_own_protocols(tmp_path):
    """Not run, with what is published and counted; a CIFAR verdict is in no such block."""
    measured, text = page(tmp_path)

    assert measured == []
    assert "## The paper's own protocols" in text
    assert "| SE helps                                 | table99 |             -1.51 |" in text
    assert "1.0040 (ratio)" in text
    assert text == (tmp_path / "claims.md").read_text()


def test_synthetic_records_have_no_part_in_the_page(tmp_path):
    """The demonstration supports and contradicts nothing."""
    made_up = NAMED.under(SYNTHETIC)
    measured, text = page(tmp_path, *(finished(row.cell, seed) for row in made_up.rows for seed in (0, 1)))

    assert measured == []
    assert "SYNTHETIC" not in text


def test_the_csv_has_a_line_for_each_part(tmp_path):
    """With names, numbers, seeds and both verdicts."""
    page(tmp_path, *SAME)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "claims.csv").read_text())))
    (first, *_) = lines

    assert len(lines) == 3
    assert (first["claim"], first["part"], first["verdict"], first["claim_verdict"]) == (
        "one",
        "SE < plain",
        "supported",
        "supported",
    )
    assert (first["published_points"], first["measured_points"], first["seeds"]) == ("-1.51", "-10.0", "3")
    assert (first["protocol"], first["dataset"], first["source"]) == ("sample", "cifar10", "section 9")
    assert (first["interval_over"], first["split"], first["selection"]) == ("seeds and images", "test", "final")
    made = SAME[0].provenance
    assert (first["device"], first["revision"]) == (made.device, made.revisions[0])
    assert 0 < float(first["adjusted_p"]) < 0.0001


def test_a_sequential_plan_among_the_records_decides(tmp_path):
    """The page names the looks, and the seeds that settled the part."""
    begin_plan(tmp_path, SequentialPlan(table=NAMED.slug, protocol="sample", most_seeds=4, level=0.05))
    _, text = page(tmp_path, *SAME)

    assert "supported at 2 seeds" in text
    assert "spent over looks at 2, 3, 4 seeds from seed 0 on" in text


def test_parts_in_a_few_words():
    """Each kind."""
    assert [
        part_text(part)
        for part in (
            Lower("a", "b"),
            NotWorse("a", "b", 0.3),
            Equivalent("a", "b", 0.3),
            LargerGain("a", "b", "c", "d"),
            Costs("a", "b", Quantity.PARAMETERS, 0.0, 1.1),
            Costs("a", "b", Quantity.MULTIPLY_ADDS, 1.0),
        )
    ] == [
        "a < b",
        "a < b + 0.3",
        "a = b ± 0.3",
        "a - b < c - d",
        "parameters of a / b ≤ 1.1",
        "1 ≤ multiply-adds of a / b",
    ]


def test_claims_that_are_only_counted_are_counted_apart(tmp_path):
    """They hold by arithmetic; the tally and the front page say how many are of that kind."""
    cheap = replace(ONE, name="cheap", parts=(TWO.parts[1],))
    measured, _ = page(tmp_path, *SAME, claims=(ONE, cheap))
    loaded = [load(tmp_path, "results")]
    (compared,) = comparisons_of(NAMED, loaded, (ONE, cheap), PRINTED, COUNTS)
    block = verdicts_block([compared])

    assert measured[0].notes[0].startswith("Claims: 1 supported, 0 contradicted, ")
    assert "Only counted, so no training tests them: 0 supported, " in measured[0].notes[0]
    assert dict(zip(block.columns, block.lines[0], strict=True)) == {
        "records": measured[0].title,
        "supported": "1",
        "contradicted": "0",
        "one seed: no test": "0",
        "undetermined": "0",
        "not run": "0",
        "claims": "1",
        "only counted": "1 of 1 hold",
    }


def test_the_tally_counts_every_verdict(tmp_path):
    """All, zeros included, but NOT_PAIRED: that one only where a claim has it."""
    filled(tmp_path, *SAME)
    (compared,) = comparisons_of(NAMED, [load(tmp_path, "results")], [ONE, TWO])
    both = compared.judgement.claims

    assert tally(both) == ("1 supported, 0 contradicted, 0 one seed: no test, 0 undetermined, 1 not run")
    assert tally([replace(one, parts=(PartResult(ONE.parts[0], Verdict.NOT_PAIRED),)) for one in both]) == (
        "0 supported, 0 contradicted, 0 one seed: no test, 0 undetermined, 2 no paired runs, 0 not run"
    )
    assert len(Verdict) == 6


def test_runs_without_pairs_are_not_called_not_run(tmp_path):
    """Every run of SE diverged: the page says that there are runs, and none to compare."""
    measured, _ = page(tmp_path, *(finished(PLAIN, seed) for seed in (0, 1)), *(failed(SE, seed) for seed in (0, 1)))
    (block,) = measured

    assert block.lines[0] == ("SE helps", "table99", "-1.51", "–", "–", "–", "no paired runs")
    assert block.notes[0].endswith("0 undetermined, 1 no paired runs, 1 not run.")


def test_a_plan_is_named_beside_a_claim_of_one_part_too(tmp_path):
    """At how many seeds it was settled."""
    begin_plan(tmp_path, SequentialPlan(table=NAMED.slug, protocol="sample", most_seeds=4, level=0.05))
    measured, _ = page(tmp_path, *SAME)

    assert measured[0].lines[0][-1] == "supported at 2 seeds"


def test_published_numbers_stand_under_their_own_data_set(tmp_path):
    """Tables that are printed for two data sets name theirs in each line; a single one is in the heading."""
    own = replace(NAMED, companions={Dataset.CIFAR10: {PLAIN.backbone: PLAIN.backbone}})
    tables = [replace(own, number=str(n)).under(p) for n, p in ((98, replace(PROTOCOL, epochs=9)), (97, LARGE))]
    claims = [replace(ONE, name=f"of-{table.number}", table=table) for table in tables]
    both, _ = page(tmp_path / "both", *SAME, tables=tables, claims=claims)
    one, _ = page(tmp_path / "one", *SAME, tables=tables, claims=claims[1:])

    assert both[0].columns[2:4] == ("published (CIFAR-10, CIFAR-100), points", "measured (CIFAR-10), points")
    assert [line[1] for line in both[0].lines] == ["table98 (CIFAR-10)", "table97 (CIFAR-100)"]
    assert one[0].columns[2:4] == ("published (CIFAR-100), points", "measured (CIFAR-10), points")
    assert [line[1] for line in one[0].lines] == ["table97"]


def test_tables_without_claims_have_no_block(tmp_path):
    """Such a block would be empty, and its tally all zeros."""
    measured, _ = page(tmp_path, *SAME, claims=())

    assert measured == []


def test_two_versions_of_a_protocol_are_two_blocks(tmp_path):
    """They train otherwise, and their headings say which is which."""
    newer = [replace(one, run=replace(one.run, cell=replace(one.run.cell, protocol=NEWER))) for one in SAME]
    tables = [replace(NAMED, companions={Dataset.CIFAR10: {PLAIN.backbone: PLAIN.backbone}})]
    measured, _ = page(tmp_path, *SAME, *newer, tables=tables)

    assert [block.title.split(" — ")[1] for block in measured] == ["sample-v2: a sample", "sample: a sample"]


def test_claims_are_numbers_for_programs(tmp_path):
    """Points and seeds are numbers, and what is not known is not there."""
    filled(tmp_path, *SAME)
    first, *_ = claim_lines(comparisons_of(NAMED, [load(tmp_path, "results")], [ONE, TWO], PRINTED))

    assert (first["published_points"], first["measured_points"], first["seeds"]) == (-1.51, -10.0, 3)
    assert "ratio" not in first
