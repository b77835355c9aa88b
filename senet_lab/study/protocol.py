"""Protocol: everything that decides a number besides the network. It has a name and a version; its value is hashed."""

from dataclasses import dataclass, field
from enum import StrEnum

from senet_lab.study.detection import Detection
from senet_lab.study.names import check_name
from senet_lab.study.schedule import Schedule
from senet_lab.study.values import PROSE, convert_fields, since

HELD_OUT = "held-out training"  # evaluation_split of a protocol that evaluates on every tenth training image


class Dataset(StrEnum):
    """The data sets. The names are those in the published numbers, without the split."""

    SYNTHETIC = "synthetic"
    CIFAR10 = "cifar10"
    CIFAR100 = "cifar100"
    IMAGENET = "imagenet"
    IMAGENETTE = "imagenette"  # ten of ImageNet's classes
    PLACES365 = "places365"
    COCO = "coco"  # objects in photos
    FOLDER = "folder"  # photos of a user, in folders of classes

    @property
    def of_photos(self) -> bool:
        """Whether the images are files of many sizes, read one by one. Other data sets are arrays in memory."""
        return self not in (Dataset.SYNTHETIC, Dataset.CIFAR10, Dataset.CIFAR100)


class Precision(StrEnum):
    """The arithmetic of forward and backward passes. Weights, statistics and updates are always in fp32."""

    FP32 = "fp32"
    BF16 = "bf16"  # autocast


class Crop(StrEnum):
    """How training images are cropped."""

    NONE = "none"
    PAD_CROP = "pad-crop"  # zero padding, then a random crop of the original size
    REFLECT_CROP = "reflect-crop"  # the same with reflected padding
    RESIZED_CROP = "resized-crop"  # random area and aspect ratio


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """The photos in a user's own folder. digest: a hash of its classes and of its files' names and sizes."""

    name: str
    digest: str

    def __post_init__(self) -> None:
        convert_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """A recipe for training and evaluation. Every field without PROSE is part of a cell's key.

    image_size: pixels of the image's side in training and evaluation. train_images, test_images: the numbers of images
    that are used, counted after training images are held out and after train_images_per_class; a data set that gives
    other numbers is refused. crop_padding, cutout: pixels (0: none). weight_decay applies to
    every parameter, or only to the weights of convolutions and FC layers where decay_norm_and_bias is False. photos:
    the user's folder, for the data set "folder". training_sizes: pixels of the training crop in each epoch, where it
    grows; image_size is then for evaluation only. train_images_per_class: only so many are used, evenly spaced in
    canonical order (0: all). detection: for networks that find objects; num_classes is then without the background, and
    image_size is that of a photo's shorter side. small_photos: training crops are cut from photos that were resized
    once to this shorter side in pixels (0: from the photos as they are).

    Two protocols are equal where all fields without PROSE are equal. Raises ValueError for fields that contradict each
    other.
    """

    name: str
    version: int = 1
    dataset: Dataset
    num_classes: int
    image_size: int
    train_images: int
    test_images: int
    evaluation_split: str  # "test" for CIFAR, "validation" for ImageNet
    crop: Crop = Crop.PAD_CROP
    crop_padding: int = 4
    flip: bool = True
    cutout: int = 0
    resize: int = 0  # shorter edge before the central test crop; 0: images are used as they are
    batch_size: int = 128
    epochs: int
    schedule: Schedule
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    decay_norm_and_bias: bool = True
    label_smoothing: float = 0.0
    precision: Precision = Precision.FP32
    photos: PhotoSet | None = field(default=None, metadata=since(2))
    training_sizes: tuple[int, ...] = field(default=(), metadata=since(2))
    train_images_per_class: int = field(default=0, metadata=since(2))
    detection: Detection | None = field(default=None, metadata=since(3))
    small_photos: int = field(default=0, metadata=since(3))
    # For readers.
    title: str = field(default="", metadata=PROSE, compare=False)
    departures: tuple[str, ...] = field(default=(), metadata=PROSE, compare=False)

    def __post_init__(self) -> None:
        convert_fields(self)
        check_name("a protocol's name", self.name)
        if self.epochs < 1 or not 1 <= self.batch_size <= self.train_images:
            few = self.batch_size > self.train_images
            raise ValueError(
                f"protocol {self.name}: {self.epochs} epochs of batches of {self.batch_size} cannot be trained"
                + f": there are {self.train_images} training images; take a recipe with smaller batches" * few
            )
        if (self.dataset is Dataset.FOLDER) != (self.photos is not None):
            raise ValueError(f"protocol {self.name}: photos belong to the data set folder, which needs them")
        if self.training_sizes and (len(self.training_sizes) != self.epochs or min(self.training_sizes) < 1):
            raise ValueError(
                f"protocol {self.name}: {len(self.training_sizes)} training sizes for {self.epochs} epochs; it needs "
                "one for each, of at least a pixel"
            )
        whole = self.dataset.of_photos and self.detection is None
        if self.small_photos and not (whole and self.small_photos >= self.image_size):
            raise ValueError(
                f"protocol {self.name}: images of {self.dataset.value}, {self.image_size} pixels, cannot be cut from "
                f"photos with a shorter side of {self.small_photos}"
            )
        if self.detection is not None:
            self._check_detection(self.detection)

    def check_meant(self) -> None:
        """Raises ValueError for values that cannot be meant, before anything is trained with them.

        Records of earlier versions may have such a protocol, so it can be made all the same.
        """
        self._check_ranges()
        self._check_crop()
        self._check_unread()
        if mistake := self.schedule.mistake(self.epochs):
            raise ValueError(f"protocol {self.name}: {mistake}")

    def _check_ranges(self) -> None:
        cut = self.image_size if self.dataset.of_photos and self.detection is None else 0  # cut from resized photos
        for name, fits, text in (
            ("num_classes", self.num_classes >= 2, "2 or more"),
            ("image_size", self.image_size >= 1, "1 or more"),
            ("test_images", self.test_images >= 1, "1 or more"),
            ("crop_padding", self.crop_padding >= 0, "0 or more"),
            ("cutout", self.cutout >= 0, "0 or more"),
            ("resize", self.resize >= cut, f"{cut} or more"),
            ("weight_decay", self.weight_decay >= 0, "0 or more"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and below 1"),
        ):
            if not fits:
                raise ValueError(f"protocol {self.name}: {name} is {getattr(self, name)}; it must be {text}")
        if self.nesterov and not self.momentum:
            raise ValueError(f"protocol {self.name}: nesterov needs a momentum above 0")

    def _check_crop(self) -> None:
        """Raises ValueError for a crop that the kind of images does not have, or that its padding contradicts."""
        if self.detection is not None:
            return
        if self.dataset.of_photos and self.crop is not Crop.RESIZED_CROP:
            raise ValueError(f"protocol {self.name}: photos are trained on with crop 'resized-crop', not {self.crop}")
        if not self.dataset.of_photos and self.crop is Crop.RESIZED_CROP:
            raise ValueError(f"protocol {self.name}: crop 'resized-crop' is for photos, not for {self.dataset.value}")
        if self.crop is Crop.NONE and self.crop_padding:
            padding = f"crop_padding is {self.crop_padding}; set it to 0"
            raise ValueError(f"protocol {self.name}: crop 'none' has no padding, but {padding}")

    def _check_unread(self) -> None:
        """Raises ValueError for what is not read for this kind of images: a record would say that it was applied."""
        if self.dataset is Dataset.COCO and self.detection is None:
            raise ValueError(f"protocol {self.name}: photos with boxes need detection")
        arrays, boxes = not self.dataset.of_photos, self.detection is not None
        kind = "images in arrays" if arrays else "photos with boxes" if boxes else "photos"
        for name, unread in (
            ("cutout", self.cutout and not arrays),
            ("crop_padding", self.crop_padding and not arrays),
            ("resize", self.resize and (arrays or boxes)),
            ("training_sizes", self.training_sizes and (arrays or boxes)),
            ("evaluation_split", self.evaluation_split == HELD_OUT and not arrays),
        ):
            if unread:
                found = getattr(self, name)
                raise ValueError(f"protocol {self.name}: {name} is {found!r}, which {kind} do not have; leave it out")

    def _check_detection(self, detection: Detection) -> None:
        if detection.longest < self.image_size:
            raise ValueError(
                f"protocol {self.name}: longest is {detection.longest}, below image_size, which is {self.image_size}"
            )
        if self.batch_size % detection.images_together:
            raise ValueError(
                f"protocol {self.name}: {detection.images_together} images together do not divide a batch of "
                f"{self.batch_size}"
            )
        if detection.epoch_steps * self.batch_size > self.train_images:
            raise ValueError(
                f"protocol {self.name}: {self.train_images} photos are less than {detection.epoch_steps} steps of "
                f"{self.batch_size}"
            )
        if self.dataset not in (Dataset.COCO, Dataset.FOLDER):
            raise ValueError(f"protocol {self.name}: {self.dataset.value} has no boxes")

    def training_size(self, epoch: int) -> int:
        """Pixels of the training crop's side in an epoch (from 0)."""
        return self.training_sizes[epoch] if self.training_sizes else self.image_size

    @property
    def relative_work(self) -> float:
        """The mean cost of a training image, relative to one of ``image_size``. Below 1 where training crops grow."""
        sizes = self.training_sizes or (self.image_size,)
        return sum((size / self.image_size) ** 2 for size in sizes) / len(sizes)

    @property
    def data_name(self) -> str:
        """The name of the data set; for a user's folder, "folder" and its own name."""
        return f"folder {self.photos.name}" if self.photos else self.dataset.value

    @property
    def recipe(self) -> str:
        """The protocol's name; on a user's photos the name of the recipe that they are trained with."""
        return self.name.removeprefix(f"{self.photos.name}-by-") if self.photos else self.name

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch. Only whole batches count, so each epoch leaves out a few images, not always the
        same ones."""
        shorter = self.detection.epoch_steps if self.detection else 0
        return shorter or self.train_images // self.batch_size

    @property
    def synthetic(self) -> bool:
        """Whether the images are generated. Numbers on them say nothing about a real data set."""
        return self.dataset is Dataset.SYNTHETIC
