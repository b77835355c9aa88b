"""Released weights of other people, and how photos are resized and cropped for them."""

from dataclasses import dataclass

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INTERPOLATIONS = ("bilinear", "bicubic", "nearest")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a photo is prepared for a network.

    size: the side of the central crop, in pixels. resize: the photo's shorter side before the crop, in pixels. mean,
    std: the normalisation of each colour, for values from 0 to 1. Raises ValueError for a crop that is larger than the
    shorter side, or an unknown interpolation.
    """

    size: int = 224
    resize: int = 256
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        if not 0 < self.size <= self.resize:
            raise ValueError(f"a crop of {self.size} pixels does not fit a shorter side of {self.resize}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation {self.interpolation!r} is none of {', '.join(INTERPOLATIONS)}")

    @property
    def geometry(self) -> tuple[int, int, str]:
        """The fields that decide which pixels a network sees: shorter side, crop, interpolation."""
        return self.resize, self.size, self.interpolation

    def __str__(self) -> str:
        return f"central {self.size} of shorter side {self.resize}, {self.interpolation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Released weights that stand for a row of a table. They were not trained by the paper's authors for that row.

    source: ``timm:NAME``, ``torchvision:NAME.WEIGHTS`` or ``file:PATH``. recipe: how they were trained, in words. view:
    how photos are prepared; None for the source's own view. published: the row of ``release.csv`` with their published
    error in this view, if there is one.
    """

    source: str
    recipe: str
    view: View | None = None
    published: str | None = None
