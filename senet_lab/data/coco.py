"""Detection data in COCO's format: one JSON file with images, annotations and categories, and a folder of images.

C channels, H W space, N boxes.
"""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


class CocoBoxes:
    """Images with their boxes, in the order of their numbers; images without a box are left out.

    item: image fp32 3 H W from 0 to 1, and {boxes: fp32 N 4 as left, top, right, bottom in pixels, labels: int64 N}.
    A label is the category's place in ``categories``, from 1; 0 is the background. Crowds and boxes without an area
    are left out, as is usual in training.
    """

    def __init__(self, annotations: Path, images: Path) -> None:
        content = json.loads(annotations.read_text())
        self.folder = images
        self.categories = tuple(
            category["name"] for category in sorted(content["categories"], key=lambda category: category["id"])
        )
        label = {number: i + 1 for i, number in enumerate(sorted(c["id"] for c in content["categories"]))}
        boxes = defaultdict(list)
        for annotation in content["annotations"]:
            left, top, width, height = annotation["bbox"]
            if not annotation.get("iscrowd") and width > 0 and height > 0:
                box = (left, top, left + width, top + height)
                boxes[annotation["image_id"]].append((box, label[annotation["category_id"]]))
        files = sorted((image["id"], image["file_name"]) for image in content["images"])
        self.items = [(file, boxes[number]) for number, file in files if number in boxes]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        file, boxes = self.items[index]
        with Image.open(self.folder / file) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB")))
        target = {
            "boxes": torch.tensor([box for box, _ in boxes], dtype=torch.float32),
            "labels": torch.tensor([label for _, label in boxes]),
        }
        return pixels.permute(2, 0, 1).to(torch.float32) / 255, target
