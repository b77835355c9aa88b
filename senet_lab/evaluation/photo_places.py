"""Where the bytes of a photo lie: in a file, inside a tar, or in a row of a parquet file."""

import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from senet_lab.data.photo_folders import SUFFIXES, visible
from senet_lab.errors import StudyError, to_install

DEPTH = 4  # photos are looked for in DEPTH + 1 levels of folders below the named one
OTHERS = {"train", "test", "annotations", "sbox"}  # folders of a data set that hold no validation photos


@dataclass(frozen=True, slots=True)
class PhotoPlace:
    """Where a photo's bytes are: ``size`` bytes of a file from ``offset`` on (-1: the whole file), or a parquet row."""

    path: str
    offset: int = 0
    size: int = -1
    row: int = -1

    def read(self) -> bytes:
        """The photo's bytes. Raises OSError where they cannot be read."""
        if self.row >= 0:
            return _parquet(self.path).image(self.row)
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file. parts: of its path below the named folder or archive. place: where its bytes are."""

    parts: tuple[str, ...]
    place: PhotoPlace

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return self.parts[-1]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self.name.rsplit(".", 1)[0]

    @property
    def is_photo(self) -> bool:
        """Whether the file is a photo, by its suffix."""
        return self.name.lower().endswith(SUFFIXES)


def in_folder(root: Path) -> Iterator[Entry]:
    """Every file below a folder, except hidden ones and those in OTHERS. Raises StudyError for what cannot be read."""
    if not root.is_dir():
        raise StudyError(f"{root} is neither a folder nor a tar file")

    def refuse(error: OSError) -> None:
        raise StudyError(f"{error.filename} cannot be read ({error.strerror})")

    for folder, inner, files in os.walk(root, onerror=refuse, followlinks=True):
        parts = Path(folder).relative_to(root).parts
        inner[:] = sorted(name for name in inner if visible(name) and name.lower() not in OTHERS)
        if len(parts) >= DEPTH + 1:
            inner.clear()
        for name in sorted(files):
            if visible(name):
                yield Entry((*parts, name), PhotoPlace(os.path.join(folder, name)))


def in_tar(path: Path) -> Iterator[Entry]:
    """Every file in an uncompressed tar, with the place of its bytes. Raises StudyError for any other ``path``."""
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                parts = tuple(part for part in member.name.split("/") if part not in ("", "."))
                if member.isfile() and all(map(visible, parts)):
                    yield Entry(parts, PhotoPlace(str(path), member.offset_data, member.size))
    except (tarfile.TarError, EOFError, OSError) as error:
        compressed = path.suffix.lower() in (".gz", ".tgz", ".bz2", ".xz", ".zst")
        how = "unpack it first: photos are read from their places in the tar" if compressed else "copy it anew"
        raise StudyError(f"{path} is no uncompressed tar ({' '.join(str(error).split())[:80]}); {how}") from None


class ParquetPhotos:
    """The rows of one parquet file with a column ``image`` of {bytes, path} and a column ``label``.

    Raises StudyError where pyarrow is not installed, and for a file of another kind.
    """

    def __init__(self, path: str) -> None:
        try:
            import pyarrow.parquet as parquet
        except ImportError:
            raise StudyError(f"{path} needs pyarrow, which is not installed; {to_install('parquet')}") from None
        try:
            self.path, self.file = path, parquet.ParquetFile(path)
            self.starts = [0]
            for group in range(self.file.metadata.num_row_groups):
                self.starts.append(self.starts[-1] + self.file.metadata.row_group(group).num_rows)
        except Exception as error:  # pyarrow raises many kinds
            raise StudyError(f"{path} is no parquet file ({' '.join(str(error).split())[:80]})") from None
        self._group: tuple[int, Any] = (-1, None)

    def entries(self) -> list[tuple[str, int]]:
        """The name and the label of each row. Raises StudyError where a column is missing."""
        try:
            table = self.file.read(columns=["image.path", "label"]).to_pydict()
            return [
                (image.get("path") or "", label) for image, label in zip(table["image"], table["label"], strict=True)
            ]
        except Exception as error:
            raise StudyError(f"{self.path} lacks the columns image and label ({str(error)[:80]})") from None

    def image(self, row: int) -> bytes:
        """The bytes of a row's photo. The row group that was read last stays in memory."""
        group = next(g for g in range(len(self.starts) - 1) if row < self.starts[g + 1])
        if self._group[0] != group:
            self._group = group, self.file.read_row_group(group, columns=["image.bytes"]).column(0)
        data: bytes = self._group[1][row - self.starts[group]].as_py()["bytes"]
        return data


@lru_cache(maxsize=16)
def _parquet(path: str) -> ParquetPhotos:
    return ParquetPhotos(path)


def parquet_rows(path: Path) -> Iterator[tuple[Entry, int]]:
    """Every photo of a parquet file with its class number. A row without a name is named after file and row."""
    for row, (name, label) in enumerate(_parquet(str(path)).entries()):
        yield Entry((name.rsplit("/", 1)[-1] or f"{path.stem}-{row:06}.JPEG",), PhotoPlace(str(path), row=row)), label


def text_of(entry: Entry) -> str:
    """The content of a small text file, without white space around it."""
    return io.TextIOWrapper(io.BytesIO(entry.place.read()), errors="replace").read().strip()
