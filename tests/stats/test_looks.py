"""Looks of a sequential plan: no run that is added after a look changes what it found."""

from dataclasses import replace

import pytest

from senet_lab.report.wording import rule_text
from senet_lab.stats.families import family_of
from senet_lab.stats.measured import measure_family
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.verdicts import Verdict, decisions, judge, p_values
from senet_lab.study import Row, Run, SESpec
from tests.samples import PLAIN, SE
from tests.stats.test_verdicts import PLAN, THIRD, THREE, measured

FOURTH = replace(SE, se=SESpec(reduction=4))
FOUR = replace(THREE, rows=(*THREE.rows, Row("fourth", FOURTH)))
CELLS = (PLAIN, SE, THIRD, FOURTH)


def some_seeds(runs, seeds) -> PairedRuns:
    """The same runs, of each cell with its number of seeds alone."""
    found = PairedRuns(())
    for cell, count in seeds.items():
        for seed in range(count):
            found.add(Run(cell=cell, seed=seed), "images", runs.wrong(cell, [seed])[0])
    return found


def test_later_seeds_of_a_settled_row_change_no_verdict():
    """SE is settled after three seeds. Two more of it enter its interval; the test of the third row stays as it was.

    Under a plan of version 2, SE's later seeds moved the p-value of the third row.
    """
    whole = measured((PLAIN, SE, THIRD), (8.0, 5.0, 7.3), seeds=5, noise=0.0015)
    stopped = some_seeds(whole, {PLAIN: 5, SE: 3, THIRD: 5})
    short, long = (judge(THREE, [], runs, {}, PLAN) for runs in (stopped, whole))

    assert (short.rows["SE"].verdict, short.rows["SE"].looked_at) == (Verdict.SUPPORTED, 3)
    assert (short.rows["third"].verdict, short.rows["third"].looked_at) == (Verdict.SUPPORTED, 5)
    assert short.rows["third"] == long.rows["third"]
    assert (short.rows["SE"].adjusted_p, long.rows["SE"].difference.seeds) == (long.rows["SE"].adjusted_p, 5)
    assert "So do later seeds of a row that an earlier look settled." in rule_text(long)

    before = [judge(THREE, [], runs, {}, replace(PLAN, version=2)) for runs in (stopped, whole)]
    assert before[0].rows["third"].adjusted_p != before[1].rows["third"].adjusted_p
    assert "is to be trained by its plan alone" in rule_text(before[0])


def test_a_look_counts_the_open_comparisons_alone():
    """At its last look the third row is the only open one of two, so its p-value is not doubled."""
    runs = some_seeds(measured((PLAIN, SE, THIRD), (8.0, 5.0, 7.3), seeds=5, noise=0.0015), {PLAIN: 5, SE: 3, THIRD: 5})
    third = judge(THREE, [], runs, {}, PLAN).rows["third"]

    assert third.adjusted_p == min(p_values(third.part, third.difference))


def looked(runs, table=FOUR):
    """What the looks of the plan decide: the seeds and the adjusted p-value of each settled row."""
    found = decisions(measure_family(family_of(table, []), runs), PLAN)
    return {name: (one.look, one.adjusted_p) for name, one in found.items()}


@pytest.mark.parametrize("later", [{THIRD: 3, FOURTH: 3}, {PLAIN: 5, THIRD: 5}])
def test_a_look_at_which_a_seed_had_failed_is_not_changed_by_later_seeds(later):
    """Seed 1 of SE failed, so its look at two seeds is over seeds 0 and 2, which the plain network has as well.

    The other rows had seeds 0 and 1 then. When they get seed 2, they must not enter SE's estimate of the spread.
    """
    whole = measured(CELLS, (8.0, 4.0, 8.0, 8.0), seeds=5, noise=0.003)
    there = {PLAIN: (0, 1, 2), SE: (0, 2), THIRD: (0, 1), FOURTH: (0, 1)}

    def at_two(seeds, plan=PLAN):
        runs = PairedRuns(())
        for cell, of_cell in seeds.items():
            for seed in of_cell:
                runs.add(Run(cell=cell, seed=seed), "images", whole.wrong(cell, [seed])[0])
        runs.add_failed(Run(cell=SE, seed=1))
        return measure_family(family_of(FOUR, []), runs).at_look(plan, 2, ())

    found = at_two(there)

    assert len(found) == 3
    after = there | {cell: tuple(range(n)) for cell, n in later.items()}
    assert found == at_two(after)
    older = replace(PLAN, version=2)
    assert at_two(there, older) != at_two(after, older)


def test_a_look_is_made_when_all_of_its_runs_are_there():
    """With one run of the look missing nothing is settled: with fewer rows the spread would be another one."""
    whole = measured(CELLS, (20.0, 4.0, 20.0, 20.0), seeds=2, noise=0.0001)
    missing = some_seeds(whole, {PLAIN: 2, SE: 2, THIRD: 2, FOURTH: 1})

    assert [look for look, _ in looked(whole).values()] == [2]
    assert looked(missing) == {}
    assert decisions(measure_family(family_of(FOUR, []), missing), replace(PLAN, version=2)) != {}


def test_a_row_whose_every_seed_failed_does_not_hold_up_the_looks():
    """Its comparison has no data; the others are tested."""
    runs = measured((PLAIN, SE, THIRD), (20.0, 4.0, 20.0), seeds=2, noise=0.0001)
    for seed in range(2 * PLAN.most_seeds):
        runs.add_failed(Run(cell=FOURTH, seed=seed))

    assert [look for look, _ in looked(runs).values()] == [2]
