"""Photos are read as torchvision reads them, odd but healthy ones too."""

import io
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets.folder import pil_loader

from senet_lab.evaluation.decode import Damaged, decoded, load, shown
from senet_lab.evaluation.photo_places import PhotoPlace
from senet_lab.evaluation.photo_set import Photo
from tests.evaluation import photos

NOISE = np.random.default_rng(0).integers(0, 256, (61, 83, 4), dtype=np.uint8)


def written(image: Image.Image, kind: str) -> bytes:
    """The image as a file of this kind."""
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


ODD = {
    "CMYK": written(Image.fromarray(NOISE, "CMYK"), "JPEG"),
    "a PNG named .JPEG": written(Image.fromarray(NOISE[..., :3]), "PNG"),
    "with transparency": written(Image.fromarray(NOISE, "RGBA"), "PNG"),
    "gray": written(Image.fromarray(NOISE[..., 0]), "JPEG"),
    "palette": written(Image.fromarray(NOISE[..., :3]).quantize(32), "PNG"),
}


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("kind", ODD)
def test_odd_photos_are_read_as_torchvision_reads_them(kind, tmp_path):
    """To the last bit."""
    path = tmp_path / "photo.JPEG"
    path.write_bytes(ODD[kind])

    assert np.array_equal(np.array(pil_loader(str(path))), np.array(load(path.read_bytes())))


@pytest.mark.parametrize("geometry", [(256, 224, "bilinear"), (352, 299, "bicubic"), (40, 33, "nearest")])
def test_views_are_those_of_torchvisions_transforms(geometry):
    """Shorter side, then the centre: the same pixels, whatever the shape and the rounding."""
    resize, size, interpolation = geometry
    reference = transforms.Compose(
        [transforms.Resize(resize, transforms.InterpolationMode(interpolation)), transforms.CenterCrop(size)]
    )
    for width, height in ((61, 83), (500, 333), (333, 501)):
        image = Image.fromarray(np.resize(NOISE[..., :3], (height, width, 3)))

        assert np.array_equal(np.array(reference(image)).transpose(2, 0, 1), shown(image, geometry))


def test_a_photo_is_decoded_once_for_all_views(monkeypatch, tmp_path):
    """Two views, one call of the decoder a photo."""
    from senet_lab.evaluation import decode

    calls = []
    monkeypatch.setattr(decode, "load", lambda data: calls.append(1) or load(data))
    path = tmp_path / "a.JPEG"
    path.write_bytes(photos.jpeg(3))
    batch = [Photo("a", 0, PhotoPlace(str(path)))] * 3

    ((first, second),) = decoded([batch], [(64, 56, "bilinear"), (40, 32, "bicubic")], processes=0)

    assert len(calls) == 3
    assert (tuple(first.shape), tuple(second.shape)) == ((3, 3, 56, 56), (3, 3, 32, 32))


@pytest.mark.parametrize("processes", [0, 2])
def test_batches_come_in_order_and_a_damaged_photo_by_name(processes, tmp_path):
    """From loading processes as from none."""
    batches = []
    for number in range(4):
        path = tmp_path / f"{number}.JPEG"
        path.write_bytes(photos.jpeg(number) if number != 2 else photos.jpeg(number)[:300])
        batches.append([Photo(str(number), 0, PhotoPlace(str(path)))])

    found = [
        one if isinstance(one, Damaged) else [pixels.clone() for pixels in one]
        for one in decoded(batches, [(64, 56, "bilinear")], processes)
    ]

    expected = [torch.from_numpy(shown(load(photos.jpeg(n)), (64, 56, "bilinear"))) for n in (0, 1, 3)]
    assert all(torch.equal(e, f[0][0]) for e, f in zip(expected, (found[0], found[1], found[3]), strict=True))
    assert isinstance(found[2], Damaged)
    assert str(tmp_path / "2.JPEG") == found[2].name
    assert "truncated" in found[2].why.lower()


def test_no_process_writes_into_pixels_that_are_in_use(tmp_path):
    """Sixteen batches of other photos through two processes that run ahead while each is looked at: every pixel is
    that of its own photo, and the last, shorter batch has its own length."""
    batches = []
    for number in range(16):
        path = tmp_path / f"{number}.JPEG"
        path.write_bytes(photos.jpeg(number))
        batches.append([Photo(str(number), 0, PhotoPlace(str(path)))] * (3 if number < 15 else 2))

    for number, pixels in enumerate(decoded(batches, [(64, 56, "bilinear")], 2)):
        time.sleep(0.02)  # long enough for the processes to fill all that they may
        expected = torch.from_numpy(shown(load(photos.jpeg(number)), (64, 56, "bilinear")))
        assert len(pixels[0]) == len(batches[number])
        assert all(torch.equal(one, expected) for one in pixels[0])


def test_nothing_to_decode_is_no_batch():
    """No process is started for it."""
    assert list(decoded([], [(64, 56, "bilinear")], 2)) == []
