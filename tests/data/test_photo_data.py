"""Batches of photos: equal to torchvision's transforms, the same however they are made, damaged ones named."""

import errno
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from ablations.protocols import IMAGENET_100EP
from senet_lab.data.batches import Share
from senet_lab.data.central_crop import central_crop
from senet_lab.data.damaged import DamagedPhoto
from senet_lab.data.photo_data import MEAN, STD, PhotoData
from senet_lab.data.photo_folders import photos_of
from senet_lab.data.photos import (
    ASPECT,
    CROP_AREA,
    draw_crop,
    read_photo,
    stream_of,
    training_pixels,
)
from senet_lab.errors import NoData, StudyError
from senet_lab.evaluation.decode import load
from tests.data.pictures import class_folders, photo

CPU = torch.device("cpu")
SMALL = replace(
    IMAGENET_100EP, name="small", num_classes=3, train_images=18, test_images=6, image_size=16, resize=20, batch_size=7
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("photos"))


def source(folder, protocol=SMALL, processes=0, **options):
    photos = {"train": photos_of(folder / "train"), "test": photos_of(folder / "val")}
    return PhotoData(photos, protocol, CPU, processes=processes, **options)


def training(data, seed=0, epoch=0, first=0):
    batches = list(data.training_batches(seed, epoch, first))
    return torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches])


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (31, 31), (400, 20), (9, 12)])
@pytest.mark.parametrize(("resize", "crop"), [(20, 16), (23, 16), (16, 16)])
def test_the_central_crop_is_torchvisions(tmp_path, size, resize, crop):
    """Shorter edge, then central crop: bit for bit, for any shape of photo."""
    image = read_photo(str(photo(tmp_path / "1.png", 3, size)))
    expected = v2.Compose([v2.Resize(resize, antialias=True), v2.CenterCrop(crop)])(image)

    assert np.array_equal(np.asarray(expected), central_crop(image, resize, crop))


def test_training_pixels_are_torchvisions(tmp_path):
    """The crop that was drawn, resized and mirrored: bit for bit."""
    image = read_photo(str(photo(tmp_path / "1.png", 3, (60, 45))))
    for index in range(20):
        draw = draw_crop(stream_of(1, index), 60, 45, True)
        expected = F.resized_crop(image, draw.top, draw.left, draw.height, draw.width, [16, 16], antialias=True)
        expected = F.horizontal_flip(expected) if draw.flip else expected
        assert np.array_equal(np.asarray(expected), training_pixels(image, draw, 16))


def test_crops_have_the_declared_area_and_aspect():
    """Area 8 to 100 %, aspect 3/4 to 4/3 up to rounding, inside the photo, half of them mirrored."""
    width, height = 500, 375
    draws = [draw_crop(stream_of(5, index), width, height, True) for index in range(2000)]
    areas = np.array([d.width * d.height / (width * height) for d in draws])
    aspects = np.array([d.width / d.height for d in draws])

    assert all(0 <= d.left <= width - d.width and 0 <= d.top <= height - d.height for d in draws)
    assert CROP_AREA[0] - 0.001 < areas.min() < 0.1
    assert 0.9 < areas.max() <= CROP_AREA[1]
    assert ASPECT[0] - 0.01 < aspects.min() < aspects.max() < ASPECT[1] + 0.01
    assert 900 < sum(d.flip for d in draws) < 1100
    assert abs(np.log(aspects).mean()) < 0.05  # a little wider than high, as the photo is
    assert draw_crop(stream_of(5, 1), 4, 400, False).height == round(4 / ASPECT[0])  # the middle of a sliver


def test_a_batch_is_the_normalised_pixels(folder):
    """Each image of a batch is its photo's crop, minus the mean, by the deviation; the label is its class."""
    data = source(folder)
    images, labels = training(data, seed=3, epoch=2)
    order = torch.randperm(18, generator=torch.Generator().manual_seed(_seed(3, "batches", 2)))[:14]
    for place, index in enumerate(order.tolist()):
        pixels = read_photo(data.photos["train"].path(index))
        draw = draw_crop(stream_of(_seed(3, "augment", 2), index), *pixels.size, True)
        crop = torch.from_numpy(training_pixels(pixels, draw, 16).copy()).permute(2, 0, 1)
        expected = F.normalize(crop / 255, list(MEAN), list(STD))
        assert torch.allclose(expected, images[place], atol=1e-5)
        assert index // 6 == labels[place]
    assert images.is_contiguous(memory_format=torch.channels_last)


def _seed(*purpose):
    from senet_lab.study.cell import derive_seed

    return derive_seed(*purpose)


def test_the_batches_depend_on_seed_epoch_and_image_alone(folder):
    """Loader processes, ranks and a start in the middle of an epoch change nothing; seed and epoch do."""
    whole, labels = training(source(folder))
    shared = [list(source(folder, share=Share(rank, 2)).training_batches(0, 0)) for rank in (0, 1)]
    of_ranks = torch.cat([part[0] for parts in zip(*shared, strict=True) for part in parts])
    processes = source(folder, processes=2)

    assert torch.equal(whole, training(processes)[0])
    assert torch.equal(labels, training(processes)[1])
    assert torch.equal(whole[7:], training(processes, first=1)[0])
    assert torch.equal(whole, of_ranks)
    assert not torch.equal(whole, training(source(folder), epoch=1)[0])
    assert not torch.equal(whole, training(source(folder), seed=1)[0])


def test_evaluation_images_come_once_in_order(folder):
    """All six, in the list's order; of two ranks one after the other."""
    whole = torch.cat([images for images, _ in source(folder).test_batches()])
    parts = [images for rank in (0, 1) for images, _ in source(folder, share=Share(rank, 2)).test_batches()]

    assert torch.cat([labels for _, labels in source(folder).test_batches()]).tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(whole, torch.cat(parts))


def test_passes_may_be_left_and_interleaved(folder):
    """A training pass that is left in the middle, an evaluation within it, and a new pass: always the same batches."""
    data = source(folder, processes=1)
    expected = training(source(folder))[0]
    begun = data.training_batches(0, 0)
    first = next(begun)[0]
    assert sum(len(labels) for _, labels in data.test_batches()) == 6
    second = next(begun)[0]
    del begun

    assert torch.equal(expected, torch.cat([first, second]))
    assert torch.equal(expected, training(data)[0])


def test_training_sizes_grow(folder):
    """Epoch by epoch the protocol's sizes; the evaluation has its own."""
    data = source(folder, replace(SMALL, epochs=2, training_sizes=(8, 12)))

    assert training(data, epoch=0)[0].shape[2:] == (8, 8)
    assert training(data, epoch=1)[0].shape[2:] == (12, 12)
    assert next(iter(data.test_batches()))[0].shape[2:] == (16, 16)


ODD = {
    "gray": lambda image: image.convert("L"),
    "palette": lambda image: image.convert("P"),
    "cmyk": lambda image: image.convert("CMYK"),
    "alpha": lambda image: image.convert("RGBA"),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_but_healthy_photos_are_read_as_torchvision_reads_them(tmp_path, kind):
    """Whatever the file's own colours, and under the name of a JPEG."""
    from torchvision.datasets.folder import default_loader

    path = tmp_path / "1.JPEG"
    image = ODD[kind](read_photo(str(photo(tmp_path / "rgb.png"))))
    image.save(path, format="TIFF" if kind == "cmyk" else "PNG")

    assert np.array_equal(np.asarray(default_loader(str(path))), np.asarray(read_photo(str(path))))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_photos_of_more_than_8_bits_are_refused(tmp_path, dtype):
    """Pillow, and so torchvision, cuts their values off: a 16-bit picture would be white, a float one black."""
    path = tmp_path / "1.tif"
    Image.fromarray((np.arange(1200).reshape(30, 40) * 50).astype(dtype)).save(path)

    with pytest.raises(DamagedPhoto) as caught:
        read_photo(str(path))
    assert caught.value.damage.why.endswith("a pixel; convert it to 8 bits a channel")
    with pytest.raises(ValueError, match="convert it to 8 bits a channel"):
        load(path.read_bytes())


@pytest.mark.parametrize(("split", "name"), [("train", "3.jpg"), ("val", "1.jpg")])
def test_a_photo_that_the_system_does_not_give_is_not_left_out(tmp_path, monkeypatch, split, name):
    """A file server that fails for a moment would else change what is trained on. The photo is not called damaged."""
    path = class_folders(tmp_path) / split / "dog" / name
    opened = Image.open

    def fails(file, *words):
        if str(file) == str(path):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return opened(file, *words)

    monkeypatch.setattr(Image, "open", fails)
    data = source(tmp_path, skip_damaged=True, processes=0)

    with pytest.raises(StudyError) as caught:
        training(data) if split == "train" else list(data.test_batches())
    assert str(caught.value).startswith(f"{path} cannot be read (Input/output error); the photo may be sound")
    assert not isinstance(caught.value, NoData)  # another run may read it, so the others are not given up
    assert not data.skipped


def damage(path, how):
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "text": b"<html>"}[how])


@pytest.mark.parametrize("processes", [0, 1])
@pytest.mark.parametrize(
    ("how", "why"), [("empty", "it is no image"), ("cut", "truncated"), ("text", "it is no image")]
)
def test_a_damaged_training_photo_is_named(tmp_path, processes, how, why):
    """One line with the file and the reason, from a loader process as well."""
    path = class_folders(tmp_path) / "train" / "dog" / "3.jpg"
    damage(path, how)
    data = source(tmp_path, processes=processes)
    with pytest.raises(StudyError) as caught:
        training(data)

    assert str(caught.value).startswith(f"{path} is damaged (")
    assert why in str(caught.value).lower()
    assert "\n" not in str(caught.value)
    assert "--skip-damaged" in str(caught.value)


def test_skipping_takes_the_next_good_photo(tmp_path, capsys):
    """Its place is taken by the next one of the list, it is named once, and every other image is as before."""
    folder = class_folders(tmp_path)
    before = training(source(folder, replace(SMALL, batch_size=6)))
    path = folder / "train" / "dog" / "5.jpg"
    data = source(folder, replace(SMALL, batch_size=6), skip_damaged=True)
    damage(path, "cut")
    images, labels = training(data)
    training(data)
    changed = [place for place in range(18) if not torch.equal(before[0][place], images[place])]

    assert len(changed) == 1
    assert labels[changed[0]] == 2  # the first fox stands for the last dog
    assert {f"{path.parent.name}/{path.name}"} == set(data.skipped)
    assert capsys.readouterr().err.count(f"skipped: {path}") == 1


def test_a_damaged_validation_photo_always_stops(tmp_path):
    """No other photo may stand for it: the error is over all of them."""
    path = class_folders(tmp_path) / "val" / "cat" / "1.jpg"
    damage(path, "cut")
    with pytest.raises(StudyError, match="no other photo may stand for it"):
        list(source(tmp_path, skip_damaged=True).test_batches())
