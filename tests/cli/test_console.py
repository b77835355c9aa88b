"""What a command says of runs while they train, where its output is no terminal."""

import errno
import io
from dataclasses import replace

import pytest

from senet_lab.cli import console
from senet_lab.cli.console import Watch
from senet_lab.fleet.outcome import Fate, Outcome
from senet_lab.training.progress import Progress
from tests.tiny import AUGMENTED, run

LONG = replace(AUGMENTED, train_images=20_000, batch_size=20, epochs=2)  # 1,000 steps an epoch
OF = run(0, LONG)


class Time:
    """A clock that stands until it is set."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def watched(capsys):
    """Tells a watch of one run of its progress at a time, and returns the lines that this brings."""
    time = Time()
    watch = Watch([OF], {(OF.cell.key, 0): "table7 r=16 seed 0"}, now=time)

    def tell(seconds, epoch, step, error=None):
        time.now = 100.0 + seconds
        watch.progressed(OF, Progress(epoch, 2, step, 2_000, error))
        return capsys.readouterr().err.splitlines()

    watch.started(OF)
    assert capsys.readouterr().err.splitlines() == ["[0:00] table7 r=16 seed 0: starts"]
    return tell


def test_progress_within_an_epoch_comes_with_images_a_second_and_the_time_to_its_end(watched):
    """100 steps of 20 images in 10 seconds are 200 images/s; 899 steps to go are 90 seconds."""
    assert watched(0, 0, 1) == []

    (line,) = watched(10, 0, 101)
    assert line == "[0:10] table7 r=16 seed 0: epoch 1 of 2, 10 %, 200 images/s, 1:29 to its end; 3:09 left"


def test_lines_about_one_run_are_ten_seconds_apart(watched):
    """Steps and ends of epochs alike: what comes in between is not said."""
    said = [bool(watched(second, 0, second)) for second in range(40)]

    assert [second for second, line in enumerate(said) if line] == [10, 20, 30]
    assert watched(39.5, 1, 1_000, 12.5) == []


def test_a_line_that_cannot_be_written_is_left_out(monkeypatch):
    """A closed pipe, a full disk, a terminal that is gone: training goes on."""

    class Gone(io.StringIO):
        tried = 0

        def write(self, text):
            self.tried += 1
            raise OSError(errno.EIO, "gone")

        def isatty(self):
            return self.terminal

    monkeypatch.setenv("TERM", "xterm")
    for terminal in (False, True):
        gone = Gone()
        gone.terminal = terminal
        monkeypatch.setattr(console.sys, "stderr", gone)
        watch = Watch([OF], {(OF.cell.key, 0): "a run"})
        assert (watch.bars is not None) == terminal
        with watch:
            watch.started(OF)
            watch.progressed(OF, Progress(0, 2, 1, 2_000))
            assert watch.steps == {"a run": 1}  # what it was told counts, though nobody can read it
            tried = gone.tried
            watch.ended(OF, Outcome(Fate.RECORDED, "done"))

        assert watch.bars is None
        assert watch.steps == {"a run": 2_000}
        assert gone.tried > tried > 0


def test_the_pace_forgets(watched):
    """A slow first minute does not count any more when the next one is fast."""
    for second in range(60):
        watched(second, 0, second)

    assert "2,000 images/s" in [watched(60 + second, 0, 60 + 100 * second) for second in range(41)][-1][0]


def test_an_evaluation_is_no_time_of_training(watched):
    """The pace of an epoch begins with its own first step."""
    watched(0, 0, 1)
    (line,) = watched(50, 1, 1_000, 12.5)
    assert "1 of 2 epochs, test top-1 error 12.50 %; 0:50 left" in line
    watched(58, 1, 1_001)

    assert "epoch 2 of 2, 10 %, 1,000 images/s" in watched(60, 1, 1_101)[0]


def test_loading_and_compiling_is_no_time_of_training(watched):
    """A run that goes on from step 1,000 after a minute: 100 steps took 10 seconds, so 900 need 90."""
    (line,) = watched(60, 1, 1_000)
    assert line == "[1:00] table7 r=16 seed 0: epoch 2 of 2, 0 %"

    assert watched(70, 1, 1_100)[0].endswith("; 1:30 left")


def test_a_run_that_was_trained_elsewhere_is_no_pace_of_this_machine(capsys):
    """Of three runs one has its record from another machine: 100 steps took 10 seconds, so 3,900 need 390."""
    runs, time = [run(seed, LONG) for seed in range(3)], Time()
    watch = Watch(runs, {(one.cell.key, one.seed): f"seed {one.seed}" for one in runs}, now=time)
    watch.started(runs[0])
    watch.progressed(runs[0], Progress(0, 2, 0, 2_000))
    watch.ended(runs[1], Outcome(Fate.RECORDED, ""))
    time.now += 10
    watch.progressed(runs[0], Progress(0, 2, 100, 2_000))

    assert capsys.readouterr().err.splitlines()[-1].endswith("; 6:30 left")


def test_a_run_that_another_worker_holds_is_said_once(capsys):
    """It is asked for every five seconds, for hours; what it does when it is free is said again."""
    watch = Watch([OF], {(OF.cell.key, 0): "table7 r=16 seed 0"}, now=Time())
    for _ in range(4):
        watch.started(OF)
        watch.ended(OF, Outcome(Fate.BUSY, "another worker trains it"))
    watch.started(OF)
    watch.ended(OF, Outcome(Fate.RECORDED, "top-1 error 10.00 %"))

    assert [line.partition("seed 0: ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "starts",
        "busy, another worker trains it",
        "recorded, top-1 error 10.00 %",
    ]
