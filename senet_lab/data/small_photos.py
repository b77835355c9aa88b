"""Training photos that were resized once, in packs of many: what ``Protocol.small_photos`` asks for.

    $SENET_LAB_SMALL_PHOTOS, or <data folder>/small-photos
        photos400/<digest>.pack          PER_PACK photos, in their order

A pack begins with a word of its own and the SHA-256 of all that follows: where each photo begins, as little-endian
numbers of 8 bytes, one more than there are photos; and the photos as JPEG. One of no length is used as it is. A pack is
named after the files that it was made of, so it appears whole or not at all, and only what is missing is made.
"""

import contextlib
import hashlib
import io
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from senet_lab.data.first_use import TEMPORARY, alone
from senet_lab.data.folder import data_folder
from senet_lab.data.photo_folders import PhotoList
from senet_lab.data.photos import DamagedPhoto, read_photo
from senet_lab.errors import StudyError
from senet_lab.machine import cores

VARIABLE = "SENET_LAB_SMALL_PHOTOS"
PER_PACK = 1_000
WORD = b"senet_lab photos 1\n"
QUALITY = 95
RULE = f"shorter side, lanczos, JPEG {QUALITY}"  # how they are made
HEAD = len(WORD) + hashlib.sha256().digest_size
SAY_SECONDS = 10.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class SmallPhotos:
    """The packs of a list of photos."""

    packs: tuple[Path, ...]

    def read(self, index: int) -> Image.Image | None:
        """A photo of the list as RGB; None for one that is used as it is. Raises DamagedPhoto."""
        pack, place = divmod(index, PER_PACK)
        path = self.packs[pack]
        try:
            with open(path, "rb", buffering=0) as file:
                file.seek(HEAD + 8 * place)
                first, last = np.frombuffer(file.read(16), "<u8").tolist()
                if first == last:
                    return None
                file.seek(first)
                data = file.read(last - first)
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                return image
        except (OSError, ValueError, SyntaxError) as error:
            raise DamagedPhoto(str(path), f"photo {place}: {error}; remove this file to have it made again") from None

    def digest(self) -> str:
        """SHA-256 over those of the packs. Raises StudyError for one that is damaged."""
        found = hashlib.sha256()
        for path in self.packs:
            found.update(_head(path) or b"")
        return found.hexdigest()


def small_photos(photos: PhotoList, side: int, *, skip_damaged: bool = False, say: Say | None = None) -> SmallPhotos:
    """The photos with a shorter side of at most ``side`` pixels; makes those that are missing, in as many processes as
    there are cores, while other processes that ask for them wait.

    Raises StudyError, with all packs kept that are whole, where a photo is damaged (unless skip_damaged: whoever reads
    it then meets it as it is) or the folder cannot be written.
    """
    folder = Path(os.environ.get(VARIABLE) or data_folder() / "small-photos") / f"photos{side}"
    parts = [range(start, min(start + PER_PACK, len(photos))) for start in range(0, len(photos), PER_PACK)]
    found = SmallPhotos(tuple(folder / f"{_name(photos, part, side)}.pack" for part in parts))
    if any(_head(path) is None for path in found.packs):
        with alone(folder, VARIABLE):
            missing = [number for number, path in enumerate(found.packs) if _head(path) is None]
            maker = _Maker(photos, side, [(parts[number], found.packs[number]) for number in missing], skip_damaged)
            _make(maker, say or _on_stderr)
    return found


def _name(photos: PhotoList, part: range, side: int) -> str:
    """Of the files that a pack is made of, and how."""
    about = hashlib.sha256(f"{photos.root.resolve()}\n{side}\n{RULE}".encode())
    for index in part:
        about.update(b"\n%s\t%d" % (bytes(photos.files[index]), photos.sizes[index]))
    return about.hexdigest()[:24]


def _head(path: Path) -> bytes | None:
    """The digest that a pack says; None where there is none. Raises StudyError for a file that is no pack."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror})") from None
    if len(head) < HEAD or not head.startswith(WORD):
        raise StudyError(f"{path} is no pack of small photos; remove it to have it made again")
    return head[len(WORD) :]


class _Maker(Dataset[str]):
    """Makes packs in loader processes: each item is one pack, and comes out as what went wrong, empty for nothing."""

    def __init__(self, photos: PhotoList, side: int, wanted: Sequence[tuple[range, Path]], skip_damaged: bool) -> None:
        self.photos, self.side, self.wanted, self.skip_damaged = photos, side, wanted, skip_damaged

    def __len__(self) -> int:
        return len(self.wanted)

    def __getitem__(self, number: int) -> str:
        part, path = self.wanted[number]
        try:
            _write(path, [self._small(self.photos.path(index)) for index in part])
        except DamagedPhoto as error:
            return f"{error.path} is damaged ({error.why}); copy it again, or train without it by --skip-damaged"
        except OSError as error:
            return f"{path.parent} cannot be written ({error.strerror}); make room, or set {VARIABLE} to another folder"
        return ""

    def _small(self, path: str) -> bytes:
        with contextlib.suppress(Exception), Image.open(path) as image:
            if min(image.size) <= self.side:
                return b""  # without decoding it
        try:
            photo = read_photo(path)
        except DamagedPhoto:
            if self.skip_damaged:
                return b""
            raise
        scale = self.side / min(photo.size)
        width, height = (max(self.side, round(scale * length)) for length in photo.size)
        made = io.BytesIO()
        photo.resize((width, height), Image.Resampling.LANCZOS).save(made, "JPEG", quality=QUALITY)
        return made.getvalue()


def _write(path: Path, photos: Sequence[bytes]) -> None:
    first = HEAD + 8 * (len(photos) + 1)
    begins = np.cumsum([first, *(len(photo) for photo in photos)]).astype("<u8")
    content = b"".join([begins.tobytes(), *photos])
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(WORD + hashlib.sha256(content).digest() + content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _make(maker: _Maker, say: Say) -> None:
    """Raises StudyError with the first thing that went wrong."""
    if not len(maker):
        return
    many = sum(len(part) for part, _ in maker.wanted)
    say(f"makes {many:,} small photos in {maker.wanted[0][1].parent}, once")
    processes = 0 if multiprocessing.current_process().daemon else min(cores(), len(maker))
    options: dict[str, Any] = {"prefetch_factor": 1} if processes else {}
    if processes and sys.platform == "linux":
        options["multiprocessing_context"] = "fork"
    loader: Any = DataLoader(maker, batch_size=None, num_workers=processes, **options)
    said, done = time.monotonic(), 0
    with warnings.catch_warnings():  # of forking beside threads, of which the children use none
        warnings.simplefilter("ignore", DeprecationWarning)
        for (part, _), wrong in zip(maker.wanted, loader, strict=True):
            if wrong:
                raise StudyError(wrong)
            done += len(part)
            if time.monotonic() - said >= SAY_SECONDS:
                said = time.monotonic()
                say(f"{done:,} of {many:,} small photos")


def _on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
