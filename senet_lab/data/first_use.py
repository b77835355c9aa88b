"""Puts a data set into the data folder once, even if several processes ask for it at the same time.

One process downloads or converts it while the others wait. Files are written under a temporary name and renamed when
they are whole, so an interrupted download leaves nothing that must be removed by hand.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from senet_lab.data.folder import FOLDER_VARIABLE
from senet_lab.errors import StudyError

TEMPORARY = ".bringing-"  # begins the names of temporary files and folders


@contextlib.contextmanager
def alone(folder: Path, variable: str = FOLDER_VARIABLE) -> Iterator[None]:
    """Lets one process at a time in for a folder, and makes the folder where it is missing.

    A file system without locks lets several in. Then each makes the same data for itself, and the last one's file
    stays. variable: the environment variable that sets the folder, for the message. Raises StudyError where the folder
    cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"cannot make {folder} ({error.strerror}); set {variable} to another folder") from None
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire()
    except (OSError, NotImplementedError):
        yield
        return
    try:
        _remove_leftovers(folder)
        yield
    finally:
        lock.release()


def _remove_leftovers(folder: Path) -> None:
    """Removes the temporary files of processes that were killed while they held the lock."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A temporary folder inside ``folder``, removed at the end. Raises StudyError where it cannot be made."""
    try:
        place = tempfile.mkdtemp(prefix=TEMPORARY, dir=folder)
    except OSError as error:
        raise StudyError(f"cannot write to {folder} ({error.strerror}); set SENET_LAB_DATA to another one") from None
    try:
        yield Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def save_arrays(path: Path, **arrays: Any) -> None:
    """Writes an .npz file that appears whole or not at all. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=".npz", dir=path.parent)
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
