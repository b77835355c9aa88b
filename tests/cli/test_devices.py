"""`--devices`: several processes train each run together, through the command that a user calls."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from senet_lab.cli.runs import TrainingOptions
from senet_lab.cli.together import has_company
from senet_lab.errors import StudyError
from senet_lab.records.curves import read_curve
from senet_lab.records.store import Store
from senet_lab.training import run as training
from senet_lab.training.process_rank import ProcessRank, process_rank
from tests import tiny
from tests.cli.test_work import ROOT, TABLE
from tests.samples import one_line

COMMAND = ["-m", "senet_lab", "train", "mine.py", "--protocol", "paper", "--device", "cpu"]
HALF = "10"  # images of a batch of 20


def called(folder: Path, *words: str, text: str = TABLE) -> subprocess.Popen:
    """A command that runs in a folder with the table."""
    (folder / "mine.py").write_text(text)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def result(process: subprocess.Popen) -> tuple[int, str, str]:
    """Its exit status, stdout and stderr."""
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.mark.slow
def test_two_devices_train_what_one_does(tmp_path):
    """One process that takes half a batch at once, two by --devices, two by torchrun: the same runs, errors and curves
    but for rounding; one process speaks and writes."""
    ways = {
        "one": [*COMMAND, "--at-once", HALF],
        "devices": [*COMMAND, "--devices", "2", "--json"],
        "torchrun": ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *COMMAND],
    }
    records = {}
    for way, words in ways.items():
        status, out, err = result(called(tmp_path, *words, "--results", way))
        assert status == 0, err
        assert err.count("r=8 seed 0: recorded") == 1
        assert (len(json.loads(out)["trained"]) if out else 0) == (3 if way == "devices" else 0)
        records[way] = {record.run: record for record in Store(tmp_path / way).read_all()}
    assert len(records["one"]) == 3
    for run, one in records["one"].items():
        losses = [point.train_loss for point in read_curve(Store(tmp_path / "one").path(run, "curves", ".csv"))]
        for way in ("devices", "torchrun"):
            other = records[way][run]
            (part,) = other.provenance.parts
            assert (2, int(HALF)) == (part.processes, part.batch_norm_images)
            assert abs(other.top1_error_pct - one.top1_error_pct) <= 5.0  # an image of 20
            curve = read_curve(Store(tmp_path / way).path(run, "curves", ".csv"))
            assert losses == pytest.approx([point.train_loss for point in curve], rel=2e-3)
        assert records["devices"][run].correct_top1 == records["torchrun"][run].correct_top1


@pytest.mark.slow
def test_a_paused_run_says_75_through_the_command(tmp_path):
    """When the time is over and at SIGTERM: one line, and the same command goes on from there."""
    words = [*COMMAND, "--devices", "2", "--row", "r=8", "--results", "here"]
    status, _, err = result(called(tmp_path, *words, "--max-minutes", "0"))
    assert status == 75
    assert err.count("senet-lab: ") == 1
    assert "paused with 2 of 2 runs to go" in err.splitlines()[-1]

    process = called(tmp_path, *words)
    first = [process.stderr.readline() for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    status, _, err = result(process)
    assert status == 75, (first, err)

    status, _, err = result(called(tmp_path, *words))
    assert status == 0, err
    assert len(Store(tmp_path / "here").read_all()) == 2


@pytest.mark.slow
def test_a_network_with_random_parts_holds_up_no_other(tmp_path):
    """It is left out, named at the end with what to do, and the rows after it are trained."""
    dropout = 'BLOCKS = {"drops": lambda site: __import__("torch").nn.Dropout()}\n'
    rows = TABLE.replace("rows=(", 'rows=(Row("drops", replace(PLAIN, se=own_block("drops"))), ')
    text = dropout + rows.replace("import Cell,", "import own_block, Cell,")
    status, _, err = result(called(tmp_path, *COMMAND, "--devices", "2", "--results", "here", text=text))

    assert status == 2
    assert err.splitlines()[-1].startswith("senet-lab: left out: mine-table1 drops seed 0; ")
    assert err.splitlines()[-1].endswith("with --row and without --devices or torchrun")
    assert len(Store(tmp_path / "here").read_all()) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--devices", "2", "--workers", "2"], "leave --workers out"),
        (["--devices", "2", "--until-resolved"], "leave --devices out"),
        (["--devices", "2", "--row", "r=5"], "has no row"),
    ],
)
def test_what_does_not_go_together_is_one_line(senet_lab, words, said):
    """Before a process is started."""
    status, out, err = senet_lab("train", "table7", *words)

    assert (status, out) == (2, "")
    assert said in one_line(err)


def test_every_process_is_called_to_train_only(senet_lab, monkeypatch):
    """`reproduce` reports itself, once, and the status of the processes is that of the command."""
    from senet_lab.fleet import group

    seen = []

    def start(words, devices, settings):
        seen.append((words, devices, settings.at_once))
        return 75

    monkeypatch.setattr(group, "start", start)
    status, out, _ = senet_lab("reproduce", "table7", "--device", "cpu", "--devices", "3", "--at-once", "8", "--json")

    assert (status, out) == (75, "")
    words = ["train", "table7", "--device", "cpu", "--devices", "3", "--at-once", "8"]
    assert [(words, 3, 8)] == seen


TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "here"}
SRUN = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0"}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, ProcessRank()),
        (TORCHRUN, ProcessRank(3, 4, 1)),
        (SRUN, ProcessRank()),
        (SRUN | {"MASTER_ADDR": "here"}, ProcessRank(1, 2, 0)),
        (SRUN | TORCHRUN, ProcessRank(3, 4, 1)),
    ],
)
def test_the_environment_tells_the_place(environment, place):
    """That of torchrun goes before that of the cluster, which may have started torchrun; without an address to meet at
    the tasks of a cluster are independent."""
    assert place == process_rank(environment)
    assert place.first == (place.rank == 0)


def test_a_place_that_cannot_be_is_one_line(monkeypatch):
    """As in a shell where a variable was left over."""
    for name, value in (TORCHRUN | {"RANK": "4"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StudyError, match="RANK=4 with WORLD_SIZE=4"):
        has_company()


def test_at_once_reaches_the_runs():
    """A command line that names no number leaves the batch whole."""
    assert (
        TrainingOptions("cpu").settings().at_once,
        TrainingOptions("cpu", at_once=8).settings().at_once,
    ) == (None, 8)


def test_the_number_of_loaders_reaches_the_data(monkeypatch):
    """By the command line; without a number the data choose."""
    asked = []
    monkeypatch.setattr(training, "open_source", lambda *_, loaders, **__: asked.append(loaders))
    for loaders in (None, 3):
        training.open_data(tiny.run(0), TrainingOptions("cpu", loaders=loaders).settings(), {})

    assert asked == [None, 3]
