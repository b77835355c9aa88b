"""Both executors by name, and runs of the tiny protocol on them."""

from dataclasses import replace

from senet_lab.models.registry import build_model, channels_last
from senet_lab.training import device_loop, lightning_loop
from senet_lab.training.run_state import Hooks


def _device(model, source, cell, seed, **options):
    return device_loop.train(model, source, cell.protocol, seed, **options)


EXECUTORS = {"device": _device, "lightning": lightning_loop.train}


def train(executor, source, of, seed=0, resume=None, hooks=None, **options):
    """A new network of a cell, and what training it came to."""
    model = channels_last(build_model(of.backbone, of.se, of.protocol.num_classes, seed)).to(source.device)
    return model, EXECUTORS[executor](model, source, of, seed, resume=resume, hooks=hooks or Hooks(), **options)


def without_time(curve):
    """The points of a curve as they are on any machine."""
    return [replace(point, seconds=0.0) for point in curve]
