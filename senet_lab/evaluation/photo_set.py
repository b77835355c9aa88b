"""Labelled photos in canonical order."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from senet_lab.data.imagenet_labels import IMAGES, number_of
from senet_lab.errors import StudyError
from senet_lab.evaluation.photo_places import PhotoPlace

READ, BEGINNING = 64, 2_048  # how many photos are in a set's digest with their first bytes, and how many bytes of each


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo. name: its ILSVRC name if it has one. label: its class, 0 to 999. place: where its bytes are."""

    name: str
    label: int
    place: PhotoPlace

    @property
    def described(self) -> str:
        """The photo's file, with the photo's name if the file holds other photos too."""
        whole = self.place.size < 0 and self.place.row < 0
        return self.place.path if whole else f"{self.name} in {self.place.path}"


@dataclass(frozen=True)
class PhotoSet:
    """Labelled photos, sorted by name. layout: how they were found, in words."""

    photos: tuple[Photo, ...]
    layout: str

    @property
    def whole(self) -> bool:
        """Whether these are the 50,000 validation photos."""
        return len(self.photos) == IMAGES and all(number_of(p.name) == i for i, p in enumerate(self.photos, start=1))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all names and labels, and over the first bytes of READ photos, spread over the set.

        So photos of the same names with other pixels are another set; how they are laid out is not in it. A photo that
        was cut while it was copied has its first bytes, so the set is the same when it is mended. Raises StudyError for
        a photo that cannot be read.
        """
        found = hashlib.sha256("".join(f"{photo.name} {photo.label}\n" for photo in self.photos).encode())
        for photo in self.photos[:: -(-len(self.photos) // READ) or 1]:
            try:
                found.update(hashlib.sha256(photo.place.read()[:BEGINNING]).digest())
            except Exception as error:  # pyarrow raises many kinds
                why = " ".join(str(error).split())[:120]
                raise StudyError(f"{photo.described} cannot be read ({type(error).__name__}: {why})") from None
        return found.hexdigest()

    @property
    def title(self) -> str:
        """These photos' name in a heading."""
        if self.whole:
            return "ImageNet validation, 50,000 images"
        return f"{len(self.photos):,} images, not the whole ImageNet validation set"
