"""Stores that were filled apart become one: nothing is lost, doubled or half done, and what contradicts is named."""

import itertools
import random
import shutil
from dataclasses import replace

import pytest

from senet_lab.errors import StudyError
from senet_lab.records.curves import curve_csv
from senet_lab.records.gate_health import GateHealth, gates_csv
from senet_lab.records.merge import merge
from senet_lab.records.publish import PLACES, RunFiles, adopt, file_of, publish
from senet_lab.records.record import from_json, scientific_digest, to_json
from senet_lab.records.sequential import SequentialPlan, begin_plan, read_plan
from senet_lab.records.store import Store
from senet_lab.study.cell import runs_of
from tests.samples import PLAIN, PROTOCOL, PROVENANCE, SE, curve_of_two, failed, filled, finished

RUNS = runs_of([SE, PLAIN], 4)
GATES = GateHealth(epoch=1, block="SE_2_1", mean=0.5, spread=0.1, share_low=0.0, share_high=0.0)
FILES = RunFiles(curve=curve_csv(curve_of_two()), gates=gates_csv([GATES]), weights=b"weights")


def record_of(run, day=2):
    """What a run measures is its own; when it was made is not."""
    provenance = replace(PROVENANCE, finished_at=f"2026-01-{day:02}T03:04:05+00:00")
    if run.seed == 3:
        return replace(failed(run.cell, run.seed), provenance=provenance)
    return replace(finished(run.cell, run.seed, wrong=100 + 10 * run.seed), provenance=provenance)


def put(store, run, day=2):
    record = record_of(run, day)
    publish(store, record, FILES if record.failure is None else RunFiles())


def contents(root):
    """Every file of a store but those of its machine."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "locks" not in path.parts
    }


@pytest.mark.parametrize("draw", range(3))
def test_any_order_of_three_stores_is_one_store(tmp_path, draw):
    """Each run is in one, two or all of them, made on the same day or another; whatever the order, the same files."""
    chance = random.Random(draw)
    stores = [Store(tmp_path / name) for name in "abc"]
    for store in stores:
        (store.root / "records").mkdir(parents=True)
    for run in RUNS:
        for store in chance.sample(stores, chance.randint(1, 3)):
            put(store, run, chance.choice((2, 2, 3)))
    merged = []
    for order in itertools.permutations(stores):
        into = Store(tmp_path / f"into-{len(merged)}")
        found = merge(into, order)
        merged.append(contents(into.root))
        assert len(found.added) == len(RUNS)
        assert merge(into, order).added == ()
        assert contents(into.root) == merged[-1]

    assert all(one == merged[0] for one in merged)
    assert [scientific_digest(record) for record in Store(tmp_path / "into-0").read_all()] == [
        scientific_digest(record_of(run)) for run in sorted(RUNS, key=lambda run: (run.cell.key, run.seed))
    ]


def test_stores_trained_apart_are_the_store_trained_alone(tmp_path):
    """Byte for byte, curves, gates and weights included; one after the other or at once."""
    alone, parts = Store(tmp_path / "alone"), [Store(tmp_path / f"part-{number}") for number in range(3)]
    for number, run in enumerate(RUNS):
        put(alone, run)
        put(parts[number % 3], run)
    at_once, one_by_one = Store(tmp_path / "at-once"), Store(tmp_path / "one-by-one")
    merge(at_once, parts)
    for part in parts:
        merge(one_by_one, [part])

    assert contents(alone.root) == contents(at_once.root) == contents(one_by_one.root)
    assert len(contents(alone.root)) == 8 + 3 * 6


def test_equal_results_of_another_day_are_equal(tmp_path):
    """The one that is there stays, with its files."""
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    put(here, RUNS[0], day=3)
    put(there, RUNS[0], day=2)
    before = contents(here.root)
    found = merge(here, [there])

    assert (found.added, found.equal, found.completed) == ((), 1, 0)
    assert contents(here.root) == before


def test_a_record_gets_the_files_that_it_lacks(tmp_path):
    """Weights that were not copied, and the curve of a record of schema 1, which does not name it."""
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    for store in (here, there):
        put(store, RUNS[0])
        filled(store.root, finished(PLAIN, seed=9), epochs=2 * (store is there))
    file_of(here, RUNS[0], "weights").unlink()
    found = merge(here, [there])

    assert (found.added, found.equal, found.completed) == ((), 2, 2)
    assert contents(here.root) == contents(there.root)


def test_records_of_schema_1_come_as_they_are(tmp_path):
    """The same bytes, with the curve that lies beside them."""
    there = filled(tmp_path / "there", finished(), finished(PLAIN), epochs=2)
    merge(Store(tmp_path / "here"), [there])

    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert len(contents(tmp_path / "here")) == 4


def refused(tmp_path, here, others, *words):
    """Nothing is written, and the message, one line, has these words."""
    before = contents(tmp_path)
    with pytest.raises(StudyError) as caught:
        merge(here, others)
    assert contents(tmp_path) == before
    assert len(str(caught.value).splitlines()) == 1
    for word in words:
        assert word in str(caught.value)


def test_conflicting_results_are_refused_by_name(tmp_path):
    """Both files with both digests; also between two of the others; nothing of the rest is brought."""
    one = filled(tmp_path / "one", finished(wrong=100), finished(PLAIN))
    two = filled(tmp_path / "two", finished(wrong=101))
    science = [scientific_digest(store.read(finished().run))[:12] for store in (one, two)]
    digests = [to_json(store.read(finished().run)).split('"digest": "')[1][:12] for store in (one, two)]
    paths = [str(store.path(finished().run)) for store in (one, two)]

    assert science[0] != science[1]
    refused(tmp_path, Store(tmp_path / "here"), [one, two], *paths, *digests, *science, "nothing is merged")
    refused(tmp_path, one, [two], *paths)


def test_a_tampered_record_is_refused(tmp_path):
    """By its path, as everywhere; so is one under another run's name, and a curve of another run."""
    there = Store(tmp_path / "there")
    put(there, RUNS[0])
    put(there, RUNS[1])
    path = there.path(RUNS[1])
    whole = path.read_text()
    path.write_text(whole.replace('"trainable": 1234', '"trainable": 1235'))
    refused(tmp_path, Store(tmp_path / "here"), [there], str(path), "digest does not fit")
    path.write_text(there.path(RUNS[0]).read_text())
    refused(tmp_path, Store(tmp_path / "here"), [there], str(path), "is the record of another run")
    path.write_text(whole)
    file_of(there, RUNS[1], "curve").write_bytes(b"another")
    refused(tmp_path, Store(tmp_path / "here"), [there], "is not the file that its record names")


@pytest.mark.parametrize("name", PLACES)
def test_any_damaged_file_is_found_before_anything_is_written(tmp_path, name):
    """The run with it comes last, after runs that could be merged."""
    there = Store(tmp_path / "there")
    for run in RUNS[:3]:
        publish(there, record_of(run), replace(FILES, boxes=b"boxes"))
    last = max((there.path(run) for run in RUNS[:3]), key=str)
    damaged = next(run for run in RUNS[:3] if there.path(run) == last)
    file_of(there, damaged, name).write_bytes(b"another")

    refused(tmp_path, Store(tmp_path / "here"), [there], str(file_of(there, damaged, name)))


def test_another_protocol_of_the_same_name_is_refused(tmp_path):
    """With the store that has it and the fields in which it differs; another version is another protocol."""
    other = replace(PROTOCOL, epochs=3)
    here = filled(tmp_path / "here", finished())
    there = filled(tmp_path / "there", finished(replace(SE, protocol=other)))
    newer = filled(tmp_path / "newer", finished(replace(SE, protocol=replace(other, version=2))))

    refused(tmp_path, here, [there], "protocol 'sample' (version 1)", str(there.root), "epochs 3 and 2")
    assert len(merge(here, [newer]).added) == 1


def test_sequential_plans_come_too(tmp_path):
    """Verdicts depend on them; two of one table must agree."""
    here, there = filled(tmp_path / "here", finished(PLAIN)), filled(tmp_path / "there", finished())
    plan = SequentialPlan(table="a", protocol="sample", most_seeds=5, level=0.05)
    begin_plan(there.root, plan)
    assert merge(here, [there]).plans == 1
    assert begin_plan(here.root, plan) == plan

    begin_plan(there.root, replace(plan, table="b"))
    begin_plan(here.root, replace(plan, table="b", most_seeds=6))
    refused(tmp_path, here, [there], "b-sample.json", "different plans of one table")


@pytest.mark.parametrize(("begins", "merged"), [(0, False), (1, False), (2, True)])
def test_a_plan_that_would_test_runs_that_were_there_before_it_is_refused(tmp_path, begins, merged):
    """They may have been looked at before: a plan counts seeds after those. One that is there already is no news."""
    here = filled(tmp_path / "here", *(finished(SE, seed) for seed in (0, 1)))
    there = filled(tmp_path / "there", *(finished(SE, seed) for seed in (0, 1, 2)))
    plan = SequentialPlan(table="a", protocol="sample", most_seeds=5, level=0.05)
    begin_plan(there.root, plan, range(begins))
    if merged:
        assert merge(here, [there]).plans == 1
        assert merge(here, [there]).plans == 0
        (there.root / "sequential" / "b-sample.json").write_text("[]")
        refused(tmp_path, here, [there], "b-sample.json holds no JSON object")
        return
    seeds = "0, 1" if begins == 0 else "1"
    refused(tmp_path, here, [there], "a-sample.json", f"from seed {begins} on", f"seeds {seeds} without a plan")


def with_plan(root, seeds=(0, 1), **changes):
    """A store of SE's runs with a plan from seed 0 on."""
    store = filled(root, *(finished(SE, seed) for seed in seeds))
    begin_plan(store.root, replace(SequentialPlan(table="a", protocol="sample", most_seeds=5, level=0.05), **changes))
    return store


def test_runs_without_the_plan_are_refused_in_any_order(tmp_path):
    """Whichever folder is merged into. A copy of the plan says that they were trained under it."""
    plain, planned = filled(tmp_path / "plain", finished(SE, 1)), with_plan(tmp_path / "planned")
    new = Store(tmp_path / "new")
    for into, others in ((plain, [planned]), (planned, [plain]), (new, [plain, planned]), (new, [planned, plain])):
        with pytest.raises(
            StudyError, match=r"plain has its rows' seeds 1 without a plan.*copy it to .*plain/sequential"
        ):
            merge(into, others)
    (plain.root / "sequential").mkdir()
    shutil.copy(planned.root / "sequential" / "a-sample.json", plain.root / "sequential")

    assert merge(new, [plain, planned]).plans == 1


@pytest.mark.parametrize(("protocol", "cells"), [("sample-long", None), ("sample-v2", None), ("sample", {PLAIN.key})])
def test_runs_that_a_plan_is_not_about_are_merged(tmp_path, protocol, cells):
    """Of another protocol with a similar name, or of rows of another table."""
    planned, other = with_plan(tmp_path / "planned", protocol=protocol), filled(tmp_path / "other", finished(SE, 1))

    assert merge(planned, [other], lambda plan, protocols: cells).equal == 1


def test_a_merge_that_stopped_half_way_may_be_repeated(tmp_path, monkeypatch):
    """The plan is there before the first of its records, so these do not look as if they had been there before it."""
    planned, into = with_plan(tmp_path / "planned"), Store(tmp_path / "into")
    adopted = []

    def stop_after_one(*arguments):
        if adopted:
            raise KeyboardInterrupt
        adopted.append(adopt(*arguments))

    monkeypatch.setattr("senet_lab.records.merge.adopt", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        merge(into, [planned])
    monkeypatch.undo()

    assert (len(merge(into, [planned]).added), read_plan(into.root, "a", "sample").first_seed) == (1, 0)


def test_what_is_no_store_is_refused(tmp_path):
    """A folder without records, a folder that is not there, the store itself."""
    here = filled(tmp_path / "here", finished())
    (tmp_path / "empty").mkdir()

    for name in ("empty", "none"):
        refused(tmp_path, here, [Store(tmp_path / name)], f"{tmp_path / name} has no folder records")
    refused(tmp_path, here, [Store(tmp_path / "empty" / ".." / "here")], "is the folder to merge into")


def test_the_scientific_digest_is_of_the_results_alone():
    """Another day, machine or revision has the same; another seed, bit, failure or data set has not."""
    record = finished()
    same = [replace(record, provenance=replace(PROVENANCE, device="another", train_seconds=1.0, finished_at="later"))]
    others = [
        finished(seed=1),
        finished(wrong=201),
        finished(PLAIN),
        failed(),
        replace(record, provenance=replace(PROVENANCE, data_sha256={"train": "aa", "test": "cc"})),
    ]
    assert {scientific_digest(record)} == {scientific_digest(one) for one in same}
    assert len({scientific_digest(one) for one in [record, *others]}) == 6
    assert scientific_digest(from_json(to_json(record), "path")) == scientific_digest(record)
