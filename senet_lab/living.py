"""Names this machine, and says which of its processes live, so that what a killed process left can be told."""

import functools
import hashlib
import os
import socket
import uuid
from contextlib import suppress
from pathlib import Path

ENDED = "ended"
BOOT = Path("/proc/sys/kernel/random/boot_id")


@functools.lru_cache(maxsize=1)
def machine() -> str:
    """A name for this boot of this machine and this process's PID namespace: 12 hexadecimal digits."""
    try:
        boot = BOOT.read_text().strip() + os.readlink("/proc/self/ns/pid")
    except OSError:
        boot = f"{socket.gethostname()} {uuid.getnode()}"
    return hashlib.sha256(boot.encode()).hexdigest()[:12]


def lives_here(process: int, started: str = "") -> bool:
    """Whether a process of this machine is alive. started: when it began; empty where that is not known."""
    try:
        with suppress(PermissionError):
            os.kill(process, 0)
    except ProcessLookupError:
        return False
    now = began(process)
    return now != ENDED and (not (started and now) or started == now)


def began(process: int) -> str:
    """When a process began, in clock ticks since the boot; empty where unknown. ENDED for a zombie."""
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].decode().split()
    except OSError:
        return ""
    return ENDED if fields[0] in "ZX" else fields[19]
