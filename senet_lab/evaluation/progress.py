"""The progress of a pass over photos, in words."""

import time
from collections.abc import Callable

SAY_SECONDS = 5.0
Tell = Callable[[str], None]


class Progress:
    """Says every SAY_SECONDS how far the pass is."""

    def __init__(self, total: int, tell: Tell) -> None:
        self.total, self.tell = total, tell
        self.done, self.begun = 0, time.monotonic()
        self.said = self.begun

    def add(self, images: int) -> None:
        """Counts further photos as done."""
        self.done += images
        now = time.monotonic()
        if now - self.said < SAY_SECONDS and self.done < self.total:
            return
        self.said = now
        rate = self.done / max(now - self.begun, 1e-9)
        left = (self.total - self.done) / rate
        self.tell(
            f"{self.done:,} of {self.total:,} images, {rate:.0f} images/s, {int(left) // 60}:{int(left) % 60:02} left"
        )
