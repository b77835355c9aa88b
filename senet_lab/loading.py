"""Loads photos: as RGB, and in passes of torch's ``DataLoader``, whose processes end with the pass. Tells progress."""

import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

SAY_SECONDS = 5.0
Tell = Callable[[str], None]
# Pillow's modes of more than 8 bits a channel.
DEEP = dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), "16 bits") | {"I": "32 bits", "F": "a float"}


def as_rgb(image: "Image.Image") -> "Image.Image":
    """The image as RGB.

    Raises ValueError for a gray one with more than 8 bits a pixel: which of its values are black and white is not
    known, and cutting them off would give an empty picture.
    """
    if image.mode in DEEP:
        raise ValueError(f"it has {DEEP[image.mode]} a pixel; convert it to 8 bits a channel")
    return image if image.mode == "RGB" else image.convert("RGB")  # convert would copy an RGB image


def begin_pass(loader: Any) -> Iterator[Any]:
    """Begins a pass over the data of a ``DataLoader``, and returns the iterator of its batches.

    An iterator that is no longer used tells its processes through its queues to end. If an exception's frames hold the
    iterator, Python's garbage collector removes both, and would close the queues first. Each process would then be
    killed after five seconds of waiting. So the queues are kept until the iterator is gone.
    """
    with warnings.catch_warnings():  # about forking a process with threads; the children use none of these
        warnings.simplefilter("ignore", DeprecationWarning)
        begun: Iterator[Any] = iter(loader)
    if not weakref.getweakrefcount(begun):  # with persistent processes all passes have one iterator
        weakref.finalize(begun, _let_go, getattr(begun, "_index_queues", None)).atexit = False
    return begun


def _let_go(queues: Any) -> None:
    """Does nothing. As the callback of a finalizer, it keeps its argument alive until the callback runs."""


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
