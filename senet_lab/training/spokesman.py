"""Which of several processes tells a user why they end: one line is said, by whoever is the first to know."""

import os
import sys
from collections.abc import Mapping

from senet_lab.training.place import place_in

SAID = "senet_lab: said why"  # a counter that the processes share


def may_speak(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the one that says why it ends; True where it is alone.

    Once the processes have joined, the first one that asks; the others are silent, since they end for the same reason
    or because it left them. Before that all of them meet the same mistake, and the first one on each machine says it.
    Raises StudyError as ``place_in``.
    """
    place = place_in(environment)
    if not place.together:
        return True
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_initialized():
        return place.local == 0
    try:
        store = distributed.distributed_c10d._get_default_store()
        return bool(store.add(SAID, 1) == 1)
    except RuntimeError:  # the process that keeps the counter is gone, and has spoken
        return False
