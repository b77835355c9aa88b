"""A protocol so small that a run takes a second or two."""

from dataclasses import replace

import pytest
import torch

from ablations.protocols import DEMO
from senet_lab.data.source import open_source
from senet_lab.study import Cell, Run, SESpec

TINY = replace(DEMO, name="tiny", train_images=60, test_images=20, batch_size=20, epochs=3)
AUGMENTED = replace(TINY, crop="pad-crop", crop_padding=4, flip=True)
BACKBONE = "cifar_resnet11_bottleneck"


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def source():
    """The data of AUGMENTED."""
    return open_source(AUGMENTED, torch.device("cpu"))


def cell(protocol=AUGMENTED, **fields) -> Cell:
    """An SE cell of the tiny protocol."""
    return Cell(backbone=BACKBONE, se=SESpec(**fields), protocol=protocol)


def run(seed=0, protocol=AUGMENTED, **fields) -> Run:
    """A run of such a cell."""
    return Run(cell=cell(protocol, **fields), seed=seed)
