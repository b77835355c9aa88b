"""The two baselines: programs as most users write them, with PIL transforms and a DataLoader, in fp32.

One has a bare training loop, the other Lightning with its defaults. Both train this project's networks on random
images.
"""

import tempfile
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
import torchvision.transforms as T
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.race import Pace
from senet_lab.data.arrays import Images, Labels
from senet_lab.models.registry import build_model
from senet_lab.study import SESpec

IMAGES = 50_000
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def images_and_labels() -> tuple[Images, Labels]:
    """As many random images as CIFAR-10's training set has. Their content does not change the speed."""
    random = np.random.default_rng(0)
    return random.integers(256, size=(IMAGES, 32, 32, 3), dtype=np.uint8), random.integers(10, size=IMAGES)


class Pictures(Dataset[tuple[Tensor, int]]):
    """Gives one PIL image at a time, as torchvision's CIFAR10 does."""

    def __init__(self) -> None:
        self.images, self.labels = images_and_labels()
        self.transform = T.Compose(
            [T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize(MEAN, STD)]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def _loader(batch: int, workers: int) -> DataLoader[tuple[Tensor, int]]:
    return DataLoader(Pictures(), batch_size=batch, shuffle=True, drop_last=True, num_workers=workers)


def _network(backbone: str, se: SESpec | None) -> nn.Module:
    return build_model(backbone, se, 10).train()


def _optimizer(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)


def bare_loop(pace: Pace, backbone: str, se: SESpec | None, batch: int, workers: int, device: str) -> None:
    """The training loop of most CIFAR repositories. pace: called after each step. workers: loader processes."""
    model = _network(backbone, se).to(device)
    optimizer = _optimizer(model)
    running = 0.0
    while True:
        for inputs, labels in _loader(batch, workers):
            inputs, labels = inputs.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
            pace()


class _Plain(pl.LightningModule):
    def __init__(self, backbone: str, se: SESpec | None) -> None:
        super().__init__()
        self.model = _network(backbone, se)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        inputs, labels = batch
        loss = F.cross_entropy(self.model(inputs), labels)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.SGD:
        return _optimizer(self.model)


class _AfterEachStep(pl.Callback):
    def __init__(self, pace: Pace) -> None:
        self.pace = pace

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        self.pace()


def default_lightning(pace: Pace, backbone: str, se: SESpec | None, batch: int, workers: int, device: str) -> None:
    """Lightning's ``Trainer`` with its defaults; it logs the loss as its guides do. Arguments as in ``bare_loop``."""
    accelerator = "gpu" if device.startswith("cuda") else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_epochs=-1, accelerator=accelerator, devices=1, default_root_dir=folder, callbacks=[_AfterEachStep(pace)]
        )
        trainer.fit(_Plain(backbone, se), _loader(batch, workers))
