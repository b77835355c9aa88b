"""How a run was made: source revision, versions, device."""

import datetime
import functools
import importlib.metadata
import platform
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import torch

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "numpy")
# Torch chooses a CPU's kernels by these flags, on x86 and on ARM.
VECTOR_FLAGS = re.compile(r"sse4|avx|amx|fma|f16c|asimd|sve|sme(?!p)|bf16|i8mm|fphp")


class Revision(NamedTuple):
    """name: the git revision of this source tree, "unknown" where it is no repository of its own.

    dirty: whether the tree differed from that revision.
    """

    name: str
    dirty: bool


@functools.cache
def revision() -> Revision:
    """The revision of the source when this process first called this function, which it does before it trains.

    A later commit does not change the code that is loaded already. Changes of the results and of the README, which
    shows them, do not make the tree dirty. A repository around an installed package, as a user's own, is another's.
    """
    root = Path(__file__).resolve().parents[2]
    top, _, head = (_git(root, "rev-parse", "--show-toplevel", "HEAD") or "").rpartition("\n")
    if not top or Path(top).resolve() != root:
        return Revision("unknown", False)
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ":!results", ":!README.md") or ""
    return Revision(head, bool(changed))


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def versions(device: torch.device | None = None) -> dict[str, str]:
    """The versions of Python and of the packages that can change a number; on a GPU also of CUDA and cuDNN."""
    found = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}
    if device is not None and device.type == "cuda":
        found |= {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}
    return found


def device_name(device: torch.device) -> str:
    """The processor or accelerator by its model name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()


def cpu_name() -> str:
    """The processor by its model name."""
    return _cpu_information().get("model name") or platform.processor() or platform.machine()


def cpu_flags() -> tuple[str, ...]:
    """The vector instructions of the processor, sorted. Torch chooses its order of summation by them."""
    information = _cpu_information()
    words = (information.get("flags") or information.get("Features") or "").split()
    return tuple(sorted(word for word in words if VECTOR_FLAGS.match(word)))


@functools.cache
def _cpu_information() -> dict[str, str]:
    """The entries of the first processor in /proc/cpuinfo; empty without that file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {}
    pairs = [line.split(":", 1) for line in lines if ":" in line]
    return {name.strip(): value.strip() for name, value in reversed(pairs)}


def now() -> str:
    """The time in UTC, ISO 8601, whole seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
