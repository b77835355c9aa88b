"""What this machine offers to the process that asks."""

import os


def cores() -> int:
    """The processors that this process may use: its affinity mask, where the system has one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
