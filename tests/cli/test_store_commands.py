"""``merge`` and ``status``: what their user types and reads."""

import json

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.records.publish import tidy
from senet_lab.records.sequential import SequentialPlan, begin_plan
from senet_lab.records.status import State, note_broken, states_of
from senet_lab.study.cell import runs_of
from tests.samples import failed, filled, finished, one_line

DEMO7 = studies.table_under(catalogue.find_table("table7"), "demo")
RUNS = runs_of(DEMO7.cells, 2)


@pytest.fixture
def store(tmp_path):
    """One run in each state, and the others not begun."""
    done, diverged, broken, interrupted, *_ = RUNS
    found = filled(tmp_path / "results", finished(done.cell), failed(diverged.cell))
    note_broken(broken, found, "RuntimeError: no such\nthing")
    checkpoint = found.path(interrupted, "cache/checkpoints", ".safetensors")
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"state")
    return found


def test_status_tells_what_becomes_of_every_run(senet_lab, store):
    """Rows by seeds, a line of counts, and a line for each run that needs a look."""
    with store.lock(RUNS[4]):
        status, out, _ = senet_lab("status", "table7", "--seeds", "2")
    lines = out.splitlines()

    assert status == 0
    assert lines[0].split() == ["original", "done", "not", "run"]
    assert lines[len(DEMO7.rows)] == f"1 done, 1 failed, 1 running, 1 broken, 1 interrupted, {len(RUNS) - 5} not run"
    assert [line.partition(": ")[2].partition(",")[0] for line in lines[len(DEMO7.rows) + 1 :]] == [
        "failed",
        "broken",
        "interrupted",
        "running",
    ]
    assert "broken, RuntimeError: no such thing" in out
    assert "failed, the loss is nan at step 7" in out
    assert ": running, process " in out


def test_status_as_json(senet_lab, store):
    """One entry a run, in the order of the plan."""
    _, out, _ = senet_lab("status", "table7", "--seeds", "2", "--json")
    entries = json.loads(out)

    assert [(entry["key"], entry["seed"]) for entry in entries] == [(run.cell.key, run.seed) for run in RUNS]
    assert entries[0] | {"label": ""} == {
        "label": "",
        "protocol": "demo",
        "key": RUNS[0].cell.key,
        "seed": 0,
        "state": "done",
        "note": "top-1 error 20.00 %",
    }


def test_a_broken_run_is_so_until_it_is_recorded(store):
    """The note goes with the record."""
    broken = RUNS[2]
    assert [one.state for one in states_of([broken], store)] == [State.BROKEN]
    store.write(finished(broken.cell))
    assert [one.state for one in states_of([broken], store)] == [State.DONE]
    tidy(store, RUNS)
    assert not store.path(broken, "cache/broken", ".txt").exists()


def test_merge_brings_what_another_folder_has(senet_lab, store, tmp_path):
    """Said in one line; again, nothing is left to do; a contradiction is one line and exit status 2."""
    filled(tmp_path / "other", finished(RUNS[0].cell), finished(RUNS[4].cell))
    status, out, _ = senet_lab("merge", "other")
    assert (status, one_line(out).partition(";")[0]) == (0, "1 records added, 1 were there already")
    assert store.read(RUNS[4]) is not None
    _, out, _ = senet_lab("merge", "other", "--json")
    assert json.loads(out) == {"added": [], "equal": 2, "completed": 0, "plans": 0}

    filled(tmp_path / "wrong", finished(RUNS[0].cell, wrong=1))
    status, _, err = senet_lab("merge", "other", "wrong")
    assert status == 2
    assert one_line(err).startswith("senet-lab: nothing is merged: ")
    status, _, err = senet_lab("merge", "nowhere")
    assert (status, one_line(err)) == (2, "senet-lab: nowhere has no folder records; name a folder of results")


@pytest.mark.parametrize(("table", "merged"), [("tpami-table16", True), ("table7", False)])
def test_merge_knows_which_runs_a_plan_is_about(senet_lab, tmp_path, table, merged):
    """A plan of table 7 says nothing about a row of table 16, though both have the same protocol."""
    of_plan = studies.table_under(catalogue.find_table("table7"), "cifar10-short").cells[-1]
    other = studies.table_under(catalogue.find_table(table), "cifar10-short").cells[-1]
    planned = filled(tmp_path / "planned", *(finished(cell, 0) for cell in {of_plan, other}))
    begin_plan(
        planned.root, SequentialPlan(table="cvpr2018-table7", protocol="cifar10-short", most_seeds=5, level=0.05)
    )
    filled(tmp_path / "results", finished(other, 0))
    status, _, err = senet_lab("merge", "planned")

    assert (status == 0) == merged
    assert ("without a plan" in err) != merged
