"""Faster R-CNN on a trunk: torchvision's, as a protocol says, and the losses of a step.

B batch, C channels, H W space, N boxes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from senet_lab.models.detection import Stage4Trunk, Stage5Head, frozen, pyramid_on
from senet_lab.study.cell import derive_seed
from senet_lab.study.detection import Detection, Head
from senet_lab.study.protocol import Protocol

RATIOS = (0.5, 1.0, 2.0)  # height to width of an anchor
REGION = {Head.PYRAMID: 7, Head.STAGE5: 14}  # side of the map that is cut out for a region
# Candidates before and after overlapping ones are dropped; of a pyramid, before it for each level.
BEFORE = {Head.PYRAMID: (2000, 1000), Head.STAGE5: (12000, 6000)}  # in training, in evaluation
AFTER = 2000  # in training

Target = Mapping[str, Tensor]  # boxes: fp32 N 4 as left, top, right, bottom, pixels; labels: int64 N, 0 is background


def detector_on(network: nn.Module, name: str, protocol: Protocol, seed: int) -> FasterRCNN:
    """Faster R-CNN as a protocol says, on this network; what the network has not is drawn from the seed.

    Raises ValueError for a network that is no trunk.
    """
    detection = protocol.detection
    assert detection is not None
    trunk = frozen(network, name, detection.frozen_stages)
    options: dict[str, Any] = {
        "rpn_anchor_generator": _anchors(detection),
        "rpn_pre_nms_top_n_train": BEFORE[detection.head][0],
        "rpn_pre_nms_top_n_test": BEFORE[detection.head][1],
        "rpn_post_nms_top_n_train": AFTER,
        "rpn_post_nms_top_n_test": detection.proposals,
        "box_batch_size_per_image": detection.regions,
        "min_size": protocol.image_size,
        "max_size": detection.longest,
    }
    classes = protocol.num_classes + 1  # the background
    if detection.head is Head.PYRAMID:
        return build_detector(pyramid_on(trunk, seed), classes, seed, **options)
    options["box_roi_pool"] = MultiScaleRoIAlign(["0"], REGION[Head.STAGE5], sampling_ratio=2)
    options["box_head"] = Stage5Head(trunk)
    return build_detector(Stage4Trunk(trunk), classes, seed, width=trunk.layout.widths[-1], **options)


def _anchors(detection: Detection) -> AnchorGenerator:
    levels = tuple((side,) for side in detection.anchors)
    sizes = levels if detection.head is Head.PYRAMID else (detection.anchors,)
    return AnchorGenerator(sizes, (RATIOS,) * len(sizes))


def build_detector(
    trunk: nn.Module, num_classes: int, seed: int = 0, width: int | None = None, **faster_rcnn: Any
) -> FasterRCNN:
    """Faster R-CNN on this trunk. num_classes: with the background, so 91 for COCO's category numbers.

    width: channels that ``box_head`` gives for a region, where that is not torchvision's own. faster_rcnn: further
    arguments of torchvision's FasterRCNN, such as min_size and max_size, pixels.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "init", "detector"))
        if width is None:
            detector = FasterRCNN(trunk, num_classes, **faster_rcnn)
        else:
            detector = FasterRCNN(trunk, box_predictor=FastRCNNPredictor(width, num_classes), **faster_rcnn)
    for head in (detector.rpn.head, detector.roi_heads.box_predictor):
        head.register_forward_hook(_in_fp32)
    return detector


def _in_fp32(head: nn.Module, inputs: object, output: tuple[Any, ...]) -> tuple[Any, ...]:
    """Boxes are computed in the type of a head's output; in bfloat16 a place at 1,000 pixels is known to 8 alone."""
    return tuple([one.float() for one in part] if isinstance(part, list) else part.float() for part in output)


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


class DetectorWork(nn.Module):
    """What a detector computes for one photo of the protocol's size, with as many regions as the evaluation takes.

    A stand-in whose work can be counted without values: where overlapping regions are dropped, nothing is multiplied.
    forward: the argument is not read.
    """

    def __init__(self, detector: nn.Module, protocol: Protocol) -> None:
        super().__init__()
        assert protocol.detection is not None
        self.detector: Any = detector
        self.head, self.regions = protocol.detection.head, protocol.detection.proposals
        self.sides = [-(-side // 32) * 32 for side in (protocol.image_size, protocol.detection.longest)]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        detector, device = self.detector, x_BCHW.device
        batch = len(x_BCHW)
        maps = detector.backbone(torch.empty(batch, 3, *self.sides, device=device))
        scores, boxes = detector.rpn.head(list(maps.values()))
        side = REGION[self.head]
        regions = torch.empty(batch * self.regions, detector.backbone.out_channels, side, side, device=device)
        classes, shifts = detector.roi_heads.box_predictor(detector.roi_heads.box_head(regions))
        return torch.cat([one.reshape(-1) for one in (*scores, *boxes, classes, shifts)])
