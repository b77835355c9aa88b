"""Worker processes: same numbers beside neighbours, killed and called again, one broken run among others."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab.errors import StudyError
from senet_lab.fleet.fleet import train_all
from senet_lab.fleet.outcome import Fate
from senet_lab.records.record import Status
from senet_lab.records.store import Store
from senet_lab.study import Run
from senet_lab.study.protocol import Dataset
from senet_lab.training.settings import Settings
from senet_lab.training.stopping import Paused, StopSign
from tests.tiny import AUGMENTED, cell, run


class Listener:
    """Remembers how every run went on and ended."""

    def __init__(self):
        self.progress, self.outcomes = [], {}

    def started(self, run):
        pass

    def progressed(self, run, progress):
        self.progress.append(progress)

    def ended(self, run, outcome):
        self.outcomes[run.seed] = outcome


def _train(runs, root, workers=1):
    listener = Listener()
    broken = train_all(runs, Store(root), Settings(), workers, listener)
    return [Store(root).read(r) for r in runs], broken, listener


def _numbers(record):
    return record.correct_top1, record.correct_top5, record.best_top1_error_pct


def _curve(root: Path, of: Run) -> list[str]:
    """The curve file without its last column, the time."""
    return [line.rpartition(",")[0] for line in Store(root).path(of, "curves", ".csv").read_text().splitlines()]


@pytest.mark.slow
def test_four_runs_side_by_side_have_the_curves_that_each_has_alone(tmp_path):
    """On a CPU, bit for bit."""
    runs = [run(seed) for seed in range(4)]
    together, _, _ = _train(runs, tmp_path / "together", workers=4)
    for of, record in zip(runs, together, strict=True):
        (alone,), _, _ = _train([of], tmp_path / "alone")
        assert _numbers(alone) == _numbers(record)
        assert _curve(tmp_path / "alone", of) == _curve(tmp_path / "together", of)


def test_a_run_that_cannot_be_built_or_diverges_does_not_stop_the_others(tmp_path):
    """r=7 divides no width of the network: that run breaks with its reason. A loss that is no number any more is
    recorded as failed, without error rates, with the epoch. The run after both is recorded."""
    bad = Run(cell=cell(reduction=7), seed=5)
    short = replace(AUGMENTED, train_images=16, epochs=1)
    wild = replace(short, schedule=replace(AUGMENTED.schedule, peak_lr=1e30, warmup_steps=0))
    (nothing, failed, good), broken, listener = _train([bad, run(1, wild), run(0, short)], tmp_path)

    assert nothing is None
    assert len(broken) == 1
    assert "r=7 does not divide 64 channels" in broken[0]
    assert Fate.RECORDED is listener.outcomes[1].fate
    assert (failed.status, failed.top1_error_pct, failed.correct_top1) == (Status.FAILED, None, None)
    assert "epoch 1" in failed.failure
    assert good.failure is None


@pytest.mark.slow
def test_missing_data_stop_the_fleet_with_one_line(tmp_path, monkeypatch):
    """Where no run can succeed, the reason comes once, and nothing is recorded."""
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path / "nowhere"))
    imagenet = replace(AUGMENTED, dataset=Dataset.IMAGENET, crop="resized-crop", crop_padding=0, resize=40)
    with pytest.raises(StudyError, match=r"nowhere/imagenet/train is missing"):
        _train([run(0, imagenet), run(1, imagenet)], tmp_path / "results")

    assert list((tmp_path / "results").glob("records/**/*.json")) == []


@pytest.mark.slow
def test_a_killed_command_goes_on_where_it_was_and_ends_the_same(tmp_path):
    """kill -9 of parent and worker after the first checkpoint; the same command ends with the same bits."""
    of = run(0, replace(AUGMENTED, epochs=6))
    script = tmp_path / "command.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from dataclasses import replace\n"
        "from tests.tiny import AUGMENTED, run\n"
        "from tests.fleet.test_fleet import _train\n"
        "if __name__ == '__main__':\n"
        "    _train([run(0, replace(AUGMENTED, epochs=6))], Path(sys.argv[1]))\n"
    )
    root = tmp_path / "killed"
    checkpoint = Store(root).path(of, "cache/checkpoints", ".safetensors")
    command = subprocess.Popen(
        [sys.executable, str(script), str(root)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(command.pid, signal.SIGKILL)
    command.wait()

    assert checkpoint.exists()
    assert Store(root).read(of) is None
    (resumed,), _, _ = _train([of], root)
    (whole,), _, _ = _train([of], tmp_path / "whole")
    assert _numbers(whole) == _numbers(resumed)
    assert _curve(tmp_path / "whole", of) == _curve(root, of)
    assert not checkpoint.exists()


@pytest.mark.slow
def test_a_run_that_is_asked_to_end_goes_on_with_the_same_bits(tmp_path):
    """Asked in its first epoch, it saves and ends after a step; the same call ends as if it had not been asked."""
    of, stop = run(0, replace(AUGMENTED, train_images=2_000, epochs=2)), StopSign()

    class Asks(Listener):
        def progressed(self, run, progress):
            super().progressed(run, progress)
            stop.ask("a test")

    asking = Asks()
    with pytest.raises(Paused, match=r"1 of 1 runs to go \(a test\)"):
        train_all([of], Store(tmp_path / "asked"), Settings(), 1, asking, stop)

    assert asking.outcomes[0].fate is Fate.PAUSED
    assert "of epoch 1 (SIGTERM)" in asking.outcomes[0].text
    assert Store(tmp_path / "asked").path(of, "cache/checkpoints", ".safetensors").exists()
    (resumed,), _, _ = _train([of], tmp_path / "asked")
    (whole,), _, _ = _train([of], tmp_path / "whole")
    assert _numbers(whole) == _numbers(resumed)
    assert _curve(tmp_path / "whole", of) == _curve(tmp_path / "asked", of)
