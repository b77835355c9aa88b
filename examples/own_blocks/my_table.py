"""An example: your own blocks and your own network, in a table beside the paper's SE block.

    senet-lab reproduce examples/own_blocks/my_table.py --protocol demo           # synthetic images, minutes
    senet-lab reproduce examples/own_blocks/my_table.py                           # by the recipe of its rows
    senet-lab reproduce examples/own_blocks/my_table.py --protocol cifar10-quick --seeds 3

B batch, C channels, H W space.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablations.protocols import CIFAR10
from senet_lab.extensions import OwnNetwork
from senet_lab.models.se_block import SEBlock
from senet_lab.models.sites import AttentionFactory, Site
from senet_lab.study import Cell, Integration, Row, SESpec, Table, own_block
from senet_lab.study.protocol import Dataset


class ECA(nn.Module):
    """Efficient channel attention (Wang et al., CVPR 2020): a 1-D convolution over the channel means."""

    absorbable = True  # the gate depends on the channel means alone, so compiled training may reuse batch norm's means

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def excite(self, z_BC: Tensor) -> Tensor:
        """B C -> B C 1 1."""
        return torch.sigmoid(self.conv(z_BC.unsqueeze(1)).squeeze(1))[:, :, None, None]

    def gate(self, u_BCHW: Tensor) -> Tensor:
        """The factor of each channel."""
        return self.excite(u_BCHW.mean(dim=(2, 3)))

    def forward(self, u_BCHW: Tensor) -> Tensor:
        return u_BCHW * self.gate(u_BCHW)


class SpatialGate(nn.Module):
    """The spatial half of CBAM (Woo et al., ECCV 2018): one factor for each place, the same for all channels."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def gate(self, u_BCHW: Tensor) -> Tensor:
        """B C H W: the factor of each place."""
        seen = torch.stack([u_BCHW.mean(dim=1), u_BCHW.amax(dim=1)], dim=1)
        return torch.sigmoid(self.conv(seen)).expand_as(u_BCHW)

    @torch.compiler.disable  # compiled for a CPU in bf16, the gradient of the largest channel may be no number
    def forward(self, u_BCHW: Tensor) -> Tensor:
        return u_BCHW * self.gate(u_BCHW)


class HardSigmoidSE(SEBlock):
    """The SE block with the piecewise linear gate of MobileNetV3."""

    absorbable = True  # must be set again, since this class changes gate and forward

    def excite(self, z_BC: Tensor) -> Tensor:
        """B C -> B C 1 1."""
        return F.hardsigmoid(self.excitation(z_BC))[:, :, None, None]

    def gate(self, u_BCHW: Tensor) -> Tensor:
        """The factor of each channel."""
        return self.excite(u_BCHW.mean(dim=(2, 3)))

    def forward(self, u_BCHW: Tensor) -> Tensor:
        return u_BCHW * self.gate(u_BCHW)


def eca(site: Site, kernel: int = 3) -> nn.Module:
    """ECA at a site."""
    return ECA(kernel)


def spatial(site: Site, kernel: int = 7) -> nn.Module:
    """CBAM's spatial gate at a site."""
    return SpatialGate(kernel)


def hard_sigmoid(site: Site, reduction: int = 16) -> nn.Module:
    """SE with a hard sigmoid at a site."""
    return HardSigmoidSE(site.channels, SESpec(reduction=reduction), name=site.name)


class ThreeStages(nn.Module):
    """A small network for 32 x 32 images: three convolutions, each with one place for a block."""

    def __init__(self, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__()
        stages, width = [], 3
        for stage, channels in enumerate((32, 64, 128), start=2):
            stages += [
                nn.Conv2d(width, channels, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                attend(Site(stage=stage, unit=1, point=Integration.STANDARD, channels=channels)),
                nn.ReLU(),
            ]
            width = channels
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self.classifier(self.stages(images_BCHW).mean(dim=(2, 3)))


MY_CIFAR10 = replace(
    CIFAR10,
    name="my-cifar10",
    title="CIFAR-10, 30 epochs",
    epochs=30,
    schedule=replace(CIFAR10.schedule, milestones=(15.0, 25.0)),
)

BLOCKS = {"eca": eca, "cbam_spatial": spatial, "se_hard_sigmoid": hard_sigmoid}
NETWORKS = {"three_stages": OwnNetwork(ThreeStages, image_size=32)}
PROTOCOLS = (MY_CIFAR10,)

SE = Cell(backbone="cifar_resnet29_bottleneck", se=SESpec(), protocol=MY_CIFAR10)
SMALL = replace(SE, backbone="three_stages")

TABLE = Table(
    edition="mine",
    number="1",
    topic="my-blocks",
    caption="Blocks of one's own beside SE",
    baseline="SE",
    rows=(
        Row("plain", replace(SE, se=None)),
        Row("SE", SE),
        Row("ECA, kernel 3", replace(SE, se=own_block("eca", kernel=3))),
        Row("CBAM, spatial", replace(SE, se=own_block("cbam_spatial"))),
        Row("SE, hard sigmoid", replace(SE, se=own_block("se_hard_sigmoid", reduction=16))),
        Row("three stages", replace(SMALL, se=None), baseline="three stages"),
        Row("three stages, SE", SMALL, baseline="three stages"),
        Row("three stages, ECA", replace(SMALL, se=own_block("eca")), baseline="three stages"),
    ),
    companions={Dataset.SYNTHETIC: {"cifar_resnet29_bottleneck": "cifar_resnet11_bottleneck"}},
)
