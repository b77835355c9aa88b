"""Training photos that are resized once and kept in packs, as ``Protocol.small_photos`` asks for.

    $SENET_LAB_SMALL_PHOTOS, or <data folder>/small-photos
        photos400/<digest>.pack          PER_PACK photos, in their order

A pack is WORD, a SHA-256 of its photos and their lengths, an INDEX entry for each photo and one for the end of the
last, and the photos as JPEG. An entry is where the photo begins and the CRC-32 of its bytes, which is compared whenever
the photo is read. A photo of no length is not in the pack, because its own file is small enough or damaged; that file
is read instead.
A pack is named after the files that it was made from. It appears whole or not at all, and only missing packs are made.
"""

import contextlib
import hashlib
import io
import multiprocessing
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from senet_lab.data.damaged import DamagedPack, DamagedPhoto, Kind, refuse_unread
from senet_lab.data.first_use import alone, temporary_prefix
from senet_lab.data.folder import data_folder
from senet_lab.data.photo_folders import PhotoList
from senet_lab.data.photos import read_photo
from senet_lab.errors import StudyError
from senet_lab.loading import begin_pass
from senet_lab.machine import cores, living_processes

VARIABLE = "SENET_LAB_SMALL_PHOTOS"
PACK = ".pack"  # the end of a pack's name
PER_PACK = 1_000
WORD = b"senet_lab photos 2\n"
INDEX = np.dtype([("begin", "<u8"), ("crc", "<u4")])
QUALITY = 95
RULE = f"shorter side, lanczos, JPEG {QUALITY}"  # how small photos are made; part of a pack's name
HEAD = len(WORD) + hashlib.sha256().digest_size
SAY_SECONDS = 10.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class SmallPhotos:
    """The packs of a list of photos."""

    packs: tuple[Path, ...]

    def read(self, index: int) -> Image.Image | None:
        """A photo of the list as RGB; None where its own file is to be read.

        Raises DamagedPack, and UnreadPhoto where the system does not give the pack.
        """
        pack, place = divmod(index, PER_PACK)
        path = self.packs[pack]
        try:
            with open(path, "rb", buffering=0) as file:
                file.seek(HEAD + INDEX.itemsize * place)
                (first, crc), (last, _) = np.frombuffer(file.read(2 * INDEX.itemsize), INDEX).tolist()
                if first == last:
                    return None
                file.seek(first)
                data = file.read(max(0, last - first))
            if zlib.crc32(data) != crc:
                raise ValueError("its bytes are not those that were written")
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                return image
        except (OSError, ValueError, SyntaxError, OverflowError, MemoryError) as error:
            refuse_unread(error, str(path))
            raise DamagedPack(str(path), f"photo {place}: {error}") from None

    def digest(self) -> str:
        """SHA-256 over the digests that the packs state. Raises StudyError for a file that is not a pack."""
        found = hashlib.sha256()
        for path in self.packs:
            found.update(_head(path) or b"")
        return found.hexdigest()


def small_photos(photos: PhotoList, side: int, *, skip_damaged: bool = False, say: Say | None = None) -> SmallPhotos:
    """The photos, resized to a shorter side of at most ``side`` pixels.

    Missing packs are made in as many processes as there are cores. Other processes that ask for them wait. ``say``
    gets the progress in words; None prints it on stderr. skip_damaged: whether a damaged photo is left out of its
    pack. Training then reads the photo's own file, and finds the damage there.
    Raises StudyError where a photo is damaged or the folder cannot be written. The packs made so far are kept.
    """
    folder = Path(os.environ.get(VARIABLE) or data_folder() / "small-photos") / f"photos{side}"
    parts = [range(start, min(start + PER_PACK, len(photos))) for start in range(0, len(photos), PER_PACK)]
    found = SmallPhotos(tuple(folder / f"{_name(photos, part, side)}{PACK}" for part in parts))
    if any(_head(path) is None for path in found.packs):
        with alone(folder, VARIABLE):
            missing = [number for number, path in enumerate(found.packs) if _head(path) is None]
            maker = _Maker(photos, side, [(parts[number], found.packs[number]) for number in missing], skip_damaged)
            _make(maker, say or _on_stderr)
    return found


def _name(photos: PhotoList, part: range, side: int) -> str:
    """The name of a pack: a digest of the files that it is made from, and of how."""
    about = hashlib.sha256(WORD + f"{photos.root.resolve()}\n{side}\n{RULE}".encode())
    for index in part:
        about.update(b"\n%s\t%d" % (bytes(photos.files[index]), photos.sizes[index]))
    return about.hexdigest()[:24]


def _head(path: Path) -> bytes | None:
    """The digest that a pack states; None without a pack. Raises StudyError for a file that is not a pack."""
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
    """Makes packs in loader processes, one for each item. An item is the message of what went wrong, or empty."""

    def __init__(self, photos: PhotoList, side: int, wanted: Sequence[tuple[range, Path]], skip_damaged: bool) -> None:
        self.photos, self.side, self.wanted, self.skip_damaged = photos, side, wanted, skip_damaged

    def __len__(self) -> int:
        return len(self.wanted)

    def __getitem__(self, number: int) -> str:
        part, path = self.wanted[number]
        try:
            _write(path, [self._small(self.photos.path(index)) for index in part])
        except DamagedPhoto as error:
            skip = ", or train without it by --skip-damaged" if error.kind is Kind.PHOTO else ""
            return f"{error.damage.mended}{skip}"
        except OSError as error:
            return f"{path.parent} cannot be written ({error.strerror}); make room, or set {VARIABLE} to another folder"
        return ""

    def _small(self, path: str) -> bytes:
        with contextlib.suppress(Exception), Image.open(path) as image:
            if min(image.size) <= self.side:
                return b""  # small enough; the size is known without decoding
        try:
            photo = read_photo(path)
        except DamagedPhoto as error:
            if self.skip_damaged and error.kind is Kind.PHOTO:
                return b""
            raise
        scale = self.side / min(photo.size)
        width, height = (max(self.side, round(scale * length)) for length in photo.size)
        made = io.BytesIO()
        photo.resize((width, height), Image.Resampling.LANCZOS).save(made, "JPEG", quality=QUALITY)
        return made.getvalue()


def _write(path: Path, photos: Sequence[bytes]) -> None:
    index = np.zeros(len(photos) + 1, INDEX)
    index["begin"] = HEAD + index.nbytes + np.cumsum([0, *(len(photo) for photo in photos)])
    index["crc"][:-1] = [zlib.crc32(photo) for photo in photos]
    # As packs without CRCs had it, in which the photos began after 8 bytes for each: equal photos, equal digest.
    begins = index["begin"] - np.uint64(index.nbytes - 8 * len(index))
    digest = hashlib.sha256(b"".join([begins.tobytes(), *photos])).digest()
    content = b"".join([index.tobytes(), *photos])
    descriptor, name = tempfile.mkstemp(prefix=temporary_prefix(), dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(WORD + digest + content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _make(maker: _Maker, say: Say) -> None:
    """Makes the packs and says how far it is. Raises StudyError with the first message of what went wrong."""
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
    with living_processes("photos to be made small"):
        for (part, _), wrong in zip(maker.wanted, begin_pass(loader), strict=True):
            if wrong:
                raise StudyError(wrong)
            done += len(part)
            if time.monotonic() - said >= SAY_SECONDS:
                said = time.monotonic()
                say(f"{done:,} of {many:,} small photos")


def _on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
