"""The steps of an epoch as replays of one CUDA graph. Other threads may replay their own graphs on the same device."""

from collections.abc import Callable, Iterator, Sequence

from senet_lab.training.epoch import EpochMeter
from senet_lab.training.static_epoch import Mark, StaticEpoch
from senet_lab.training.turns import TURNS

MARKED = 32  # replays from one mark to the next


class Replays:
    """Takes the steps of one run's epochs (``device_loop.Steps``).

    The host queues steps at most two marks ahead of the device. So reported progress is close to what the device has
    done, and a thread that waits for the device does not wait long.
    """

    def __init__(self, static: StaticEpoch) -> None:
        self.static = static
        self._replay: Callable[[], None] | None = None
        self._last: Mark | None = None
        self._unmarked = 0  # replays since the last mark

    def __call__(self, seed: int, epoch: int, rates: Sequence[float], meter: EpochMeter) -> Iterator[int]:
        """Gives the steps that the meter does not have yet to the device, and yields the index of each afterwards."""
        if self._replay is None:
            with TURNS.alone():
                self._replay = self.static.captured()
        first = meter.steps
        with TURNS.shared():
            self.static.begin(seed, epoch, rates, first)
            meter.keep_sums_in(*self.static.sums())
        for index in range(first, len(rates)):
            with TURNS.shared():
                self._replay()
                self._mark()
            meter.count(1, self.static.protocol.batch_size)
            yield index

    def _mark(self) -> None:
        """Counts a replay. Every MARKED replays it sets a mark and waits for the mark before."""
        self._unmarked += 1
        if self._unmarked < MARKED:
            return
        self._unmarked = 0
        before, self._last = self._last, self.static.mark()
        if before is not None:
            before.wait()

    def close(self) -> None:
        """Frees the graph and its memory. It does so alone: freeing a graph would break another thread's capture."""
        with TURNS.alone():
            self._replay = self._last = None
            self.static.release()
