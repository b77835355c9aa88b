"""Two processes train one run: the protocol's batches, every evaluation image once, one writer, one story."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ablations.protocols import IMAGENET_100EP
from senet_lab.data.batches import Share
from senet_lab.data.open import open_source
from senet_lab.errors import StudyError
from senet_lab.models.registry import build_model, channels_last
from senet_lab.training import device_loop
from senet_lab.training.ranks import ALONE, join
from tests.smallest import cell
from tests.tensors import assert_same_tensors
from tests.training.executors import train, without_time
from tests.training.two_ranks import CELL, SMALL


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What both processes found, and where."""
    folder = tmp_path_factory.mktemp("ranks")
    place = {"PYTHONPATH": str(Path(__file__).parents[2]), "MASTER_ADDR": "localhost", "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.training.two_ranks", str(folder)],
            env=os.environ | place | {"RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [process.communicate(timeout=240)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], errors
    return [json.loads((folder / f"found-{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.slow
def test_each_has_its_half_and_all_have_the_whole(found):
    """Two images of each batch of four; one record of all nine evaluation images, made once; the same weights."""
    for rank, one in enumerate(found):
        assert (one["rank"], one["share"]) == (rank, [2, 2, 2])
        assert (one["recorded"], one["again"]) == (1, 0)
        assert one["part"] == [2, 2, 6]
        assert one["images"] == 9
        assert "random parts" in one["refused"]
    assert found[0]["weights"] == found[1]["weights"]
    assert found[0]["curve"] == found[1]["curve"]
    assert found[0]["gates"] == found[1]["gates"]


@pytest.mark.slow
def test_stopped_together_they_end_as_if_they_had_not_been(found):
    """One process wishes to stop, all do, after any step: the same bits in the end, under both executors."""
    for one in found:
        assert one["same"] == [[True, True, True]] * 8


@pytest.mark.slow
def test_two_processes_are_one_that_takes_half_a_batch_at_once(found):
    """Batch norm over the same two images: losses and gates agree but for rounding and the running statistics."""
    source = open_source(SMALL, torch.device("cpu"))
    model = channels_last(build_model(CELL.backbone, CELL.se, 10, 0))
    trained = device_loop.train(model, source, SMALL, 0, at_once=2)

    assert [p.train_loss for p in trained.curve] == pytest.approx([point[0] for point in found[0]["curve"]], rel=1e-3)


def test_parts_of_a_batch_are_the_batch():
    """Whatever the number of processes, each place is one's, in order."""
    for ranks in (1, 2, 3, 5):
        parts = [Share(rank, ranks).between(10, 17) for rank in range(ranks)]
        assert [place for part in parts for place in range(part.start, part.stop)] == list(range(10, 17))
        assert max(part.stop - part.start for part in parts) - min(part.stop - part.start for part in parts) <= 1
        assert np.concatenate([Share(rank, ranks).of(np.arange(7)) for rank in range(ranks)]).tolist() == list(range(7))


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        (SMALL, "small has 4 images in a batch; take at most 4 devices, not 5"),
        (replace(SMALL, batch_size=6, test_images=3), "small has 3 images in the evaluation; take at most 3 devices"),
        (replace(SMALL, dataset="cifar10", name="other"), "other has 4 images in a batch"),
        (replace(IMAGENET_100EP, batch_size=4), "has 4 images in a batch"),
    ],
    ids=["batch", "evaluation", "missing data", "missing photos"],
)
def test_a_process_without_images_is_refused(protocol, said, monkeypatch, tmp_path):
    """In every process, before data are looked for: its loss would be NaN, and the run recorded as diverged."""
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path))
    for rank in (0, 4):
        with pytest.raises(StudyError, match=said):
            open_source(protocol, torch.device("cpu"), share=Share(rank, 5))


@pytest.mark.parametrize("ranks", [2, 3])
def test_the_sequence_of_batches_does_not_depend_on_the_processes(ranks):
    """Their parts together are the batch that one process makes, augmentation included, and so in an evaluation."""
    protocol = replace(SMALL, cutout=8)
    whole = open_source(protocol, torch.device("cpu"))
    parts = [open_source(protocol, torch.device("cpu"), share=Share(rank, ranks)) for rank in range(ranks)]

    for batch, *some in zip(whole.training_batches(3, 1), *(p.training_batches(3, 1) for p in parts), strict=True):
        assert torch.equal(batch[0], torch.cat([images for images, _ in some]))
        assert torch.equal(batch[1], torch.cat([labels for _, labels in some]))
    together = [torch.cat([images for images, _ in part.test_batches()]) for part in parts]
    assert torch.equal(torch.cat([images for images, _ in whole.test_batches()]), torch.cat(together))


@pytest.mark.parametrize("executor", ["device", "lightning"])
def test_a_batch_in_parts_is_the_protocols_batch(executor):
    """As many images at once as the batch has change no bit; fewer make batch norm run over fewer, and nothing else."""
    source = open_source(SMALL, torch.device("cpu"))
    ends = {at_once: train(executor, source, cell(SMALL), at_once=at_once) for at_once in (None, 4, 3)}
    weights = {at_once: model.state_dict() for at_once, (model, _) in ends.items()}

    assert_same_tensors(weights[None], weights[4])
    assert without_time(ends[None][1].curve) == without_time(ends[4][1].curve)
    assert not all(torch.equal(tensor, weights[3][name]) for name, tensor in weights[None].items())
    count = next(name for name in weights[3] if name.endswith("num_batches_tracked"))
    assert int(weights[3][count]) == 2 * int(weights[None][count]) > 0


@pytest.mark.parametrize(
    "environment",
    [{}, {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "here"}, {"SLURM_PROCID": "3", "SLURM_NTASKS": "8"}],
)
def test_alone_is_alone(environment):
    """Without torchrun's variables, with one process, and as one of several independent tasks of a cluster."""
    assert join(environment) is ALONE


def test_a_place_that_cannot_be_is_refused():
    """In one line."""
    with pytest.raises(StudyError, match="RANK=2 with WORLD_SIZE=2"):
        join({"RANK": "2", "WORLD_SIZE": "2", "MASTER_ADDR": "here"})
