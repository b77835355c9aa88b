"""`work`: runs of several tables, divided among workers that share a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from senet_lab.cli import runs
from senet_lab.fleet import capacity, fleet
from senet_lab.records.store import Store
from tests.samples import finished, one_line

ROOT = Path(__file__).parents[2]
TABLE = """
from dataclasses import replace
from ablations.protocols import DEMO
from senet_lab.study import Cell, Row, SESpec, Table

TINY = replace(DEMO, name="tiny", train_images=60, test_images=20, batch_size=20, epochs=3)
PLAIN = Cell(backbone="cifar_resnet11_bottleneck", se=None, protocol=TINY)
ROWS = [Row(f"r={r}", replace(PLAIN, se=SESpec(reduction=r))) for r in (8, 16)]
TABLE = Table(
    edition="mine", number="1", topic="mine", caption="Mine", baseline="plain",
    rows=(Row("plain", PLAIN), *ROWS), companions={},
)
"""


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Every run that would be trained, and how; ``held`` are with other workers."""
    seen, held = [], []

    def train_all(runs, store, settings, workers, watcher, stop, sharing):
        seen.append((len(runs), workers, stop.seconds_left() < 600, sharing))
        for run in runs:
            if run.seed not in held:
                store.write(finished(run.cell, run.seed))
        return []

    monkeypatch.setattr(fleet, "train_all", train_all)
    monkeypatch.setattr(capacity, "workers_for", lambda settings, runs, root: 2)
    return seen, held


def test_a_damaged_record_holds_up_no_other_run(senet_lab, trained, tmp_path):
    """The queue's other runs are trained, and the damaged file is named at the end; it is not trained over."""
    senet_lab("work", "table7", "--device", "cpu")
    seen = trained[0]
    first, second = sorted((tmp_path / "results" / "records").rglob("*.json"))[:2]
    first.write_text("<<<<<<< HEAD\n" + first.read_text())
    second.unlink()
    status, out, err = senet_lab("work", "table7", "--device", "cpu")

    assert (status, out, seen[-1][0]) == (2, "", 1)
    assert f"{first.relative_to(tmp_path)} is no valid record" in err.splitlines()[-1]
    assert second.exists()
    assert first.read_text().startswith("<<<<<<< HEAD")


def test_work_takes_what_several_tables_miss(senet_lab, trained, tmp_path):
    """Table 7 and the journal's table 10 share runs, which are trained once."""
    seen, _ = trained
    status, out, err = senet_lab("work", "table7", "tpami-table10", "--device", "cpu", "--max-minutes", "5")
    ((runs, workers, timed, sharing),) = seen

    assert (status, out, workers, timed, sharing) == (0, "", 2, True, True)
    assert runs == len({(record.run.cell.key, record.run.seed) for record in Store(tmp_path / "results").read_all()})
    assert "table7, tpami-table10: " in err


def test_several_workers_are_refused_where_a_gpu_trains_runs_one_by_one(senet_lab, trained, monkeypatch):
    """In one line, before anything is trained."""
    monkeypatch.setattr(runs, "device_named", lambda name: "cuda")
    for words in (("train", "table7", "--protocol", "demo"), ("train", "table7", "--until-resolved", "--seeds", "5")):
        status, out, err = senet_lab(*words, "--at-once", "8", "--workers", "2")

        assert (status, out) == (2, "")
        assert one_line(err) == "senet-lab: on a GPU runs with --at-once train one by one; leave --workers out"
    assert trained[0] == []


def test_work_says_what_is_with_others(senet_lab, trained):
    """And leaves with success: nobody has to start it again."""
    trained[1].append(1)
    status, _, err = senet_lab("work", "table7", "--seeds", "2", "--device", "cpu")

    assert status == 0
    assert "5 runs are with other workers" in err.splitlines()[-1]


def test_a_time_for_seeds_until_resolved_is_in_hours(senet_lab):
    """Two limits that mean different things are not mixed."""
    status, _, err = senet_lab("train", "table7", "--until-resolved", "--max-minutes", "5")

    assert status == 2
    assert "has --max-hours" in one_line(err)


@pytest.mark.slow
def test_two_workers_share_a_folder(tmp_path):
    """Two commands at once on three rows and two seeds: each of the six runs has a record and is told as recorded.

    That a run is not trained twice is tested where it is claimed (tests/records).
    """
    (tmp_path / "mine.py").write_text(TABLE)
    words = [sys.executable, "-m", "senet_lab", "work", "mine.py", "--protocol", "paper", "--seeds", "2"]
    words += ["--device", "cpu", "--workers", "1", "--results", "shared"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=600)[1] for one in both]

    assert [one.returncode for one in both] == [0, 0], said
    assert len(Store(tmp_path / "shared").read_all()) == 6
    assert sum(text.count("recorded, top-1 error") for text in said) >= 6
