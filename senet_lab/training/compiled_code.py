"""Compiled code on the disk. Libraries that a killed process left unfinished are removed, and compiled again."""

import struct
import sys
from pathlib import Path

from filelock import FileLock, Timeout

HEADER = struct.Struct("<4s36xQ10xHH")  # of an ELF file: magic; place, size and number of the section headers
MAGIC = b"\x7fELF"


def remove_unfinished(folder: Path) -> list[Path]:
    """Removes the libraries in PyTorch's folder of compiled code that are not whole. Returns their paths.

    The compiler lets the linker write a library to the path that it is loaded from, and takes every file there for a
    whole library. If the process is killed meanwhile, or the disk is full, a part of a library is left, which no later
    process can load. By loading one such library the compiler tests the CPU's vector instructions. If only a part of
    that library is there, networks compile without these instructions or not at all. A library that another process
    is linking has a lock, and stays.
    """
    if sys.platform != "linux":  # other systems have another form of libraries
        return []
    return [path for path in sorted(folder.glob("*/*.so")) if not _is_whole(path) and _removed(path, folder)]


def _is_whole(path: Path) -> bool:
    """Whether a library ends with its section headers, which linkers write last."""
    try:
        with path.open("rb") as file:
            start = file.read(HEADER.size)
        size = path.stat().st_size
    except FileNotFoundError:  # removed meanwhile
        return True
    if len(start) < HEADER.size:
        return False
    magic, place, size_of_one, number = HEADER.unpack(start)
    return magic == MAGIC and 0 < place + size_of_one * number <= size


def _removed(path: Path, folder: Path) -> bool:
    """Removes a library unless another process is linking it, or has linked it since. Returns whether it is removed."""
    key = path.name.partition(".")[0]  # by which the compiler names the lock
    locks = folder / "locks"
    locks.mkdir(exist_ok=True)
    try:
        with FileLock(locks / f"{key}.lock", timeout=0):
            unfinished = not _is_whole(path)
            if unfinished:
                path.unlink(missing_ok=True)
            return unfinished
    except Timeout:
        return False
