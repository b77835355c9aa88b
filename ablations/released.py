"""The released weights that stand for rows of the ImageNet tables. They can be evaluated, but are not the paper's runs.

The authors retrained their networks for the release (batch 256, more epochs), so these weights have published numbers
of their own (published/release.csv). Views are those of the paper (sections 5 and 6): the central 224 pixels of a
shorter side of 256; for Inception-ResNet-v2 299 of 352; for SENet-154 also 320 pixels, where the paper states no
shorter side and 366 is assumed.
"""

from senet_lab.study.released import Released, View

PAPER, PAPER_299, LARGE = View(), View(size=299, resize=352), View(size=320, resize=366)
AUTHORS = "the authors' release, converted from Caffe: batch 256, learning rate 0.1, more epochs than the paper"
TORCHVISION = "torchvision's: {} epochs, batch 256, learning rate {} divided by 10 every 30, no label smoothing"
GLUON = "GluonCV's: 120 epochs, cosine, label smoothing, converted"


def _authors(name: str, row: str | None, view: View = PAPER) -> Released:
    return Released(source=f"timm:{name}", recipe=AUTHORS, view=view, published=row)


def _torchvision(name: str, epochs: int = 90, rate: float = 0.1) -> Released:
    recipe = TORCHVISION.format(epochs, rate)
    return Released(source=f"torchvision:{name}.IMAGENET1K_V1", recipe=recipe, view=PAPER)


# By the rows' labels. A label means the same network in every ImageNet table.
RELEASED: dict[str, tuple[Released, ...]] = {
    "ResNet-50": (_torchvision("resnet50"),),
    "SE-ResNet-50": (_authors("legacy_seresnet50.in1k", "SE-ResNet-50"),),
    "ResNet-101": (_torchvision("resnet101"),),
    "SE-ResNet-101": (_authors("legacy_seresnet101.in1k", "SE-ResNet-101"),),
    "ResNet-152": (_torchvision("resnet152"),),
    "SE-ResNet-152": (_authors("legacy_seresnet152.in1k", "SE-ResNet-152"),),
    "ResNeXt-50": (_torchvision("resnext50_32x4d", epochs=100),),
    "SE-ResNeXt-50": (_authors("legacy_seresnext50_32x4d.in1k", "SE-ResNeXt-50"),),
    "ResNeXt-101": (Released(source="timm:resnext101_32x4d.gluon_in1k", recipe=GLUON, view=PAPER),),
    "SE-ResNeXt-101": (_authors("legacy_seresnext101_32x4d.in1k", "SE-ResNeXt-101"),),
    "VGG-16": (_torchvision("vgg16_bn", rate=0.01),),
    "Inception-ResNet-v2": (
        Released(
            source="timm:inception_resnet_v2.tf_in1k",
            recipe="TensorFlow's: its authors' own recipe, converted",
            view=PAPER_299,
        ),
    ),
    "MobileNet": (
        Released(
            source="timm:mobilenetv1_100.ra4_e3600_r224_in1k",
            recipe="timm's: 3,600 epochs with strong augmentation, nothing like the paper's",
            view=PAPER,
        ),
    ),
    "SENet-154": (
        _authors("legacy_senet154.in1k", "SENet-154"),
        _authors("legacy_senet154.in1k", None, LARGE),  # the release states errors of the smaller view alone
    ),
}
