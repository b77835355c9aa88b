"""Sequential plans: the rate that the looks spend, and the file."""

from dataclasses import replace

import pytest
from scipy import stats

from senet_lab.errors import StudyError
from senet_lab.records.sequential import SequentialPlan, begin_plan, plan_path, read_plan

PLAN = SequentialPlan(table="t", protocol="p", most_seeds=10, level=0.05)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
@pytest.mark.parametrize("most", [2, 3, 5, 10, 40])
def test_the_looks_spend_the_level_and_no_more(most, version):
    """From two seeds on, later looks more than earlier ones, all together the level."""
    plan = SequentialPlan(table="t", protocol="p", most_seeds=most, level=0.05, version=version)
    spent = [plan.level_at(seeds) for seeds in plan.looks()]

    assert (plan.looks()[0], plan.looks()[-1]) == (2, most)
    assert pytest.approx(0.05) == sum(spent)
    assert spent == sorted(spent)
    assert min(spent) > 0


def test_half_of_the_level_is_kept_for_the_last_look():
    """Ten seeds: looks at 2, 3, 4, 5, 7 and 10; half at the last, the other half late as O'Brien and Fleming do it."""
    assert PLAN.looks() == (2, 3, 4, 5, 7, 10)
    assert PLAN.level_at(10) >= 0.025
    assert pytest.approx(stats.norm.sf(stats.norm.isf(0.025) / 0.2**0.5), rel=1e-6) == PLAN.level_at(2)
    assert sum(PLAN.level_at(look) for look in (2, 3, 4, 5)) < 0.005


def test_records_before_a_plan_enter_no_look(tmp_path):
    """Seeds 0 and 2 were there: the looks begin with seed 3, and so they do when the plan is found again."""
    assert begin_plan(tmp_path, PLAN, [0, 2]).first_seed == 3
    assert begin_plan(tmp_path, PLAN, [0, 2, 3, 4]).first_seed == 3
    assert read_plan(tmp_path, "t", "p").last_seed == 22


def test_a_plan_of_the_first_version_keeps_its_rule(tmp_path):
    """It looks at every seed from 0 on, spends as it did, and pools nothing."""
    path = plan_path(tmp_path, "t", "p")
    path.parent.mkdir(parents=True)
    path.write_text('{"table": "t", "protocol": "p", "most_seeds": 6, "level": 0.05}')
    plan = read_plan(tmp_path, "t", "p")

    assert (plan.version, plan.first_seed, plan.pools, plan.looks()) == (1, 0, False, (2, 3, 4, 5, 6))
    assert pytest.approx([0.002, 0.006, 0.010, 0.014, 0.018]) == [plan.level_at(look) for look in plan.looks()]
    assert begin_plan(tmp_path, SequentialPlan(table="t", protocol="p", most_seeds=6, level=0.05), [0]) == plan


def test_a_plan_of_the_second_version_tests_settled_comparisons_again(tmp_path):
    """It has the looks and levels of a new plan, and is found as it was begun."""
    path = plan_path(tmp_path, "t", "p")
    path.parent.mkdir(parents=True)
    path.write_text('{"table": "t", "protocol": "p", "most_seeds": 10, "level": 0.05, "first_seed": 3, "version": 2}')
    plan = begin_plan(tmp_path, PLAN, [0, 1, 2])

    assert (plan.version, plan.pools, plan.leaves_out_settled, plan.first_seed) == (2, True, False, 3)
    assert PLAN.leaves_out_settled
    assert [plan.level_at(look) for look in plan.looks()] == [PLAN.level_at(look) for look in PLAN.looks()]


def test_a_plan_of_a_newer_version_says_update(tmp_path):
    """It is not called damaged."""
    path = plan_path(tmp_path, "t", "p")
    path.parent.mkdir(parents=True)
    path.write_text('{"table": "t", "protocol": "p", "most_seeds": 6, "level": 0.05, "version": 9, "new": 1}')

    with pytest.raises(StudyError, match=r"newer senet_lab \(version 9\); update to read it"):
        read_plan(tmp_path, "t", "p")


def test_a_plan_is_written_once(tmp_path):
    """The same again is found; another one is refused. Another folder is no way out: equal seeds give equal runs."""
    assert read_plan(tmp_path, "t", "p") is None
    assert PLAN == begin_plan(tmp_path, PLAN) == begin_plan(tmp_path, PLAN) == read_plan(tmp_path, "t", "p")
    with pytest.raises(
        StudyError, match=r"begun with at most 10 seeds.*--seeds 10; another folder would give the same runs"
    ):
        begin_plan(tmp_path, SequentialPlan(table="t", protocol="p", most_seeds=12, level=0.05))
    assert read_plan(tmp_path, "t", "p") == PLAN


def test_a_plan_says_which_comparisons_it_was_begun_with(tmp_path):
    """With a row less or a claim more, it is refused; one that does not say them, as older ones, is taken."""
    begun = begin_plan(tmp_path, replace(PLAN, compares=("a", "b")))

    assert read_plan(tmp_path, "t", "p") == begun
    assert begin_plan(tmp_path, replace(PLAN, compares=("a", "b"))) == begun
    for changed in (("a",), ("a", "b", "c")):
        assert not begun.is_of(changed)
        with pytest.raises(StudyError, match=r"begun with 2 comparisons, and now has other ones.*Restore them"):
            begin_plan(tmp_path, replace(PLAN, compares=changed))
    assert PLAN.is_of(("a", "c"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"table": "t", "protocol": "p", "most_seeds": 10}',
        '{"table": "t", "protocol": "p", "most_seeds": 1, "level": 0.05}',
        '{"table": "t", "protocol": "p", "most_seeds": 10, "level": 5}',
        '{"table": "t", "protocol": "q", "most_seeds": 10, "level": 0.05}',
        '{"table": "t", "protocol": "p", "most_seeds": "10", "level": 0.05}',
        '{"table": "t", "protocol": "p", "most_seeds": 10, "level": 0.05, "first_seed": -1}',
        '{"table": "t", "protocol": "p", "most_seeds": 10, "level": 0.05, "version": 0}',
    ],
)
def test_a_damaged_plan_is_refused_by_name(tmp_path, text):
    """Verdicts depend on it, so it is not guessed."""
    path = plan_path(tmp_path, "t", "p")
    path.parent.mkdir(parents=True)
    path.write_text(text)

    with pytest.raises(StudyError, match=f"{path.name}.*; restore it from git"):
        read_plan(tmp_path, "t", "p")
