"""Passes over the data of torch's ``DataLoader``. Its processes end as soon as the pass is no longer used."""

import warnings
import weakref
from collections.abc import Iterator
from typing import Any


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
