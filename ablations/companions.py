"""The companions of ResNet-50: smaller networks that replace it for images of 32 x 32 pixels.

Both have bottleneck units and the widths 64, 128, 256. So they have every integration point, every reduction ratio up
to 32, SE_3x3, and stages 2 to 4.
"""

from senet_lab.study.protocol import Dataset

RESNET50_COMPANIONS = {
    Dataset.CIFAR10: {"resnet50": "cifar_resnet29_bottleneck"},
    Dataset.CIFAR100: {"resnet50": "cifar_resnet29_bottleneck"},
    Dataset.SYNTHETIC: {"resnet50": "cifar_resnet11_bottleneck"},
}
