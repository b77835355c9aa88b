"""CIFAR as its authors publish it for Python: pickled batches, in a folder or in the archive itself.

Reading a pickle can run any program. So a batch is read only if its MD5 is the published one, and only by a reader
that knows nothing but numpy arrays.
"""

import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset

LABELS = {Dataset.CIFAR10: "labels", Dataset.CIFAR100: "fine_labels"}
REBUILD = np.empty(0).__reduce__()[0]  # pickles name this function in one of two modules, by numpy's version
KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): REBUILD,
    ("numpy._core.multiarray", "_reconstruct"): REBUILD,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArraysOnly(pickle.Unpickler):
    """Reads numbers, texts, lists, dictionaries and numpy arrays. Raises UnpicklingError for everything else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it would call {module}.{name}") from None


def published(dataset: Dataset) -> Any:
    """torchvision's class of a data set, which knows the names and MD5s of its archive and files."""
    from torchvision import datasets

    return datasets.CIFAR10 if dataset is Dataset.CIFAR10 else datasets.CIFAR100


def find_batches(dataset: Dataset, folder: Path) -> Path | None:
    """The folder of the batches, or their archive; None where there is neither.

    They may be in the data set's folder, beside it, or in a folder ``downloads`` beside it.
    """
    source = published(dataset)
    first = source.train_list[0][0]
    places = (folder, folder.parent, folder.parent / "downloads")
    for place in places:
        for inner in (place / source.base_folder, place):
            if (inner / first).is_file() and (inner / source.meta["filename"]).is_file():
                return inner
        if (place / source.filename).is_file():
            return place / source.filename
    return None


def read_batches(dataset: Dataset, path: Path) -> dict[str, tuple[Any, Any]]:
    """Images uint8 N 3072 and labels N of ``train`` and ``test``, from a folder of batches or from the archive.

    Raises StudyError for a file that is missing or damaged, or that is not the published one.
    """
    source = published(dataset)
    read = _from_archive if path.is_file() else _from_folder
    found = {}
    for split, files in (("train", source.train_list), ("test", source.test_list)):
        names = [name for name, _ in files]
        parts = [
            _batch(content, md5, where, LABELS[dataset])
            for (content, where), (_, md5) in zip(read(path, source.base_folder, names), files, strict=True)
        ]
        images, labels = zip(*parts, strict=True)
        found[split] = (np.concatenate(images), np.concatenate(labels))
    return found


def _from_folder(folder: Path, base: str, names: list[str]) -> Iterator[tuple[bytes, str]]:
    for name in names:
        try:
            yield (folder / name).read_bytes(), str(folder / name)
        except OSError as error:
            raise StudyError(f"{folder / name}: {error.strerror}; copy the whole of {base} there") from None


def _from_archive(path: Path, base: str, names: list[str]) -> Iterator[tuple[bytes, str]]:
    try:
        with tarfile.open(path) as archive:
            for name in names:
                file = archive.extractfile(f"{base}/{name}")
                yield (file.read() if file else b""), f"{path}:{base}/{name}"
    except (tarfile.TarError, zlib.error, KeyError, EOFError, OSError) as error:
        raise StudyError(f"{path} is damaged ({' '.join(str(error).split())}); copy it again") from None


def _batch(content: bytes, md5: str, where: str, labels: str) -> tuple[Any, Any]:
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise StudyError(f"{where} is not the published file (its MD5 is {found}, not {md5}); copy it again")
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
        return np.asarray(batch["data"]), np.asarray(batch[labels])
    except (pickle.UnpicklingError, KeyError, TypeError, ValueError, EOFError) as error:
        raise StudyError(f"{where} is no batch of images ({error})") from None
