"""The steps of an epoch as replays of one CUDA graph, beside other threads that replay theirs on the same device."""

from collections.abc import Callable, Iterator, Sequence

from senet_lab.training.epoch import EpochMeter
from senet_lab.training.static_epoch import Mark, StaticEpoch
from senet_lab.training.turns import TURNS

MARKED = 32  # replays from one mark to the next


class Replays:
    """The way through the epochs of one run.

    The host is ahead of the device by less than two marks, so that progress is what the device has nearly done, and
    nobody who waits for the device waits long.
    """

    def __init__(self, static: StaticEpoch) -> None:
        self.static = static
        self._replay: Callable[[], None] | None = None
        self._last: Mark | None = None
        self._unmarked = 0  # replays since then

    def __call__(self, seed: int, epoch: int, rates: Sequence[float], meter: EpochMeter) -> Iterator[int]:
        """Yields the index of each step that the meter has not, after it was given to the device."""
        if self._replay is None:
            with TURNS.alone():
                self._replay = self.static.captured()
        first = meter.steps
        with TURNS.shared():
            self.static.begin(seed, epoch, rates, first)
            meter.lean_on(*self.static.sums())
        for index in range(first, len(rates)):
            with TURNS.shared():
                self._replay()
                self._mark()
            meter.count(1, self.static.protocol.batch_size)
            yield index

    def _mark(self) -> None:
        """Counts a replay; at each mark it waits for the mark before."""
        self._unmarked += 1
        if self._unmarked < MARKED:
            return
        self._unmarked = 0
        before, self._last = self._last, self.static.mark()
        if before is not None:
            before.wait()

    def close(self) -> None:
        """Gives the graph and its memory back; a graph that is destroyed beside a capture would break it."""
        with TURNS.alone():
            self._replay = self._last = None
            self.static.release()
