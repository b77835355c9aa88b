"""Decides which of several processes prints why they end, so that the user sees one line."""

import os
import sys
from collections.abc import Mapping

from senet_lab.training.process_rank import process_rank

SAID = "senet_lab: said why"  # a counter that the processes share


def may_speak(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the one that prints why it ends. True for a process that is alone.

    Once the processes have joined, it is the first one that calls this. The others end for the same reason, or because
    the first one left them. Before they join, all of them meet the same mistake, and the first process of each machine
    prints it. Raises StudyError as ``process_rank``.
    """
    place = process_rank(environment)
    if not place.together:
        return True
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_initialized():
        return place.local == 0
    try:
        store = distributed.distributed_c10d._get_default_store()
        return bool(store.add(SAID, 1) == 1)
    except RuntimeError:  # the process that keeps the counter has ended, and has printed its reason
        return False
