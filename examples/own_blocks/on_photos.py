"""An example: your own network and your own photos. SE has two forms of reduction, on photos in folders of classes.

    senet-lab reproduce examples/own_blocks/on_photos.py          # by the recipe of its rows, a minute

draw_shapes.py has drawn the photos. B batch, C channels, H W space.
"""

from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from ablations.protocols import IMAGENETTE_SHORT
from senet_lab.data.own_photos import own_photos
from senet_lab.extensions import OwnNetwork
from senet_lab.models.sites import AttentionFactory, Site
from senet_lab.study import Cell, Integration, Row, SESpec, Table
from senet_lab.study.protocol import Precision

SHAPES = Path(__file__).parent / "shapes"


class FourStages(nn.Module):
    """A small network for photos of 64 pixels: a convolution and three units, each with one place for a block."""

    def __init__(self, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__()
        stages = [nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        width = 16
        for stage, channels in enumerate((32, 64, 128), start=2):
            stages += [
                nn.Conv2d(width, channels, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                attend(Site(stage=stage, unit=1, point=Integration.STANDARD, channels=channels)),
                nn.ReLU(),
            ]
            width = channels
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self.classifier(self.stages(images_BCHW).mean(dim=(2, 3)))


# The folder's name, counts and digest become part of the recipe, so other photos give another result.
RECIPE = own_photos(
    replace(
        IMAGENETTE_SHORT,
        name="short",
        train_images_per_class=0,
        batch_size=8,
        precision=Precision.FP32,
        schedule=replace(IMAGENETTE_SHORT.schedule, warmup_steps=0, warmup_ramp=False),
        departures=("data: a stand-in", "3 epochs of 6 batches of 8, in fp32"),
    ),
    SHAPES,
)

NETWORKS = {"four_stages": OwnNetwork(FourStages, image_size=64)}
PROTOCOLS = (RECIPE,)
DATASETS = {"shapes": SHAPES}

PLAIN = Cell(backbone="four_stages", se=None, protocol=RECIPE)
TABLE = Table(
    edition="mine",
    number="2",
    topic="my-photos",
    caption="A network and photos of one's own",
    baseline="plain",
    rows=(
        Row("plain", PLAIN),
        Row("SE, r=4", replace(PLAIN, se=SESpec(reduction=4))),
        Row("SE, r=16, 8, 4", replace(PLAIN, se=SESpec(stage_reductions=(16, 8, 4)))),
    ),
    companions={},
)
