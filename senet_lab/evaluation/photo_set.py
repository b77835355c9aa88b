"""Labelled photos in canonical order."""

import hashlib
from dataclasses import dataclass

from senet_lab.evaluation.labels import IMAGES, number_of
from senet_lab.evaluation.photo_places import PhotoPlace


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


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Labelled photos, sorted by name. layout: how they were found, in words."""

    photos: tuple[Photo, ...]
    layout: str

    @property
    def whole(self) -> bool:
        """Whether these are the 50,000 validation photos."""
        return len(self.photos) == IMAGES and all(number_of(p.name) == i for i, p in enumerate(self.photos, start=1))

    @property
    def digest(self) -> str:
        """SHA-256 over names and labels. The pixels are not in it."""
        text = "".join(f"{photo.name} {photo.label}\n" for photo in self.photos)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def title(self) -> str:
        """These photos' name in a heading."""
        if self.whole:
            return "ImageNet validation, 50,000 images"
        return f"{len(self.photos):,} images, not the whole ImageNet validation set"
