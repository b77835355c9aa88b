"""What is missing of a wanted study, and its cost in proportion to work."""

from dataclasses import replace

from senet_lab.cli import catalogue, studies
from senet_lab.records.cost import CostModel
from senet_lab.report.not_run import not_run_block, rows_block
from senet_lab.study import Run
from senet_lab.study.counts import network_key
from tests.samples import PLAIN, PROTOCOL, SE, TABLE, counted, failed, finished

COUNTS = {network_key(PLAIN): counted(1, 0, 1_000), network_key(SE): counted(1, 0, 2_000)}
LONG = replace(PROTOCOL, name="long", epochs=20)


def test_cost_is_in_proportion_to_images_and_multiply_adds():
    """A plain run took 12.5 s; SE does twice the work a step, ten times the epochs ten times that: 250 s a run."""
    long = [Run(cell=replace(SE, protocol=LONG), seed=seed) for seed in (0, 1)]
    wanted = [("sample", "t", 1, [Run(cell=PLAIN, seed=0)]), ("long", "t", 2, long)]
    block = not_run_block(wanted, [finished(PLAIN, 0)], CostModel([finished(PLAIN, 0)], COUNTS))

    assert block.lines == (("sample", "t", "1", "1", "0", "0.0"), ("long", "t", "2", "2", "2", f"{500 / 3600:,.1f}"))
    assert "estimated for a processor (1 thread): 0 runs by the records of their own" in block.notes[0]
    assert "2 scaled from other runs" in block.notes[0]


def test_a_run_of_two_lines_counts_in_the_first(tmp_path):
    """So the sum of the column is the number of runs that are missing."""
    first, second = [Run(cell=PLAIN, seed=0), Run(cell=SE, seed=0)], [Run(cell=SE, seed=0), Run(cell=SE, seed=1)]
    block = not_run_block([("sample", "t", 1, first), ("sample", "u", 2, second)], [], CostModel([], COUNTS))

    assert [line[3:5] for line in block.lines] == [("2", "2"), ("1", "1")]


def test_without_records_there_is_no_estimate():
    """The runs are counted all the same."""
    block = not_run_block([("sample", "t", 1, [Run(cell=SE, seed=0)])], [], CostModel([], COUNTS))

    assert block.lines == (("sample", "t", "1", "1", "1", "–"),)


def test_rows_that_lack_a_seed_are_listed_with_those_that_they_have():
    """A failed run is recorded and no result; a table of which nothing is recorded has no line, a full row neither."""
    records = [finished(PLAIN, 0), finished(PLAIN, 1), finished(SE, 1), failed(SE, 0)]
    other = TABLE.under(LONG)

    assert rows_block([(TABLE, 2), (other, 2)], records).lines == (
        ("sample", TABLE.name, "SE", "0 to 1", "1", "0", "–"),
    )
    assert rows_block([(TABLE, 3)], records).lines[0][2:] == ("plain", "0 to 2", "0, 1", "–", "2")


def test_the_wanted_study_is_of_known_tables():
    """Every name is a table that has networks for its protocol."""
    for protocol, names, seeds in catalogue.wanted():
        for name in names:
            assert studies.table_under(catalogue.find_table(name), protocol).rows
        assert seeds >= 2
