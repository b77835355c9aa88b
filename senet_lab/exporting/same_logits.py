"""Checks that an exported network computes the same as its source, before anything is written.

B batch, H W space, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError

TOLERANCE = 1e-4  # relative to the largest logit, or to 1 if that is larger
BATCHES = (1, 2)  # images; two sizes, since a file may work only with the batch size that it was made with


@dataclass(frozen=True, slots=True)
class Agreement:
    """The largest difference of logits on ``images`` random images. tolerance: the largest allowed difference."""

    images: int
    largest_difference: float
    tolerance: float

    def line(self) -> str:
        """The same in one line, for the user."""
        return (
            f"logits of {self.images} random images differ from the source's by at most "
            f"{self.largest_difference:.1e} (allowed: {self.tolerance:.1e})"
        )


def agreement(source: nn.Module, exported: Callable[[Tensor], Tensor], pixels: int) -> Agreement:
    """Compares two networks on random images. Both take images B 3 H W and give logits B K. pixels: H and W.

    Raises StudyError where the logits differ by more than the tolerance, or are not finite.
    """
    generator = torch.Generator().manual_seed(0)
    largest, tolerance = 0.0, TOLERANCE
    with torch.no_grad():
        for batch in BATCHES:
            images = torch.randn(batch, 3, pixels, pixels, generator=generator)
            expected, found = source(images), exported(images)
            if expected.shape != found.shape or not bool(expected.isfinite().all() and found.isfinite().all()):
                raise StudyError("the exported network gives no finite logits of the same shape; nothing is written")
            largest = max(largest, float((expected - found).abs().max()))
            tolerance = max(tolerance, TOLERANCE * float(expected.abs().max()))
    result = Agreement(sum(BATCHES), largest, tolerance)
    if largest > tolerance:
        raise StudyError(f"the exported network is not the source: {result.line()}; nothing is written")
    return result
