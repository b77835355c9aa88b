"""What a process that trains finds in its environment."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from senet_lab.errors import StudyError
from senet_lab.training import lightning_rules
from senet_lab.training.settings import Settings, prepare_child, with_huge_pages
from tests.tiny import TINY

# Prints the size in MiB of the memory for which the process asked the kernel for huge pages.
ASKS = """
block = bytearray(64 << 20)
size = asked = 0
for line in open("/proc/self/smaps"):
    name, _, value = line.partition(":")
    if name == "Size":
        size = int(value.split()[0]) // 1024
    if name == "VmFlags" and "hg" in value.split():
        asked += size
print(asked)
"""


def _can_ask():
    name, version = platform.libc_ver()
    kernel = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    newer = name == "glibc" and tuple(map(int, version.split("."))) >= (2, 35)
    return newer and kernel.exists() and "[madvise]" in kernel.read_text()


@pytest.mark.skipif(not _can_ask(), reason="needs glibc 2.35 and a kernel that gives huge pages to those who ask")
def test_a_process_that_trains_asks_for_huge_pages(monkeypatch):
    """Another process does not."""
    for name in ("GLIBC_TUNABLES", "OMP_NUM_THREADS", "TORCHINDUCTOR_CACHE_DIR"):
        monkeypatch.setenv(name, "")
    assert _asks() == 0
    prepare_child(Settings())
    assert _asks() >= 64


def _asks():
    return int(subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True).stdout)


def test_a_users_own_tunables_stay():
    assert with_huge_pages("") == "glibc.malloc.hugetlb=1"
    assert with_huge_pages("glibc.malloc.arena_max=2") == "glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1"
    assert with_huge_pages("glibc.malloc.hugetlb=0") == "glibc.malloc.hugetlb=0"


def test_a_device_of_another_kind_is_refused(monkeypatch):
    """As a Mac's, which Lightning takes by itself."""
    trainer = pl.Trainer(max_epochs=TINY.epochs, accelerator="cpu", logger=False)
    monkeypatch.setattr(type(trainer.strategy), "root_device", torch.device("mps"))

    with pytest.raises(StudyError, match="CPUs and CUDA devices, not on mps; give accelerator='cpu'"):
        lightning_rules.refuse(trainer, TINY)
