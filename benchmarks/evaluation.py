"""Compares the speed of `senet-lab evaluate` with decoding, resizing and cropping alone in the same loop.

    python -m benchmarks.evaluation FOLDER [--rounds 5] [--photos 3000]

The network costs no time, so that the loop itself is measured. A folder with fewer photos is read several times, so
that the start does not count more than in a pass over the validation set. Rounds are interleaved; the ratio is of
medians.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from senet_lab.evaluation.decode import decoded
from senet_lab.evaluation.layouts import open_photos
from senet_lab.evaluation.networks import Network, state_sha256
from senet_lab.evaluation.photo_set import PhotoSet
from senet_lab.evaluation.run import Options, evaluate
from senet_lab.machine import cores
from senet_lab.study.released import View


class Free(nn.Module):
    """A network whose thousand logits cost no time. It does not even wake torch's threads."""

    def __init__(self) -> None:
        super().__init__()
        self.zeros = torch.zeros(Options().batch, 1000)

    def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        """Zeros, B x 1000."""
        return self.zeros[: len(images_BCHW)]


def evaluated(photos: PhotoSet, options: Options) -> float:
    """Seconds of a whole evaluation that writes records."""
    model = Free()
    network = Network("free", model, "none", state_sha256(model.state_dict()), "none", View())
    with tempfile.TemporaryDirectory() as root:
        begun = time.perf_counter()
        evaluate([network], photos, Path(root), options, lambda text: None)
        return time.perf_counter() - begun


def alone(photos: PhotoSet, options: Options) -> float:
    """Seconds of decoding, resizing and cropping with the same processes."""
    size = options.batch
    batches = [photos.photos[start : start + size] for start in range(0, len(photos.photos), size)]
    begun = time.perf_counter()
    for _ in decoded(batches, [View().geometry], cores()):
        pass
    return time.perf_counter() - begun


def main() -> None:
    """Prints both rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=3_000)
    words = parser.parse_args()
    found = open_photos(words.folder, subset=True)
    photos = PhotoSet(tuple(itertools.islice(itertools.cycle(found.photos), words.photos)), found.layout)
    times: dict[str, list[float]] = {"evaluate": [], "alone": []}
    for _ in range(words.rounds):
        times["alone"].append(alone(photos, Options()))
        times["evaluate"].append(evaluated(photos, Options()))
    rates = {name: len(photos.photos) / statistics.median(seconds) for name, seconds in times.items()}
    print(f"{cores()} processes, {len(photos.photos)} photos, {words.rounds} rounds in turn, medians")
    print(f"decode, resize, crop alone: {rates['alone']:.0f} images/s; evaluate: {rates['evaluate']:.0f} images/s")
    print(f"ratio {rates['evaluate'] / rates['alone']:.3f}")


if __name__ == "__main__":
    main()
