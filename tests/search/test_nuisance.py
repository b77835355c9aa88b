"""The search: what it trains on, what it keeps, what it refuses."""

import numpy as np
import pytest
import torch

from ablations.protocols import IMAGENET_100EP
from senet_lab.data.arrays import held_out
from senet_lab.data.open import open_arrays
from senet_lab.errors import StudyError
from senet_lab.search.nuisance import PEAK_LR, WEIGHT_DECAY, search, search_protocol
from tests.tiny import TINY, cell


def test_held_out_images_are_training_images_that_are_not_trained_on():
    """A tenth of the training images, of every class; no test image is there."""
    arrays = open_arrays(TINY)
    split = held_out(arrays)
    images = [{image.tobytes() for image in part.images} for part in (split.train, split.test, arrays.test)]

    assert (len(split.train.labels), len(split.test.labels)) == (54, 6)
    assert set() == images[0] & images[1]
    assert set() == (images[0] | images[1]) & images[2]
    assert {image.tobytes() for image in arrays.train.images} == images[0] | images[1]


def test_a_search_protocol_says_what_it_evaluates_on():
    """Its numbers cannot be read as those of the protocol it searches for."""
    protocol = search_protocol(TINY, 6)

    assert (
        protocol.name,
        protocol.train_images,
        protocol.test_images,
        protocol.evaluation_split,
    ) == ("tiny-search", 54, 6, "held-out training")


def test_a_second_call_goes_on_with_the_trials_of_the_first(tmp_path):
    """Trials are kept in the journal; the winner lies in the ranges and is the lowest error told."""
    told: list[str] = []
    of = cell(TINY)
    arrays = open_arrays(TINY)
    journal = tmp_path / "search.journal"
    first = search(of, arrays, 1, journal, torch.device("cpu"), told.append)
    second = search(of, arrays, 1, journal, torch.device("cpu"), told.append)
    errors = [float(text.split("error ")[1].split()[0]) for text in told]

    assert (first.trials, second.trials) == (1, 2)
    assert np.round(second.top1_error_pct, 2) == min(errors)
    assert PEAK_LR[0] <= second.peak_lr <= PEAK_LR[1]
    assert WEIGHT_DECAY[0] <= second.weight_decay <= WEIGHT_DECAY[1]


def test_imagenet_is_refused(tmp_path):
    """No study of ImageNet trainings is begun."""
    with pytest.raises(StudyError, match="32 x 32"):
        search(cell(IMAGENET_100EP), open_arrays(TINY), 1, tmp_path / "j", torch.device("cpu"), print)
