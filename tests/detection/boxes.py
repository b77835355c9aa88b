"""Small photos with boxes in COCO's form, and a table of detectors on them that a run of seconds trains."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

CATEGORIES = ({"id": 3, "name": "car"}, {"id": 18, "name": "dog"})
COLOURS = {3: (200, 40, 40), 18: (40, 40, 200)}


def coco_folder(root: Path, train: int = 6, test: int = 4) -> Path:
    """Photos of 64 x 48 pixels: of each split the last is background alone, the first has a crowd besides its boxes."""
    for place, (split, count) in enumerate((("train", train), ("val", test))):
        rng = np.random.default_rng(place)
        (root / split).mkdir(parents=True)
        images, boxes = [], []
        for number in range(count):
            pixels = rng.integers(90, 130, size=(48, 64, 3), dtype=np.uint8)
            for category in (3, 18) if number < count - 1 else ():
                left, top = int(rng.integers(0, 36)), int(rng.integers(0, 24))
                pixels[top : top + 20, left : left + 24] = COLOURS[category]
                boxes.append(_box(number, category, [left, top, 24, 20]))
            Image.fromarray(pixels).save(root / split / f"{number}.png")
            images.append({"id": 10 + number, "file_name": f"{number}.png", "width": 64, "height": 48})
        boxes.append(_box(0, 3, [0, 0, 60, 40]) | {"iscrowd": 1})
        content = {
            "images": images[::-1],
            "categories": list(CATEGORIES[::-1]),
            "annotations": [box | {"id": place} for place, box in enumerate(boxes, start=1)],
        }
        write_annotations(root, split, content)
    return root


def _box(number: int, category: int, bbox: list[int]) -> dict[str, object]:
    area = bbox[2] * bbox[3]
    return {"image_id": 10 + number, "category_id": category, "bbox": bbox, "iscrowd": 0, "area": area}


def annotations_file(root: Path, split: str) -> Path:
    """Of a split."""
    return root / "annotations" / f"instances_{split}.json"


def read_annotations(root: Path, split: str) -> dict[str, list[dict[str, object]]]:
    """Of a split, to be changed and written again."""
    return json.loads(annotations_file(root, split).read_text())


def write_annotations(root: Path, split: str, content: object) -> None:
    """Of a split."""
    annotations_file(root, split).parent.mkdir(exist_ok=True)
    annotations_file(root, split).write_text(json.dumps(content))


# A network of four stages of one unit each, in place of the paper's: its detector trains a step in a moment.
TABLE = """
from dataclasses import replace

from ablations.protocols import COCO_SHORT
from senet_lab.extensions import OwnNetwork
from senet_lab.models.backbones.resnet import Layout, ResNet
from senet_lab.models.stems import imagenet_stem
from senet_lab.models.units import Bottleneck
from senet_lab.study import Cell, Row, SESpec, Table
from senet_lab.study.claim import Claim, Higher
from senet_lab.study.detection import Head

LAYOUT = Layout(stem=imagenet_stem, stem_channels=64, unit=Bottleneck, depths=(1, 1, 1, 1), widths=(16, 32, 64, 128),
                image_size=224)
NETWORKS = {"small": OwnNetwork(lambda attend, classes: ResNet(LAYOUT, attend, classes), 224)}
SHORT = replace(
    COCO_SHORT, name="tiny-boxes", image_size=48, batch_size=2, epochs=2,
    schedule=replace(COCO_SHORT.schedule, milestones=(1.0,)),
    detection=replace(COCO_SHORT.detection, longest=64, images_together=1, anchors=(4, 8, 16, 24, 32), proposals=20,
                      regions=16),
)
STAGE5 = replace(SHORT, name="tiny-boxes-stage5", detection=replace(SHORT.detection, head=Head.STAGE5))
PROTOCOLS = (SHORT, STAGE5)
TABLE = Table(
    edition="mine", number="1", topic="boxes", caption="Boxes of my own", baseline="small", companions={},
    rows=(Row("small", Cell(backbone="small", se=None, protocol=SHORT)),
          Row("SE-small", Cell(backbone="small", se=SESpec(bias=True), protocol=SHORT))),
)
CLAIMS = (Claim(name="boxes", table=TABLE, statement="SE raises AP", source="here",
                parts=(Higher("SE-small", "small"),)),)
"""
