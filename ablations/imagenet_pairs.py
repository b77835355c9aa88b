"""The networks of tables 2 and 3, which have the same rows in both editions.

Each stands without and with SE (r=16). The SE blocks have biases, as the authors' released networks do; the journal
drops them only for its ablations (section 6).
"""

from ablations.protocols import IMAGENET_100EP, IMAGENET_100EP_299, MOBILE
from senet_lab.study import Cell, Row, SESpec
from senet_lab.study.protocol import Protocol


def _pair(label: str, backbone: str, protocol: Protocol) -> tuple[Row, Row]:
    """The plain row, a baseline, and the SE row that is compared with it, by their published names."""
    plain = Cell(backbone=backbone, se=None, protocol=protocol)
    se = Cell(backbone=backbone, se=SESpec(bias=True), protocol=protocol)
    return Row(label, plain, label, baseline=label), Row(f"SE-{label}", se, f"SE-{label}", baseline=label)


IMAGENET_ROWS = (
    *_pair("ResNet-50", "resnet50", IMAGENET_100EP),
    *_pair("ResNet-101", "resnet101", IMAGENET_100EP),
    *_pair("ResNet-152", "resnet152", IMAGENET_100EP),
    *_pair("ResNeXt-50", "resnext50", IMAGENET_100EP),
    *_pair("ResNeXt-101", "resnext101", IMAGENET_100EP),
    *_pair("VGG-16", "vgg16", IMAGENET_100EP),
    *_pair("BN-Inception", "bn_inception", IMAGENET_100EP),
    *_pair("Inception-ResNet-v2", "inception_resnet_v2", IMAGENET_100EP_299),
)

MOBILE_ROWS = (*_pair("MobileNet", "mobilenet", MOBILE), *_pair("ShuffleNet", "shufflenet", MOBILE))
