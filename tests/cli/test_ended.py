"""A run on photos that is killed or asked to end, again and again, at steps that chance chose: the same bits."""

import os
import random
import signal
import subprocess
import sys
from itertools import accumulate
from pathlib import Path

import pytest

from senet_lab.records.curves import read_curve
from senet_lab.records.store import Store
from tests.data.pictures import class_folders
from tests.training.executors import without_time

ROOT = Path(__file__).parents[2]
EPOCHS, STEPS = 6, 6  # an epoch
TABLE = f"""
from dataclasses import replace
from ablations.protocols import IMAGENETTE
from senet_lab.study import Cell, Row, SESpec, Table

SHORT = replace(IMAGENETTE, name="short", image_size=64, resize=64, batch_size=3, epochs={EPOCHS})
CELL = Cell(backbone="shufflenet", se=SESpec(reduction=8), protocol=SHORT)
TABLE = Table(
    edition="mine", number="1", topic="mine", caption="Mine", baseline="se", rows=(Row("se", CELL),), companions={{}}
)
"""
PROGRAM = ["-m", "tests.cli.ended"]
TOGETHER = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *PROGRAM]
TRAIN = ["train", "mine.py", "--protocol", "paper", "--data", "pets", "--device", "cpu", "--results"]
NO_MORE = {"END_AT": ""}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eighteen photos and a table of one row."""
    place = class_folders(tmp_path_factory.mktemp("ended") / "pets", train=6, test=2).parent
    (place / "mine.py").write_text(TABLE)
    return place


def command(folder, words, results, **ending):
    """Trains until the end, or until it is ended; returns its exit status and what it said."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | ending
    words = [sys.executable, "-W", "ignore", *words, *TRAIN, results]
    done = subprocess.run(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, timeout=300)
    return done.returncode, done.stderr


def facts(folder, results):
    """What a run came to: its curve, its hits, and the digests of its files; and how many parts it was made in."""
    (record,) = Store(folder / results).read_all()
    curve = read_curve(Store(folder / results).path(record.run, "curves", ".csv"))
    from safetensors.numpy import load_file

    weights = load_file(Store(folder / results).path(record.run, "cache/weights", ".safetensors"))
    bits = {name: tensor.tobytes() for name, tensor in weights.items()}
    return without_time(curve), record.correct_top1, record.correct_top5, bits


@pytest.mark.slow
@pytest.mark.parametrize("way", ["one process", "two processes"])
def test_a_run_that_is_ended_ten_times_has_the_bits_of_one_that_is_not(folder, way):
    """By SIGKILL and SIGTERM in turns, in either process; it goes on from the last saved state each time."""
    words, ranks = (PROGRAM, ("0",)) if way == "one process" else (TOGETHER, ("0", "1"))
    status, said = command(folder, words, f"{way}, whole", **NO_MORE)
    assert status == 0, said
    chance = random.Random(20)
    steps = list(accumulate(chance.choice((2, 3)) for _ in range(10)))  # asked to end, a run makes one step more
    for number, step in enumerate(steps):
        by = (signal.SIGKILL, signal.SIGTERM)[number % 2].name
        status, said = command(folder, words, way, END_AT=str(step), END_BY=by, END_RANK=chance.choice(ranks))
        assert status != 0, said
        # torchrun itself ends with a traceback; of ours none does, and they are told by their place.
        assert "]: Traceback" not in said, said
        assert "Traceback" not in said or way == "two processes", said
        assert not Store(folder / way).read_all()
    status, said = command(folder, words, way, **NO_MORE)

    assert status == 0, said
    assert facts(folder, f"{way}, whole") == facts(folder, way)


@pytest.mark.slow
def test_processes_end_with_the_command_that_started_them(folder):
    """Killed, it leaves none behind: their common output comes to its end. The same command then goes on."""
    words = [sys.executable, "-W", "ignore", "-m", "senet_lab", *TRAIN, "killed", "--devices", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        first = next(line for line in process.stderr if "starts" in line)
        process.kill()
        assert first
        process.communicate(timeout=120)
    again = subprocess.run(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, timeout=300)

    assert again.returncode == 0, again.stderr
    assert len(Store(folder / "killed").read_all()) == 1


@pytest.mark.slow
def test_one_process_says_what_ended_all_of_them(folder, tmp_path):
    """A damaged photo in the second one's part is one line, with exit status 2; without it they go on."""
    pets = class_folders(tmp_path / "pets", train=6, test=2)
    (tmp_path / "mine.py").write_text(TABLE)
    words = [sys.executable, "-W", "ignore", "-m", "senet_lab", *TRAIN, "damaged", "--devices", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    path = pets / "train" / "dog" / "3.jpg"
    size = path.stat().st_size
    path.write_bytes(b"\0" * size)
    run = {"cwd": tmp_path, "env": environment, "stderr": subprocess.PIPE, "text": True, "timeout": 300}
    stopped = subprocess.run(words, **run)
    lines = [line for line in stopped.stderr.splitlines() if "senet-lab: " in line]
    again = subprocess.run([*words, "--skip-damaged"], **run)
    (record,) = Store(tmp_path / "damaged").read_all()

    assert (stopped.returncode, len(lines)) == (2, 1), stopped.stderr
    assert "dog/3.jpg is damaged" in lines[0]
    assert "Traceback" not in stopped.stderr
    assert again.returncode == 0, again.stderr
    assert record.provenance.skipped_photos == 1
