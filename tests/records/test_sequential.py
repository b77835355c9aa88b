"""Sequential plans: the rate that the looks spend, and the file."""

import pytest

from senet_lab.errors import StudyError
from senet_lab.records.sequential import SequentialPlan, begin_plan, plan_path, read_plan

PLAN = SequentialPlan(table="t", protocol="p", most_seeds=10, level=0.05)


@pytest.mark.parametrize("most", [2, 3, 5, 10, 40])
def test_the_looks_spend_the_level_and_no_more(most):
    """From two seeds on, later looks more than earlier ones, all together the level."""
    plan = SequentialPlan(table="t", protocol="p", most_seeds=most, level=0.05)
    spent = [plan.level_at(seeds) for seeds in plan.looks()]

    assert list(range(2, most + 1)) == list(plan.looks())
    assert pytest.approx(0.05) == sum(spent)
    assert spent == sorted(spent)
    assert min(spent) > 0


def test_a_plan_is_written_once(tmp_path):
    """The same again is found; another one is refused in one line that names both ways on."""
    assert read_plan(tmp_path, "t", "p") is None
    assert PLAN == begin_plan(tmp_path, PLAN) == begin_plan(tmp_path, PLAN) == read_plan(tmp_path, "t", "p")
    with pytest.raises(StudyError, match=r"begun with at most 10 seeds.*--seeds 10, or begin anew"):
        begin_plan(tmp_path, SequentialPlan(table="t", protocol="p", most_seeds=12, level=0.05))
    assert read_plan(tmp_path, "t", "p") == PLAN


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
    ],
)
def test_a_damaged_plan_is_refused_by_name(tmp_path, text):
    """Verdicts depend on it, so it is not guessed."""
    path = plan_path(tmp_path, "t", "p")
    path.parent.mkdir(parents=True)
    path.write_text(text)

    with pytest.raises(StudyError, match=f"{path.name}.*; restore it from git"):
        read_plan(tmp_path, "t", "p")
