"""Claims: what a value refuses, and what the declared ones must be."""

import re
from dataclasses import replace

import pytest

from senet_lab.cli import catalogue
from senet_lab.report.published import load_published, published_table
from senet_lab.stats.families import claims_asked
from senet_lab.study import Row
from senet_lab.study.claim import Claim, Costs, Equivalent, Higher, LargerGain, Lower, NotWorse
from senet_lab.study.protocol import Dataset
from tests.samples import TABLE

CLAIMS = catalogue.claims()
NUMBERS = load_published(catalogue.published_folder())


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((), "it compares nothing"),
        ((Lower("SE", "plan"),), "table99 has no row 'plan'"),
        ((Lower("SE", "SE"),), "'SE' is compared with itself"),
        ((LargerGain("SE", "plain", "SE", "plan"),), "table99 has no row 'plan'"),
        ((LargerGain("SE", "plain", "plain", "plain"),), "'plain' is compared with itself"),
        ((NotWorse("SE", "plain", 0.0),), "margin 0.0 is not above 0"),
        ((Equivalent("SE", "plain", -1.0),), "margin -1.0 is not above 0"),
        ((Equivalent("SE", "plain", float("nan")),), "margin nan is not above 0"),
    ],
)
def test_a_claim_without_meaning_is_refused(parts, said):
    """With its name and what is wrong."""
    with pytest.raises(ValueError, match=f"claim c: {re.escape(said)}"):
        Claim(name="c", table=TABLE, statement="a statement", source="", parts=parts)


def test_a_further_row_that_the_table_has_already_is_refused():
    """When the claim is made, not when a report joins the rows."""
    with pytest.raises(ValueError, match="claim c, with its own rows: table99: two rows share a label"):
        Claim(name="c", table=TABLE, statement="s", source="", parts=(Lower("SE", "plain"),), rows=(TABLE.rows[1],))


def test_a_claim_whose_further_row_has_no_companion_says_nothing_about_companions():
    """It still applies to the table itself."""
    vgg = Row("VGG", replace(TABLE.rows[0].cell, backbone="vgg16"))
    paper = {"companions": {Dataset.CIFAR100: {row.cell.backbone: row.cell.backbone for row in TABLE.rows}}}
    table = replace(TABLE, **paper)
    claim = Claim(name="c", table=table, statement="s", source="", parts=(Lower("VGG", "plain"),), rows=(vgg,))
    small = replace(table.paper_protocol, name="small", dataset=Dataset.CIFAR100, image_size=16)

    assert [one for one, _ in claims_asked(table, [claim])] == [claim]
    assert claims_asked(table.under(small), [claim]) == []


def test_the_papers_claims_are_many_and_have_names_and_sources():
    """More than twenty, in both editions, no name twice, each with a section or a table."""
    assert len(CLAIMS) > 20
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)
    assert {"cvpr2018", "tpami", "experiment"} == {claim.table.edition for claim in CLAIMS}
    assert all(
        re.search(r"section \d|sections \d|section 4", claim.source) for claim in CLAIMS if claim.table.of_the_paper
    )


def test_every_ablation_table_has_a_claim():
    """And every other table that has rows to compare."""
    tables = {table.slug for table in catalogue.tables() if table.of_the_paper and len(table.rows) > 1}

    assert tables == {claim.table.slug for claim in CLAIMS if claim.table.of_the_paper}


def test_the_published_numbers_agree_with_the_claims():
    """The paper's own numbers, taken at their word, bear out each comparison that it draws from them."""
    against = []
    for claim in CLAIMS:
        for part in claim.parts:
            difference = None if isinstance(part, Costs) else _printed(claim, part)
            if difference is not None and not _holds(part, difference):
                against.append((claim.name, part, difference))

    assert against == []


def _printed(claim, part):
    """The published difference of a part, in points."""
    return published_table(claim.table, NUMBERS, CLAIMS).points_of(part)


def _holds(part, difference: float) -> bool:
    if isinstance(part, Lower | Higher):
        return difference < 0 if isinstance(part, Lower) else difference > 0
    return difference < part.margin and (isinstance(part, NotWorse) or difference > -part.margin)


def test_nearly_every_comparison_has_a_published_number():
    """All but those of the row without the last stage's blocks, which the paper describes and does not print, and this
    project's own."""
    without = [
        (claim.name, part.row, part.than)
        for claim in CLAIMS
        for part in claim.parts
        if not isinstance(part, Costs) and _printed(claim, part) is None
    ]

    assert without == [
        ("tpami-last-stage", "SE without stage 5", "SE_All"),
        ("experiment-gate-start", "SE-Identity, double sigmoid", "SE-Identity"),
    ]


def test_a_larger_gain_is_of_four_rows():
    """With a row on both sides its variance would be another one."""
    with pytest.raises(ValueError, match="a larger gain is of four rows"):
        replace(CLAIMS[0], parts=(LargerGain("SE-ResNet-50", "ResNet-50", "SE-ResNet-101", "SE-ResNet-50"),))
