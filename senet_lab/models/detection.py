"""Trunks of Faster R-CNN from residual networks (CVPR 2018 table 6; TPAMI section 5.3, table 7).

The paper trains ResNet-50 and -101 trunks end to end, initialised with their ImageNet weights. Whether the journal's
detector has a feature pyramid is not stated; its baselines fit one, so that one has it. The 2018 edition follows the
ResNets' own paper, where the last stage looks at the regions. Batch norm is frozen: with its own weights a trunk
keeps the statistics of ImageNet, without them every batch norm is the identity.

B batch, C channels, H W space, N regions.
"""

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.misc import FrozenBatchNorm2d

from senet_lab.models.backbones.resnet import ResNet
from senet_lab.models.registry import build_model
from senet_lab.study.cell import derive_seed
from senet_lab.study.se import SESpec

TRUNKS = ("resnet50", "resnet101")
PYRAMID_CHANNELS = 256
STAGES = 4


class PyramidTrunk(nn.Module):
    """A residual network without its classifier, and a feature pyramid on its stages.

    forward: images B 3 H W -> maps of 256 channels at 1/4, 1/8, 1/16, 1/32 of the size, and one pooled from the last.
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
        for number, stage in enumerate(self.stages):  # torchvision pools boxes from maps of these names
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
    """The last stage of a residual network as what looks at regions. forward: N C 14 14 -> means over space, N 2C."""

    def __init__(self, network: ResNet) -> None:
        super().__init__()
        self.stage = network.stages[-1]

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return self.stage(x_NCHW).mean(dim=(2, 3))


def frozen(network: nn.Module, name: str, frozen_stages: int) -> ResNet:
    """A network as a trunk: its batch norms are fixed, and so are the weights of that many of stem, stage 2, ...

    Raises ValueError where it is no residual network of the ImageNet kind.
    """
    if not isinstance(network, ResNet) or len(network.stages) != STAGES or network.layout.pre_activation:
        raise ValueError(
            f"{name} is no trunk of a detector: that is a residual network of four stages, such as {', '.join(TRUNKS)}"
        )
    freeze_batch_norm(network)
    for part in (network.stem, *network.stages.children())[:frozen_stages]:
        part.requires_grad_(False)
    return network


def pyramid_on(network: ResNet, seed: int) -> PyramidTrunk:
    """A trunk with a pyramid whose weights are drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "init", "pyramid"))
        return PyramidTrunk(network)


def faster_rcnn_trunk(
    name: str,
    se: SESpec | None = None,
    *,
    weights: Mapping[str, Tensor] | None = None,
    frozen_stages: int = 0,
    seed: int = 0,
) -> PyramidTrunk:
    """ResNet-50 or -101, plain or with SE, under a feature pyramid, its batch norms frozen.

    weights: the network's state on ImageNet, classifier included; None: drawn from the seed.
    frozen_stages: how many of stem, stage 2, stage 3, ... are not trained (not stated in the paper).
    Raises ValueError for another network, and as ``build_model`` does.
    """
    if name not in TRUNKS:
        raise ValueError(f"no trunk is called {name!r}; there are {', '.join(TRUNKS)}")
    network = build_model(name, se, seed=seed)
    if weights is not None:
        network.load_state_dict(weights)
    return pyramid_on(frozen(network, name, frozen_stages), seed)


def freeze_batch_norm(model: nn.Module) -> None:
    """Turns every batch norm into a fixed scale and shift by its present statistics, in place."""
    for parent in list(model.modules()):
        for child, norm in list(parent.named_children()):
            if isinstance(norm, nn.BatchNorm2d):
                fixed = FrozenBatchNorm2d(norm.num_features, norm.eps).to(norm.weight.device)
                fixed.load_state_dict(norm.state_dict())
                setattr(parent, child, fixed)
