"""Faster R-CNN with an SE-ResNet trunk: its maps, its frozen parts, and one step on a data set made here."""

import copy
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.ops.misc import FrozenBatchNorm2d

from senet_lab.data.coco import read_boxes
from senet_lab.models.detection import freeze_batch_norm, frozen, pyramid_on
from senet_lab.models.detector import build_detector, detection_losses
from senet_lab.models.registry import build_model, se_blocks
from senet_lab.study import SESpec

SE = SESpec()
LOSSES = {"loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg"}


@pytest.fixture
def coco(tmp_path):
    """Three images of 64 x 48 pixels: two with boxes, one with none; a crowd and a flat box besides."""
    rng = np.random.default_rng(0)
    for name in "abc":
        Image.fromarray(rng.integers(256, size=(48, 64, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    boxes = [
        {"image_id": 7, "category_id": 18, "bbox": [4, 8, 20, 30], "iscrowd": 0},
        {"image_id": 7, "category_id": 3, "bbox": [30.5, 10, 16, 16], "iscrowd": 0},
        {"image_id": 7, "category_id": 3, "bbox": [0, 0, 60, 40], "iscrowd": 1},
        {"image_id": 5, "category_id": 18, "bbox": [10, 10, 24, 24], "iscrowd": 0},
        {"image_id": 5, "category_id": 18, "bbox": [10, 10, 0, 24], "iscrowd": 0},
    ]
    content = {
        "images": [
            {"id": number, "file_name": f"{name}.png", "width": 64, "height": 48}
            for number, name in ((7, "a"), (5, "b"), (6, "c"))
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
        "annotations": [box | {"id": i} for i, box in enumerate(boxes)],
    }
    (tmp_path / "instances.json").write_text(json.dumps(content))
    return _Photos(read_boxes(tmp_path / "instances.json", tmp_path, empty_boxes=True))


class _Photos:
    """Images with the boxes that are trained on."""

    def __init__(self, boxed):
        self.boxed = boxed

    def __len__(self):
        return len(self.boxed)

    def __getitem__(self, index):
        if index == len(self):
            raise IndexError
        pixels = np.array(Image.open(self.boxed.path(index)))
        boxes, labels = self.boxed.corners(index)
        target = {"boxes": torch.from_numpy(boxes), "labels": torch.from_numpy(labels)}
        return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255, target


def trunk_of(network, frozen_stages=0):
    """A pyramid on a residual network, whose batch norms are frozen in place."""
    return pyramid_on(frozen(network, "a network", frozen_stages), 0)


@pytest.fixture(scope="module")
def trunk():
    """SE-ResNet-50 under a pyramid, of seed 0, to be read or copied."""
    return trunk_of(build_model("resnet50", SE))


@pytest.fixture(scope="module")
def weights():
    """Of SE-ResNet-50 itself, of the same seed."""
    return build_model("resnet50", SE).state_dict()


@pytest.fixture
def detector(trunk):
    """On a copy of the trunk, for images of 64 pixels and a few regions of each."""
    few = {"box_batch_size_per_image": 32, "rpn_post_nms_top_n_test": 32}
    return build_detector(copy.deepcopy(trunk), 3, min_size=64, max_size=64, **few)


def test_coco_boxes_are_corners_and_labels_count_from_one(coco):
    """Images in the order of their numbers, 5, 6, 7; car is 1, dog is 2; no crowd, no flat box; 6 is background."""
    assert coco.boxed.categories == ((3, "car"), (18, "dog"))
    assert coco.boxed.numbers.tolist() == [5, 6, 7]
    (image, first), (_, empty), (_, last) = coco

    assert tuple(image.shape) == (3, 48, 64)
    assert first["boxes"].tolist() == [[10, 10, 34, 34]]
    assert first["labels"].tolist() == [2]
    assert tuple(empty["boxes"].shape) == (0, 4)
    assert last["boxes"].tolist() == [[4, 8, 24, 38], [30.5, 10, 46.5, 26]]
    assert last["labels"].tolist() == [2, 1]


def test_one_training_step_lowers_the_loss_of_the_same_draw(coco, detector):
    """SE-ResNet-50 under a pyramid: four finite losses, gradients everywhere, and a step downhill."""
    images, targets = zip(*coco, strict=True)
    optimizer = torch.optim.SGD([p for p in detector.parameters() if p.requires_grad], lr=1e-6)
    before = detection_losses(detector, images, targets, seed=1)
    sum(before.values()).backward()
    optimizer.step()
    after = detection_losses(detector, images, targets, seed=1)

    assert set(before) == LOSSES
    assert all(loss.isfinite() for loss in before.values())
    assert all(p.grad is not None for p in detector.parameters() if p.requires_grad)
    assert all(block.excitation.expand.weight.grad.any() for block in se_blocks(detector).values())
    assert sum(after.values()) < sum(before.values())


def test_detector_in_evaluation_returns_boxes(coco, detector):
    """Boxes, labels and scores for each image."""
    with torch.no_grad():
        (found,) = detector.eval()([coco[0][0]])

    assert {"boxes", "labels", "scores"} == set(found)
    assert len(found["boxes"]) == len(found["labels"]) == len(found["scores"])


def test_losses_come_from_the_seed_alone(coco, detector):
    """Equal seeds give equal losses; the global stream is neither read nor moved."""
    images, targets = zip(*coco, strict=True)
    before = torch.get_rng_state()
    with torch.no_grad():
        first, second = (detection_losses(detector, images, targets, seed=3) for _ in range(2))

    assert first == second
    assert torch.equal(before, torch.get_rng_state())


def assert_trunk_of(network, units, trunk):
    """Five maps of 256 channels at strides 4 to 64; SE in each unit; weights of the classification network."""
    with torch.no_grad():
        maps = trunk(torch.zeros(1, 3, 64, 64))

    assert [tuple(m.shape[1:3]) for m in maps.values()] == [(256, 16), (256, 8), (256, 4), (256, 2), (256, 1)]
    assert units == len(se_blocks(trunk))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in trunk.modules())
    shared = {key: value for key, value in trunk.state_dict().items() if not key.startswith("pyramid.")}
    assert set(shared) == {
        key for key in network if not key.startswith("classifier.") and not key.endswith("num_batches_tracked")
    }
    assert all(torch.equal(value, network[key]) for key, value in shared.items())


def test_trunk_has_the_networks_weights_and_no_moving_batch_norm(trunk, weights):
    """SE-ResNet-50's: equal seeds, equal weights."""
    assert_trunk_of(weights, 16, trunk)


@pytest.mark.slow
def test_the_deeper_trunk_has_the_networks_weights():
    """SE-ResNet-101's."""
    assert_trunk_of(build_model("resnet101", SE).state_dict(), 33, trunk_of(build_model("resnet101", SE)))


def test_a_frozen_trunk_computes_what_the_network_does(weights):
    """With given weights and statistics, the maps before the pyramid are those of the network in evaluation."""
    network = build_model("resnet50", SE, device="meta")
    network.load_state_dict(copy.deepcopy(weights), assign=True)
    generator = torch.Generator().manual_seed(0)
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.1, generator=generator)
        norm.running_var.uniform_(0.5, 1.5, generator=generator)
    trunk = trunk_of(copy.deepcopy(network)).double().train()
    network, x = network.double().eval(), torch.randn(1, 3, 64, 64, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(trunk.stages(trunk.stem(x)), network.stages(network.stem(x)))


def test_frozen_stages_are_not_trained():
    """frozen_stages=2: stem and stage 2 stay; stages 3 to 5 and the pyramid learn. Frozen norms have no weights."""
    trunk = trunk_of(build_model("resnet50", SE), frozen_stages=2)
    learned = {name.split(".")[0] + "." + name.split(".")[1] for name, p in trunk.named_parameters() if p.requires_grad}

    assert {"stages.1", "stages.2", "stages.3", "pyramid.inner_blocks", "pyramid.layer_blocks"} == learned
    assert not any(p.requires_grad for p in trunk.stem.parameters())
    assert all(not list(m.parameters()) for m in trunk.modules() if isinstance(m, FrozenBatchNorm2d))


@pytest.mark.parametrize("name", ["cifar_resnet20", "cifar_preresnet110", "vgg16"])
def test_a_network_of_other_stages_is_no_trunk(name):
    """The message names networks that are."""
    with pytest.raises(ValueError, match=f"{name} is no trunk of a detector; .* such as resnet50 or resnet101"):
        frozen(build_model(name, device="meta"), name, 0)


def test_a_batch_norm_that_cannot_be_fixed_is_refused():
    """One over B C, as a user's own block may have it, would learn from the two photos of a step."""
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3)))
    with pytest.raises(ValueError, match="batch norms are fixed, and BatchNorm1d '1' cannot be"):
        freeze_batch_norm(model)
