"""Puts a data set into the data folder once, even if several processes ask for it at the same time.

One process downloads or converts it while the others wait. Files are written under a temporary name and renamed when
they are whole, so an interrupted download leaves nothing that must be removed by hand.
"""

import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from senet_lab.data.folder import FOLDER_VARIABLE
from senet_lab.errors import StudyError
from senet_lab.living import lives_here, machine

TEMPORARY = ".bringing-"  # begins the names of temporary files and folders
LEFT = re.compile(re.escape(TEMPORARY) + r"(?P<machine>[0-9a-f]{12})-(?P<process>\d+)-")
LEFT_SECONDS = 86_400.0  # what another machine has not touched for so long was left by a killed process
SAY_SECONDS = 30.0
# Newer versions of filelock make a file that marks the lock where the file system has none. A process that is killed on
# another machine would leave it for ever.
HARD: dict[str, Any] = {"fallback_to_soft": False} if "fallback_to_soft" in signature(FileLock).parameters else {}


@contextlib.contextmanager
def alone(folder: Path, variable: str = FOLDER_VARIABLE) -> Iterator[None]:
    """Lets one process at a time in for a folder, and makes the folder where it is missing.

    A file system without locks lets several in. Then each makes the same data for itself, and the last one's file
    stays. Whoever waits says so. variable: the environment variable that sets the folder, for the message. Raises
    StudyError where the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"cannot make {folder} ({error.strerror}); set {variable} to another folder") from None
    lock = FileLock(folder / ".lock", **HARD)
    while True:
        try:
            lock.acquire(timeout=SAY_SECONDS)
            break
        except Timeout:
            if os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0")) != "0":
                continue  # of processes that train together, one says it
            print(f"waits for another process that makes the data in {folder}", file=sys.stderr, flush=True)
        except (OSError, NotImplementedError):
            yield
            return
    try:
        _remove_leftovers(folder)
        yield
    finally:
        lock.release()


def _remove_leftovers(folder: Path) -> None:
    """Removes the temporary files of killed processes. A lock does not tell: it may hold on one machine alone."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if not _is_left(path):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_left(path: Path) -> bool:
    named = LEFT.match(path.name)
    if named and named["machine"] == machine():
        return not lives_here(int(named["process"]))
    try:
        newest = max(one.lstat().st_mtime for one in (path, *path.rglob("*")))
    except OSError:  # it changes just now
        return False
    return time.time() - newest > LEFT_SECONDS


def temporary_prefix() -> str:
    """The beginning of the names of this process's temporary files and folders."""
    return f"{TEMPORARY}{machine()}-{os.getpid()}-"


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A temporary folder inside ``folder``, removed at the end. Raises StudyError where it cannot be made."""
    try:
        place = tempfile.mkdtemp(prefix=temporary_prefix(), dir=folder)
    except OSError as error:
        raise StudyError(f"cannot write to {folder} ({error.strerror}); set SENET_LAB_DATA to another one") from None
    try:
        yield Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def save_arrays(path: Path, **arrays: Any) -> None:
    """Writes an .npz file that appears whole or not at all. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=temporary_prefix(), suffix=".npz", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
