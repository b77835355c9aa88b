"""Passes of torch's data loaders, whose processes end as soon as a pass is dropped."""

import warnings
import weakref
from collections.abc import Iterator
from typing import Any


def begin_pass(loader: Any) -> Iterator[Any]:
    """Begins a pass of a ``DataLoader``.

    A pass that is dropped tells its processes through its queues that they may end. Python's collector, where it finds
    a pass among an exception's frames, would close those queues first. Each process would then be killed after five
    seconds of waiting. So the queues are kept until the pass has ended.
    """
    with warnings.catch_warnings():  # about forking a process with threads; the children use none of these
        warnings.simplefilter("ignore", DeprecationWarning)
        begun: Iterator[Any] = iter(loader)
    if not weakref.getweakrefcount(begun):  # processes that serve several passes have one iterator for all of them
        weakref.finalize(begun, _let_go, getattr(begun, "_index_queues", None)).atexit = False
    return begun


def _let_go(queues: Any) -> None:
    """Takes what is kept until now."""
