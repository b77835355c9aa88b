"""Photos that cannot be used: what is wrong with them, what mends it, and what a run does with training photos so."""

import errno
import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from senet_lab.errors import NoData, StudyError


class Kind(StrEnum):
    """What cannot be used."""

    PHOTO = "photo"  # its bytes are no photo
    PACK = "pack"  # a file of photos that were resized once; the photos themselves may be sound
    UNREAD = "unread"  # a file that the system does not give; the photo may be sound


ON_ITS_SIDE = "it may be stored on its side, with its orientation in EXIF"  # a photo whose sides are exchanged
MENDS = {
    Kind.PHOTO: "copy it again",
    Kind.PACK: "remove this file, and it is made again from the photos",
    Kind.UNREAD: "the photo may be sound: see to the file system or to its rights, and give the command again",
}


class Damage(NamedTuple):
    """A file that cannot be used, and why."""

    path: str
    why: str
    kind: Kind = Kind.PHOTO

    @property
    def text(self) -> str:
        """What is wrong, in words."""
        return f"{self.path} {'cannot be read' if self.kind is Kind.UNREAD else 'is damaged'} ({self.why})"

    @property
    def mended(self) -> str:
        """The same with what mends it."""
        return f"{self.text}; {MENDS[self.kind]}"


class DamagedPhoto(Exception):
    """A photo cannot be decoded. path: its file. why: the reason."""

    kind = Kind.PHOTO

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.damage = Damage(path, why, self.kind)


class UnreadPhoto(DamagedPhoto):
    """The system does not give a photo's file. Another photo must not take its place: the next try may read it."""

    kind = Kind.UNREAD


def refuse_unread(error: Exception, path: str) -> None:
    """Raises UnreadPhoto where an error is the system's, which does not give the file of this path.

    EINVAL is not, since a damaged pack names places that no file has.
    """
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        raise UnreadPhoto(path, error.strerror or str(error)) from None


class DamagedPack(DamagedPhoto):
    """A pack is damaged. The photos themselves are not, so none of them may be left out for that."""

    kind = Kind.PACK


class Skipped(dict[str, str]):
    """The damaged photos that were left out: why, by their path below ``root``.

    allowed: whether any may be. own: whether the photos are a user's own, which make another data set when their sizes
    change.
    """

    def __init__(self, root: str | Path, allowed: bool, own: bool = False) -> None:
        super().__init__()
        self.root, self.allowed, self.own = root, allowed, own

    def note(self, damaged: Iterable[Damage], lacking: bool) -> None:
        """Leaves out photos, and says so once for each.

        lacking: whether no other photo could stand for them. Raises NoData then, where none may be left out, and for a
        damaged pack; StudyError for a file that the system does not give.
        """
        for one in damaged:
            if one.kind is Kind.UNREAD:  # other runs may read it again, so they are not given up
                raise StudyError(one.mended)
            if one.kind is Kind.PACK:
                raise NoData(one.mended)
            if lacking:
                raise NoData(f"{one.mended}: no other photo may stand for it{self._begins_anew}")
            if not self.allowed:
                raise NoData(f"{one.mended}{self._begins_anew}, or train without it by --skip-damaged, which goes on")
            name = os.path.relpath(one.path, self.root)
            if name not in self:
                self[name] = one.why
                print(f"skipped: {one.text}", file=sys.stderr)

    @property
    def _begins_anew(self) -> str:
        return " (with another size it is another data set, and training begins anew)" if self.own else ""
