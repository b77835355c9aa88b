"""CVPR 2018, table 2: networks with and without SE on ImageNet."""

from ablations.pairs import with_and_without_se
from ablations.protocols import IMAGENET_100EP, IMAGENET_100EP_299
from senet_lab.study import Table

TABLE = Table(
    edition="cvpr2018",
    number="2",
    topic="imagenet",
    caption="Single-crop error on the ImageNet validation set, with and without SE",
    baseline="ResNet-50",
    rows=(
        *with_and_without_se("ResNet-50", "resnet50", IMAGENET_100EP),
        *with_and_without_se("ResNet-101", "resnet101", IMAGENET_100EP),
        *with_and_without_se("ResNet-152", "resnet152", IMAGENET_100EP),
        *with_and_without_se("ResNeXt-50", "resnext50", IMAGENET_100EP),
        *with_and_without_se("ResNeXt-101", "resnext101", IMAGENET_100EP),
        *with_and_without_se("VGG-16", "vgg16", IMAGENET_100EP),
        *with_and_without_se("BN-Inception", "bn_inception", IMAGENET_100EP),
        *with_and_without_se("Inception-ResNet-v2", "inception_resnet_v2", IMAGENET_100EP_299),
    ),
    companions={},
)
