"""The networks that stand for ResNet-50 where the images are 32 x 32.

Both have bottleneck units and the widths 64, 128, 256, so that every reduction ratio up to 32, every
integration point, SE_3x3 and stages 2 to 4 exist in them.
"""

from senet_lab.study.protocol import Dataset

RESNET50_COMPANIONS = {
    Dataset.CIFAR10: {"resnet50": "cifar_resnet29_bottleneck"},
    Dataset.CIFAR100: {"resnet50": "cifar_resnet29_bottleneck"},
    Dataset.SYNTHETIC: {"resnet50": "cifar_resnet11_bottleneck"},
}
