"""torchvision's Faster R-CNN on a trunk, built as a protocol says, and the losses of one training step.

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
REGION = {Head.PYRAMID: 7, Head.STAGE5: 14}  # height and width of the map that is pooled for one region
# Proposals kept before and after non-maximum suppression. With a pyramid the number before it is for each level.
BEFORE = {Head.PYRAMID: (2000, 1000), Head.STAGE5: (12000, 6000)}  # in training, in evaluation
AFTER = 2000  # in training

Target = Mapping[str, Tensor]  # boxes: fp32 N 4 as left, top, right, bottom, pixels; labels: int64 N, 0 is background


def detector_on(network: nn.Module, name: str, protocol: Protocol, seed: int) -> FasterRCNN:
    """Faster R-CNN on this network, as the protocol's ``detection`` says. ``name``: the network's, for errors.

    The network keeps its weights; those of the detector's other parts are drawn from the seed. Raises ValueError for
    a network that cannot be a trunk (``detection.frozen``).
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
    classes = protocol.num_classes + 1  # and the background
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
    """Faster R-CNN on this trunk. num_classes counts the background, so it is 91 for COCO's category numbers.

    width: output channels of the ``box_head`` in ``faster_rcnn``; None with torchvision's own head. faster_rcnn:
    further arguments of torchvision's FasterRCNN, such as min_size and max_size in pixels.
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
    """A forward hook that converts a head's outputs to fp32.

    torchvision computes boxes in the type of these outputs, and bfloat16 rounds a coordinate above 1,024 pixels to a
    multiple of 8.
    """
    return tuple([one.float() for one in part] if isinstance(part, list) else part.float() for part in output)


def detection_losses(
    detector: FasterRCNN, images_CHW: Sequence[Tensor], targets: Sequence[Target], seed: int
) -> dict[str, Tensor]:
    """The four losses of one training step, scalars: the proposals' objectness and box, the regions' class and box.

    images_CHW: fp32 3 H W each. torchvision samples anchors and boxes from the global random stream. That stream is
    seeded with ``seed`` here and restored afterwards.
    """
    devices = [image.device.index or 0 for image in images_CHW[:1] if image.device.type == "cuda"]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        return detector.train()(list(images_CHW), [dict(target) for target in targets])


class DetectorWork(nn.Module):
    """A stand-in for a detector, whose operations can be counted on the meta device, where tensors have no values.

    It computes what the detector computes for photos of the protocol's size and the number of regions that evaluation
    keeps. It leaves out non-maximum suppression, which needs values and multiplies by no weights.
    forward: uses the batch size and the device of its argument, nothing else.
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
