"""Does loading photos slow training down? python -m benchmarks.photo_loading [--photos DIR --size PIXELS]

Two loaders are compared in interleaved runs: this project's, and torchvision's ImageFolder with a DataLoader and the
same transforms. First each runs alone, with a process for each core. Then a network trains with each of them, with a
process for each core but one, and on photos that are in memory already. Without --photos the photos are made, with 500
x 375 pixels as usual in ImageNet. Ratios go to results/benchmarks/photo-loading.json.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from ablations.protocols import IMAGENETTE
from benchmarks.race import Contender, Pace, Slices, race
from senet_lab.data.own_photos import own_photos
from senet_lab.data.photo_data import MEAN, STD, PhotoData
from senet_lab.data.photo_folders import find_split, photos_of
from senet_lab.data.photos import ASPECT, CROP_AREA
from senet_lab.machine import cores
from senet_lab.models.registry import build_model, channels_last
from senet_lab.records.files import replace_file
from senet_lab.study.protocol import Protocol
from senet_lab.training import provenance
from senet_lab.training.step import make_optimizer, training_loss

FILE = Path("results/benchmarks/photo-loading.json")
CLASSES, OF_A_CLASS = 4, 40  # how many photos are made
WIDTH, HEIGHT = 500, 375
OURS, PLAIN, NETWORK = "our loader", "ImageFolder and DataLoader", "network alone"


def make_photos(root: Path) -> Path:
    """Makes photos of about 60 kB each. Their spectrum falls with the frequency as in real photos."""
    rng = np.random.default_rng(0)
    rows, columns = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None, :]
    falling = 1 / np.maximum(np.hypot(rows, columns), 1 / WIDTH) ** 1.2
    for split, count in (("train", OF_A_CLASS), ("val", 1)):
        for label in range(CLASSES):
            folder = root / split / f"class-{label}"
            folder.mkdir(parents=True)
            for index in range(count):
                phases = rng.normal(size=(2, 3, *falling.shape))
                waves = np.fft.irfft2((phases[0] + 1j * phases[1]) * falling, s=(HEIGHT, WIDTH))
                pixels = 128 + 50 * waves / waves.std(axis=(1, 2), keepdims=True)
                image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8).transpose(1, 2, 0))
                image.save(folder / f"{index}.jpg", quality=92)
    return root


def _protocol(folder: str, size: int, batch: int) -> Protocol:
    return own_photos(replace(IMAGENETTE, image_size=size, batch_size=batch), Path(folder))


def _ours(folder: str, size: int, batch: int, processes: int) -> Iterator[tuple[Tensor, Tensor]]:
    root = Path(folder)
    photos = {split: photos_of(place) for split in ("train", "test") if (place := find_split(root, split))}
    data = PhotoData(photos, _protocol(folder, size, batch), torch.device("cpu"), processes=processes)
    epoch = 0
    while True:
        yield from data.training_batches(0, epoch)
        epoch += 1


def _plain(folder: str, size: int, batch: int, processes: int) -> Iterator[tuple[Tensor, Tensor]]:
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=CROP_AREA, ratio=ASPECT, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    images = ImageFolder(str(Path(folder) / "train"), transform)
    loader: Any = DataLoader(
        images, batch, shuffle=True, drop_last=True, num_workers=processes, persistent_workers=processes > 0
    )
    while True:
        yield from loader


def _ready(folder: str, size: int, batch: int, processes: int) -> Iterator[tuple[Tensor, Tensor]]:
    images = torch.rand(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    while True:
        yield images, torch.zeros(batch, dtype=torch.int64)


SOURCES = {OURS: _ours, PLAIN: _plain, NETWORK: _ready}


def load(pace: Pace, source: str, folder: str, size: int, batch: int, processes: int) -> None:
    """Loads batches only. source: a name in SOURCES. pace: called after each batch."""
    for _ in SOURCES[source](folder, size, batch, processes):
        pace()


def train(pace: Pace, source: str, folder: str, size: int, batch: int, processes: int) -> None:
    """Trains a plain ResNet-50 on the batches. source: a name in SOURCES. pace: called after each step."""
    protocol = _protocol(folder, size, batch)
    model = channels_last(build_model("resnet50", None, protocol.num_classes)).train()
    optimizer = make_optimizer(model, protocol)
    for images, labels in SOURCES[source](folder, size, batch, processes):
        loss, _ = training_loss(model, images, labels, protocol)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        pace()


def measure(folder: Path, size: int, rounds: int, network: bool) -> dict[str, Any]:
    """Images a second on one set of photos, with the ratios to the plain loader and to the network alone.

    size: pixels of a crop's side. network: whether to measure with the network, too.
    """
    batch, trained = 32, 4
    alone = {"folder": str(folder), "size": size, "batch": batch, "processes": cores()}
    fed = {"folder": str(folder), "size": size, "batch": trained, "processes": max(1, cores() - 1)}
    loaders = [Contender(name, load, {**alone, "source": name}, batch, 1) for name in (OURS, PLAIN)]
    trainers = [Contender(name, train, {**fed, "source": name}, trained, 1) for name in (OURS, PLAIN, NETWORK)]
    # The untimed steps use up the prefetched batches.
    times = race(loaders, Slices(rounds, 16, settle=12), _say)
    found = {"size": size, "loader_alone": _rates(times, batch, PLAIN)}
    if network:
        fed_times = race(trainers, Slices(rounds, 8, settle=6, warm_up=2), _say)
        found["with_resnet50"] = _rates(fed_times, trained, NETWORK)
    return found


def _rates(times: Mapping[str, Sequence[float]], batch: int, than: str) -> dict[str, Any]:
    return {
        name: {
            "images_a_second": round(batch / median(seconds), 1),
            f"times_{than.replace(' ', '_').lower()}": round(
                median(b / a for a, b in zip(seconds, times[than], strict=True)), 3
            ),
        }
        for name, seconds in times.items()
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measures made photos, or those of a folder, and adds the result to the file."""
    parser = argparse.ArgumentParser(prog="benchmarks.photo_loading", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, help="a folder with train/<class>/ and val/<class>/")
    parser.add_argument("--size", type=int, default=224, help="pixels of a crop")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--loader-only", action="store_true", help="leave the network out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = asked.photos or make_photos(Path(place))
        name = f"{asked.photos.name if asked.photos else f'made, {WIDTH} x {HEIGHT}'}, crops of {asked.size}"
        found = measure(folder, asked.size, asked.rounds, not asked.loader_only)
    revision, dirty = provenance.revision()
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    kept[name] = (  # as a whole: an earlier part was measured under other conditions
        found
        | {
            "device": provenance.device_name(torch.device("cpu")),
            "cores": cores(),
            "rounds": asked.rounds,
            "revision": revision + "+changes" * dirty,
            "versions": provenance.versions(),
            "finished_at": provenance.now(),
        }
    )
    replace_file(FILE, (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode())
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
