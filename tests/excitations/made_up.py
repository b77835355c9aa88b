"""A capture that no network made: excitations whose classes part with depth."""

import numpy as np

from senet_lab.excitations.files import write_capture
from senet_lab.excitations.frames import load_capture
from senet_lab.excitations.statistics import BINS, Excitations, Origin, Span
from senet_lab.study.se import Gate

ORIGIN = Origin(
    network="resnet50, SE r=16",
    weights="recorded",
    protocol="sample",
    dataset="a data set",
    split="test",
    seed=4,
    revision="0123456789abcdef",
    synthetic=False,
)
CLASSES = ("goldfish", "pug", "plane", "cliff", "fifth")


def made_up(images=20, channels=64, blocks=("SE_2_1", "SE_2_2", "SE_3_1", "SE_4_1", "SE_4_2", "SE_4_3"), gates=None):
    """Excitations whose classes part with depth. gates: K images M instead, of one block."""
    rng = np.random.default_rng(0)
    if gates is None:
        parts = []
        for depth, _ in enumerate(blocks):
            centre = rng.uniform(0.3, 0.7, channels)
            classes = 0.06 * depth * rng.uniform(-1, 1, (len(CLASSES), 1, channels))
            parts.append(centre + classes + rng.normal(0, 0.05, (len(CLASSES), images, channels)))
        gates = np.clip(np.concatenate(parts, axis=-1), 0, 1)
    spans = tuple(Span(name, i * channels, channels) for i, name in enumerate(blocks))
    bins = BINS[Gate.SIGMOID]
    index = np.clip((gates * bins.per_unit).astype(int), 0, bins.number - 1)
    return Excitations(
        origin=ORIGIN,
        gate=Gate.SIGMOID,
        over_space=False,
        spans=spans,
        class_names=CLASSES[: len(gates)],
        own_rows=tuple(range(len(gates))),
        count_K=np.full(len(gates), gates.shape[1]),
        mean_KM=gates.mean(axis=1),
        m2_KM=gates.var(axis=1) * gates.shape[1],
        lowest_KM=gates.min(axis=1).astype(np.float32),
        highest_KM=gates.max(axis=1).astype(np.float32),
        histogram_SMN=(index[..., None] == np.arange(bins.number)).sum(axis=1),
    )


def captured_of(root, found=None, name="sample"):
    return load_capture(write_capture(root, name, found or made_up(), CLASSES[:4] if found is None else ["goldfish"]))
