"""Trunks of Faster R-CNN from residual networks (CVPR 2018 table 6; TPAMI section 5.3, table 7).

The paper trains detectors on ResNet-50 and -101 end to end; the trunks start from ImageNet weights. The TPAMI edition
does not state whether its detector has a feature pyramid. Its baselines fit a detector with one, so that detector has
one here. The 2018 edition follows the ResNet paper, where the last stage classifies the regions. Batch norm is
frozen: a trunk with ImageNet weights keeps ImageNet's statistics; in a trunk without them every batch norm stays the
identity.

B batch, C channels, H W space, N regions.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.misc import FrozenBatchNorm2d

from senet_lab.models.backbones.resnet import ResNet
from senet_lab.study.cell import derive_seed

TRUNKS = ("resnet50", "resnet101")
PYRAMID_CHANNELS = 256
STAGES = 4


class PyramidTrunk(nn.Module):
    """A residual network without its classifier, and a feature pyramid on its stages.

    forward: images B 3 H W -> maps of 256 channels at 1/4, 1/8, 1/16 and 1/32 of the size, and a fifth at 1/64, which
    is pooled from the fourth.
    """

    def __init__(self, network: ResNet) -> None:
        super().__init__()
        self.stem, self.stages = network.stem, network.stages
        self.pyramid = FeaturePyramidNetwork(
            list(network.layout.widths), PYRAMID_CHANNELS, extra_blocks=LastLevelMaxPool()
        )
        self.out_channels = PYRAMID_CHANNELS

    def forward(self, x_BCHW: Tensor) -> dict[str, Tensor]:
        x = self.stem(x_BCHW)
        maps = OrderedDict()
        for number, stage in enumerate(self.stages):  # torchvision pools boxes from maps named "0", "1", ...
            x = stage(x)
            maps[str(number)] = x
        return self.pyramid(maps)


class Stage4Trunk(nn.Module):
    """A residual network up to stage 4. forward: images B 3 H W -> one map at 1/16 of the size, under the name "0"."""

    def __init__(self, network: ResNet) -> None:
        super().__init__()
        self.stem, self.stages = network.stem, network.stages[:-1]
        self.out_channels = network.layout.widths[-2]

    def forward(self, x_BCHW: Tensor) -> dict[str, Tensor]:
        return OrderedDict({"0": self.stages(self.stem(x_BCHW))})


class Stage5Head(nn.Module):
    """The last stage of a residual network, which reads the regions. forward: N C 14 14 -> means over space, N 2C."""

    def __init__(self, network: ResNet) -> None:
        super().__init__()
        self.stage = network.stages[-1]

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return self.stage(x_NCHW).mean(dim=(2, 3))


def frozen(network: nn.Module, name: str, frozen_stages: int) -> ResNet:
    """Prepares a network as a trunk, in place, and returns it. Every batch norm is frozen.

    frozen_stages: how many of stem, stage 2, stage 3, ... are not trained at all.
    name: the network's, for the message. Raises ValueError for anything but a post-activation residual network of four
    stages.
    """
    if not isinstance(network, ResNet) or len(network.stages) != STAGES or network.layout.pre_activation:
        raise ValueError(
            f"{name} is no trunk of a detector; a trunk is a residual network of four stages, "
            f"such as {' or '.join(TRUNKS)}"
        )
    freeze_batch_norm(network)
    for part in (network.stem, *network.stages.children())[:frozen_stages]:
        part.requires_grad_(False)
    return network


def pyramid_on(network: ResNet, seed: int) -> PyramidTrunk:
    """A trunk with a feature pyramid. The pyramid's weights are drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "init", "pyramid"))
        return PyramidTrunk(network)


def freeze_batch_norm(model: nn.Module) -> None:
    """Replaces every batch norm of maps, in place, by the fixed scale and shift that its present statistics give.

    Raises ValueError for another kind of batch norm, as a user's own block may have: it would go on learning from the
    few photos of a step.
    """
    for parent in list(model.modules()):
        for child, norm in list(parent.named_children()):
            if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm3d, nn.SyncBatchNorm)):
                raise ValueError(f"a detector's batch norms are fixed, and {type(norm).__name__} {child!r} cannot be")
            if isinstance(norm, nn.BatchNorm2d):
                fixed = FrozenBatchNorm2d(norm.num_features, norm.eps).to(norm.weight.device)
                fixed.load_state_dict(norm.state_dict())
                setattr(parent, child, fixed)
