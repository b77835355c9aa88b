"""A network for tests of training: three SE blocks, and a step in a third of the time of our smallest network.

``registered`` makes it known by its name within this process.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from torch import nn

from senet_lab.models.backbones.resnet import FAMILY
from senet_lab.models.units import Basic, conv_bn
from senet_lab.study import Cell, Run
from tests import tiny

SMALLEST = "smallest"


def stem():
    """A convolution of stride 4: B 3 32 32 -> B 16 8 8."""
    return nn.Sequential(conv_bn(3, 16, 3, 4), nn.ReLU(inplace=True))


LAYOUT = replace(FAMILY.layouts[tiny.BACKBONE], stem=stem, stem_channels=16, unit=Basic, widths=(16, 16, 16))


@contextmanager
def registered():
    """``build_model`` takes its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILY.layouts, SMALLEST, LAYOUT)
        yield


def cell(protocol=tiny.AUGMENTED, **fields) -> Cell:
    """An SE cell of the smallest network under the tiny protocol."""
    return tiny.cell(protocol, SMALLEST, **fields)


def run(seed=0, protocol=tiny.AUGMENTED, **fields) -> Run:
    """A run of such a cell."""
    return Run(cell=cell(protocol, **fields), seed=seed)
