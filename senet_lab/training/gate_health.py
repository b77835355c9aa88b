"""Measures the gates during the evaluation at the end of every epoch. The network's own numbers do not change.

B batch, C channels.
"""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from senet_lab.models.gate_taps import gate_taps, tapped
from senet_lab.records.gate_health import SATURATED, GateHealth, newly_constant
from senet_lab.training.ranks import Ranks

LOG = logging.getLogger("senet_lab")


class GateMeter:
    """Sums over the gates of all images of one evaluation, kept on the device until its end. A plain network has no
    gates."""

    def __init__(self, model: nn.Module) -> None:
        self._taps = gate_taps(model)
        self._images = [0] * len(self._taps)
        # Mean over the images, and sum of squared deviations from it (m2): C each.
        self._moments: list[tuple[Tensor, Tensor] | None] = [None] * len(self._taps)
        self._saturated: list[Tensor | int] = [0] * len(self._taps)  # how many low and high, 2

    def listening(self) -> AbstractContextManager[None]:
        """While it is open, every gate that the network computes is added."""
        return tapped(self._taps, self._add)

    def _add(self, index: int, gate_BC: Tensor) -> None:
        low, high = SATURATED[self._taps[index].gate]
        variance_C, mean_C = torch.var_mean(gate_BC.double(), dim=0, correction=0)
        saturated = torch.stack([(gate_BC < low).sum(), (gate_BC >= high).sum()])
        self._merge(index, len(gate_BC), mean_C, variance_C * len(gate_BC), saturated)

    def _merge(self, index: int, batch: int, mean_C: Tensor, m2_C: Tensor, saturated: Tensor | int) -> None:
        before, known = self._images[index], self._moments[index]
        if known is not None:  # Chan's formula
            share = batch / (before + batch)
            delta_C = mean_C - known[0]
            mean_C, m2_C = known[0] + delta_C * share, known[1] + m2_C + delta_C**2 * (before * share)
        self._moments[index] = mean_C, m2_C
        self._images[index] = before + batch
        self._saturated[index] += saturated

    def take_in(self, ranks: Ranks) -> None:
        """Joins the sums of all processes, in the order of the processes."""
        if not ranks.together:
            return
        for index, known in enumerate(self._moments):
            mine = None if known is None else (self._images[index], known, self._saturated[index])
            self._images[index], self._moments[index], self._saturated[index] = 0, None, 0
            for met in ranks.gathered(mine):
                if met is not None:
                    images, (mean_C, m2_C), saturated = met
                    self._merge(index, images, mean_C, m2_C, saturated)

    def health(self) -> tuple[GateHealth, ...]:
        """The health of every block, in forward order. The epoch is not known here: it is 0."""
        met = [index for index in range(len(self._taps)) if self._images[index]]
        if not met:
            return ()
        # All blocks are read from the device at once, because each reading waits for it.
        numbers = torch.stack([self._numbers(index) for index in met]).tolist()
        return tuple(
            GateHealth(
                epoch=0,
                block=self._taps[index].name,
                mean=round(mean, 6),
                spread=round(spread, 6),
                share_low=round(low, 6),
                share_high=round(high, 6),
            )
            for index, (mean, spread, low, high) in zip(met, numbers, strict=True)
        )

    def _numbers(self, index: int) -> Tensor:
        """Mean, spread, share of low gates and share of high gates of one block: fp64 4."""
        moments, saturated, images = self._moments[index], self._saturated[index], self._images[index]
        assert moments is not None
        assert isinstance(saturated, Tensor)
        mean_C, m2_C = moments
        shares_2 = (saturated / (images * len(mean_C))).double()
        return torch.cat([torch.stack([mean_C.mean(), (m2_C / images).sqrt().mean()]), shares_2])


def warn(gates: Sequence[GateHealth], before: Sequence[GateHealth]) -> None:
    """Logs a warning for each block whose gates have become constant over the images. before: of earlier epochs."""
    for one in newly_constant(gates, before):
        LOG.warning(
            "epoch %d: the gates of %s are constant over the images (spread %.2g)", one.epoch, one.block, one.spread
        )
