"""A protocol so small that a run takes a third of a second."""

from dataclasses import replace

from ablations.protocols import DEMO
from senet_lab.study import Cell, Run, SESpec

TINY = replace(DEMO, name="tiny", train_images=24, test_images=8, batch_size=8, epochs=3)
AUGMENTED = replace(TINY, crop="pad-crop", crop_padding=4, flip=True)
BACKBONE = "cifar_resnet11_bottleneck"


def cell(protocol=AUGMENTED, backbone=BACKBONE, **fields) -> Cell:
    """An SE cell of the tiny protocol."""
    return Cell(backbone=backbone, se=SESpec(**fields), protocol=protocol)


def run(seed=0, protocol=AUGMENTED, backbone=BACKBONE, **fields) -> Run:
    """A run of such a cell."""
    return Run(cell=cell(protocol, backbone, **fields), seed=seed)
