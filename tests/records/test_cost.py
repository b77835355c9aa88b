"""What a plan says is missing, and what it costs: by runs of the same kind, or scaled and said so."""

from dataclasses import replace

import pytest

from senet_lab.records.cost import Basis, CostModel, cost_of, machine_of, planned
from senet_lab.records.record import RecordError
from senet_lab.records.store import Store
from senet_lab.study import Run
from senet_lab.study.cell import runs_of
from senet_lab.study.counts import network_key
from tests.samples import PART, PLAIN, PROTOCOL, PROVENANCE, SE, SYNTHETIC, TABLE, counted, failed, filled, finished

COUNTS = {network_key(PLAIN): counted(1, 0, 1_000), network_key(SE): counted(1, 0, 2_000)}
LONG = replace(PROTOCOL, name="long", epochs=20)
HOUR = 3600.0


def took(record, seconds):
    return replace(record, provenance=replace(record.provenance, train_seconds=seconds))


def plan_of(root, seeds, counts=None):
    """The lines of TABLE's plan, and its cost in words."""
    store = Store(root)
    model = CostModel(store.read_all(), COUNTS if counts is None else counts)
    lines = planned(runs_of(TABLE.cells, seeds), store, model)
    return lines, cost_of(lines, model)


def test_without_records_the_cost_is_in_steps(tmp_path):
    """Two rows, three seeds, two epochs of five steps each: 60 steps, and no made-up time."""
    lines, text = plan_of(tmp_path, 3)

    assert [(line.status, line.seconds) for line in lines] == [(None, None)] * 6
    assert text == "6 of 6 runs are not recorded: 60 steps of training; no record allows an estimate of their time yet"


def test_time_is_told_by_runs_of_the_same_network(tmp_path):
    """SE took 1 and 3 hours, plain 6: one more of SE takes 2 and two of plain 12. A failed one of 9 tells no time."""
    filled(
        tmp_path,
        took(finished(SE, 0), HOUR),
        took(finished(SE, 1), 3 * HOUR),
        took(failed(PLAIN, 0), 9 * HOUR),
        took(finished(PLAIN, 1), 6 * HOUR),
    )
    lines, text = plan_of(tmp_path, 4)
    found = {(line.run.cell == SE, line.run.seed): (line.status, line.seconds, line.basis) for line in lines}

    assert found[False, 0] == ("failed", 9 * HOUR, None)
    assert found[True, 2] == (None, 2 * HOUR, Basis.OWN)
    assert found[False, 2] == (None, 6 * HOUR, Basis.OWN)
    assert text == (
        "4 of 8 runs are not recorded: about 16.00 hours of one worker on a processor (1 thread), by runs of the same "
        "network and protocol"
    )


def test_another_networks_time_is_scaled_and_said_so(tmp_path):
    """Plain took an hour; SE does twice the work for an image, and ten times the epochs take ten times that."""
    model = CostModel([took(finished(PLAIN, 0), HOUR)], COUNTS)
    long = Run(cell=replace(SE, protocol=LONG), seed=0)
    se, elsewhere = model.estimate(Run(cell=SE, seed=0)), model.estimate(long)
    filled(tmp_path, took(finished(PLAIN, 0), HOUR))

    assert (pytest.approx(2 * HOUR), Basis.PROTOCOL) == (se.seconds, se.basis)
    assert (pytest.approx(20 * HOUR), Basis.SCALED) == (elsewhere.seconds, elsewhere.basis)
    assert "1 of them scaled by images and multiply-adds from other runs there" in plan_of(tmp_path, 1)[1]


def test_times_of_another_machine_are_not_mixed_in():
    """Two runs on one machine, one on another: the other's time counts for nothing, its multiply-adds do."""
    other = took(finished(SE, 0), HOUR / 60)
    other = replace(other, provenance=replace(other.provenance, device="a faster one"))
    records = [took(finished(PLAIN, 0), HOUR), took(finished(PLAIN, 1), HOUR), other]
    model = CostModel(records, {})

    assert model.machine == "a processor (1 thread)"
    assert model.estimate(Run(cell=SE, seed=1)).basis is Basis.PROTOCOL


def test_processors_of_one_name_are_told_apart_by_their_widest_instructions():
    """One with AMX trains several times as fast; a GPU's time does not depend on its processor."""

    def by(flags, cpu="a processor"):
        part = replace(PART, device="a processor", cpu=cpu, cpu_flags=flags)
        record = took(finished(PLAIN, 0), HOUR)
        return machine_of(replace(record, provenance=replace(record.provenance, device="a processor", parts=(part,))))

    assert by(("amx_bf16", "avx2", "avx512_bf16", "avx512f")) == "a processor with AMX (1 thread)"
    assert by(("avx2", "fma")) == "a processor with AVX2 alone (1 thread)"
    assert by(("asimd",)) == by(("avx2",), cpu="another") == "a processor (1 thread)"


def test_a_plan_tells_the_time_on_each_machine(tmp_path):
    """The one with the most records first. One hour for plain and two minutes on the other; SE is twice the work."""
    other = took(finished(PLAIN, 2), 120)
    other = replace(other, provenance=replace(other.provenance, device="another"))
    filled(tmp_path, took(finished(PLAIN, 0), HOUR), took(finished(PLAIN, 1), HOUR), other)
    text = plan_of(tmp_path, 1)[1]

    assert "about 2.00 hours of one worker on a processor (1 thread)" in text
    assert text.endswith("; about 0.07 on another (1 thread)")


def test_growing_crops_cost_less():
    """Half the side in one of two epochs is a quarter of that epoch's work."""
    growing = replace(PROTOCOL, name="growing", training_sizes=(16, 32))
    model = CostModel([took(finished(PLAIN, 0), HOUR)], COUNTS)

    assert growing.relative_work == 0.625
    assert model.estimate(Run(cell=replace(PLAIN, protocol=growing), seed=0)).seconds == pytest.approx(0.625 * HOUR)


def test_made_up_images_tell_no_time_of_real_ones():
    """A demonstration's records scale to themselves alone, and an unknown network has no estimate."""
    made_up = replace(PLAIN, protocol=SYNTHETIC)
    model = CostModel([took(finished(made_up, 0), HOUR)], COUNTS)

    assert model.estimate(Run(cell=PLAIN, seed=0)) is None
    assert pytest.approx(2 * HOUR) == model.estimate(Run(cell=replace(SE, protocol=SYNTHETIC), seed=0)).seconds
    assert CostModel([finished(PLAIN)], {}).estimate(Run(cell=SE, seed=0)) is None
    assert model.total([Run(cell=PLAIN, seed=0)]).seconds is None


def test_nothing_missing_costs_nothing(tmp_path):
    """A complete plan says so and no more."""
    filled(tmp_path, finished(SE), finished(PLAIN))

    assert plan_of(tmp_path, 1)[1] == "0 of 2 runs are not recorded"


def test_a_plan_for_programs_names_each_run(tmp_path):
    """Every entry has backbone, protocol, key, seed, status and time."""
    filled(tmp_path, finished(SE))
    line = next(line for line in plan_of(tmp_path, 1)[0] if line.run.cell == SE)

    assert {
        "backbone": "cifar_resnet11_bottleneck",
        "protocol": "sample",
        "key": SE.key,
        "seed": 0,
        "status": "finished",
        "train_seconds": 12.5,
        "estimated_from": None,
    } == line.as_dict()


def test_a_plan_refuses_a_damaged_record(tmp_path):
    """It is not counted as missing."""
    store = filled(tmp_path, finished(SE))
    store.path(Run(cell=SE, seed=0)).write_text("{}")

    with pytest.raises(RecordError):
        planned(runs_of(TABLE.cells, 1), store, CostModel([], {}))


def test_a_failed_run_tells_the_size_of_its_network():
    """A block of a user's own that diverged once: its network was counted, so its time can be scaled."""
    model = CostModel([took(finished(PLAIN, 0), HOUR), failed(SE, 0)], {network_key(PLAIN): COUNTS[network_key(PLAIN)]})

    assert model.estimate(Run(cell=SE, seed=1)).basis is Basis.PROTOCOL


def test_processes_that_train_a_run_together_are_a_machine_of_their_own():
    """Eight devices take an eighth of one's time: neither stands for the other."""
    part = replace(PART, processes=8)
    run = replace(finished(PLAIN, 1), provenance=replace(PROVENANCE, parts=(part,), train_seconds=60.0))
    model = CostModel([took(finished(PLAIN, 0), HOUR), took(finished(PLAIN, 2), HOUR), run], COUNTS)

    assert model.estimate(Run(cell=PLAIN, seed=5)).seconds == HOUR
    together = "a processor with AVX2 alone (1 thread, 8 processes together)"
    assert [one.machine for one in model.elsewhere()] == [together]
    assert model.on(together).estimate(Run(cell=PLAIN, seed=5)).seconds == 60.0
    assert model.on("no such machine").estimate(Run(cell=PLAIN, seed=5)) is None


def test_a_run_that_moved_tells_no_machines_time():
    """Ten hours on one device and five minutes on another are not ten hours of the other."""
    moved = took(finished(PLAIN, 0), 10 * HOUR)
    parts = (replace(PART, device="a slow device"), PART)
    moved = replace(moved, provenance=replace(moved.provenance, parts=parts))

    assert CostModel([moved], COUNTS).estimate(Run(cell=PLAIN, seed=5)) is None
    assert CostModel([moved, took(finished(PLAIN, 1), HOUR)], COUNTS).estimate(Run(cell=PLAIN, seed=5)).seconds == HOUR
