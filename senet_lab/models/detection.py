"""Faster R-CNN with SE-ResNet trunks (CVPR 2018 table 6; TPAMI section 5.3, table 7).

The paper trains ResNet-50 and -101 trunks end to end, initialised with their ImageNet weights. Whether the journal's
detector has a feature pyramid is not stated; its baselines fit one, so this one has it. The 2018 edition uses a
basic Faster R-CNN without a pyramid, which is not built here. Batch norm is frozen: with its own weights a trunk
keeps the statistics of ImageNet, without them every batch norm is the identity.

B batch, C channels, H W space.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.misc import FrozenBatchNorm2d

from senet_lab.models.backbones.resnet import ResNet
from senet_lab.models.registry import build_model
from senet_lab.study.cell import derive_seed
from senet_lab.study.se import SESpec

TRUNKS = ("resnet50", "resnet101")
PYRAMID_CHANNELS = 256

Target = Mapping[str, Tensor]  # boxes: fp32 N 4 as left, top, right, bottom, pixels; labels: int64 N, 0 is background


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
    assert isinstance(network, ResNet)
    if weights is not None:
        network.load_state_dict(weights)
    freeze_batch_norm(network)
    for part in (network.stem, *network.stages.children())[:frozen_stages]:
        part.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "init", "pyramid"))
        return PyramidTrunk(network)


def freeze_batch_norm(model: nn.Module) -> None:
    """Turns every batch norm into a fixed scale and shift by its present statistics, in place."""
    for parent in list(model.modules()):
        for child, norm in list(parent.named_children()):
            if isinstance(norm, nn.BatchNorm2d):
                frozen = FrozenBatchNorm2d(norm.num_features, norm.eps)
                frozen.load_state_dict(norm.state_dict())
                setattr(parent, child, frozen)


def build_detector(trunk: PyramidTrunk, num_classes: int, seed: int = 0, **faster_rcnn: object) -> FasterRCNN:
    """Faster R-CNN on this trunk. num_classes: with the background, so 91 for COCO's category numbers.

    faster_rcnn: further arguments of torchvision's FasterRCNN, such as min_size and max_size, pixels.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "init", "detector"))
        return FasterRCNN(trunk, num_classes, **faster_rcnn)


def detection_losses(
    detector: FasterRCNN, images_CHW: Sequence[Tensor], targets: Sequence[Target], seed: int
) -> dict[str, Tensor]:
    """The four losses of one training step, scalars: objectness and box of the proposals, class and box of the heads.

    torchvision samples anchors and boxes from the global stream; ``seed`` stands in for it, and it is put back.
    """
    devices = [image.device.index or 0 for image in images_CHW[:1] if image.device.type == "cuda"]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        return detector.train()(list(images_CHW), [dict(target) for target in targets])
