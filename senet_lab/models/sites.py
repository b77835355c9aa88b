"""Site: one possible place of a block. A unit knows where a block may sit; the factory knows which one sits there."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from torch import Tensor, nn

from senet_lab.models.se_block import SEBlock
from senet_lab.study.block import BlockSpec
from senet_lab.study.se import Integration, SESpec


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a network. stage: as the paper numbers it. unit: from 1 in its stage. channels: of the map there."""

    stage: int
    unit: int
    point: Integration
    channels: int

    @property
    def name(self) -> str:
        """The paper's name of a block here, as in its figure of excitations: SE_2_3 is stage 2, unit 3."""
        return f"SE_{self.stage}_{self.unit}"


AttentionFactory = Callable[[Site], nn.Module]


def no_attention(site: Site) -> nn.Module:
    """The plain network: every site stays empty."""
    return nn.Identity()


def se_factory(se: SESpec | None) -> AttentionFactory:
    """The factory that puts an SE block into every site that the SESpec names. None leaves every site empty."""
    if se is None:
        return no_attention

    def attend(site: Site) -> nn.Module:
        occupied = site.point is se.integration and se.covers(site.stage)
        return SEBlock(site.channels, se.at(site.stage), name=site.name) if occupied else nn.Identity()

    return attend


def noting_stages(attend: AttentionFactory, spec: SESpec | BlockSpec | None) -> tuple[AttentionFactory, set[int]]:
    """The factory, and the stages that have a site at the spec's integration point. They are known when the network is
    built."""
    stages = set[int]()

    def told(site: Site) -> nn.Module:
        if spec is not None and site.point is spec.integration:
            stages.add(site.stage)
        return attend(site)

    return told, stages


def refuse_missing_sites(name: str, stages: Collection[int], spec: SESpec | BlockSpec) -> None:
    """Raises ValueError where a network lacks a place that the spec names, so that a row is not trained without it.

    Also where the spec has another number of reduction ratios than the network has stages with blocks.

    name: of the network. stages: those that have a site at the spec's integration point.
    """
    point = spec.integration.value
    if not stages:
        raise ValueError(f"{name} has no site at integration point {point!r} in stages {spec.stages}")
    ratios = spec.stage_reductions if isinstance(spec, SESpec) else ()
    if spec.stages == "all" and ratios and len(ratios) != len(stages):
        raise ValueError(f"{name} has {len(stages)} stages with blocks, stage_reductions has {len(ratios)}")
    if spec.stages != "all":
        missing = sorted(set(spec.stages) - set(stages))
        if missing:
            raise ValueError(f"{name} has no stage {missing[0]} with a site at {point!r}")


SMALL, SMALLEST_LARGE = 32, 64  # pixels: CIFAR's images; the smallest images that an ImageNet network takes


class WrongImageSize(ValueError):
    """A network was given images of a kind that it is not made for."""


def check_image_size(x_BCHW: Tensor, made_for: int) -> None:
    """Refuses CIFAR images in an ImageNet network and the reverse. Both would run, and the results would mean nothing.

    made_for: the network's own image size in pixels. Raises WrongImageSize, which names the right kind of network.
    """
    height, width = x_BCHW.shape[-2:]
    if made_for == SMALL and (height, width) != (SMALL, SMALL):
        raise WrongImageSize(f"this network is for 32 x 32 images, not {height} x {width}: use one without 'cifar_'")
    if made_for != SMALL and min(height, width) < SMALLEST_LARGE:
        raise WrongImageSize(
            f"this network is for {made_for} x {made_for} images, not {height} x {width}: use a 'cifar_' one"
        )
