"""What a plan says is missing, and what it costs."""

from dataclasses import replace

import pytest

from senet_lab.records.cost import cost_of, planned
from senet_lab.records.record import RecordError
from senet_lab.study import Run
from senet_lab.study.table import plan_runs
from tests.samples import PLAIN, SE, TABLE, failed, filled, finished


def took(record, seconds):
    return replace(record, provenance=replace(record.provenance, train_seconds=seconds))


def test_without_records_the_cost_is_in_steps(tmp_path):
    """Two rows, three seeds, two epochs of five steps each: 60 steps, and no made-up time."""
    lines = planned(plan_runs([TABLE], 3), tmp_path)

    assert [(line.status, line.seconds) for line in lines] == [(None, None)] * 6
    assert (
        cost_of(lines)
        == "6 of 6 runs are not recorded: 60 steps of batch 20; nothing recorded yet to tell their time by"
    )


def test_time_is_told_by_the_finished_runs(tmp_path):
    """Two finished runs of 1 and 3 hours, a failed one of 9: the other three take 2 each. Failures tell no time."""
    hour = 3600.0
    filled(
        tmp_path,
        took(finished(SE, 0), hour),
        took(finished(SE, 1), 3 * hour),
        took(failed(PLAIN, 0), 9 * hour),
    )
    lines = planned(plan_runs([TABLE], 3), tmp_path)

    assert [("failed", 9 * hour), ("finished", hour), (None, 2 * hour), ("finished", 3 * hour)] == [
        (line.status, line.seconds) for line in lines[:4]
    ]
    assert (
        cost_of(lines) == "3 of 6 runs are not recorded: about 6.00 hours of one worker, by the time of those recorded"
    )


def test_nothing_missing_costs_nothing(tmp_path):
    """A complete plan says so and no more."""
    filled(tmp_path, finished(SE), finished(PLAIN))

    assert cost_of(planned(plan_runs([TABLE], 1), tmp_path)) == "0 of 2 runs are not recorded"


def test_a_plan_for_programs_names_each_run(tmp_path):
    """Every entry has backbone, protocol, key, seed, status and time."""
    filled(tmp_path, finished(SE))
    (line,) = planned([Run(cell=SE, seed=0)], tmp_path)

    assert {
        "backbone": "cifar_resnet11_bottleneck",
        "protocol": "sample",
        "key": SE.key,
        "seed": 0,
        "status": "finished",
        "train_seconds": 12.5,
    } == line.as_dict()


def test_a_plan_refuses_a_damaged_record(tmp_path):
    """It is not counted as missing."""
    store = filled(tmp_path, finished(SE))
    store.path(Run(cell=SE, seed=0)).write_text("{}")

    with pytest.raises(RecordError):
        planned(plan_runs([TABLE], 1), tmp_path)
