"""Weights that somebody trained and released, and how images are shown to them."""

from dataclasses import dataclass

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INTERPOLATIONS = ("bilinear", "bicubic", "nearest")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a photo is shown to a network: shorter side, central crop (pixels), and normalisation (units of 0 to 1).

    Raises ValueError for a crop that is larger than the shorter side.
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
        """What decides the pixels: shorter side, crop, interpolation."""
        return self.resize, self.size, self.interpolation

    def __str__(self) -> str:
        return f"central {self.size} of shorter side {self.resize}, {self.interpolation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Weights for a row of a table. They are no run of the paper.

    source: ``timm:NAME``, ``torchvision:NAME.WEIGHTS`` or ``file:PATH``. recipe: how they were trained, in words.
    view: None for the source's own. published: the row of edition ``release`` that states their error, if any.
    """

    source: str
    recipe: str
    view: View | None = None
    published: str | None = None
