"""SESpec: what a Squeeze-and-Excitation block is made of and where it sits."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from senet_lab.study.values import choice, since

FIRST_STAGE = 2  # the number of the first residual stage, as in the paper
ONE_FOR_ALL = 16  # the default reduction ratio


class Squeeze(StrEnum):
    """How a map of C x H x W becomes one number per channel (section 3.1; TPAMI tables 11 and 16)."""

    AVG = "avg"
    MAX = "max"
    NONE = "none"  # NoSqueeze: no pooling, the gate keeps H x W


class Gate(StrEnum):
    """The last non-linearity of excitation; the inner one is always ReLU. TPAMI table 12 has the first three."""

    SIGMOID = "sigmoid"
    TANH = "tanh"
    RELU = "relu"
    DOUBLE_SIGMOID = "double_sigmoid"  # twice the sigmoid, 0 to 2: an untrained gate is near 1. Not in the paper


class Integration(StrEnum):
    """The point of a residual unit where the block sits (TPAMI tables 14 and 15, figure 5)."""

    STANDARD = "standard"  # end of the residual branch, before the addition
    PRE = "pre"  # start of the residual branch
    POST = "post"  # after the addition and its ReLU
    IDENTITY = "identity"  # on the shortcut, after its projection where it has one
    CONV3X3 = "conv3x3"  # inside the branch, after the 3x3 convolution and its batch norm


class Excitation(StrEnum):
    """How the squeezed vector becomes the gates."""

    FC = "fc"  # the paper's: C -> C/r -> C (section 3.2)
    GROUP = "group"  # without FC layers: one weight and one bias for each group of r neighbouring channels
    CONV1D = "conv1d"  # without FC layers: one 1-D convolution along the channels; its width grows with C


@dataclass(frozen=True, slots=True, kw_only=True)
class SESpec:
    """One form of the SE block (section 3 of both editions). A network without SE has ``None`` instead.

    reduction: r (CVPR 2018 table 7, TPAMI table 10). A width that r does not divide is refused, never rounded.
    stages: the residual stages with a block (TPAMI table 13), numbered as in the paper (the first is 2).
    bias: whether the two FC layers have biases. The 2018 tables have them; TPAMI section 6 drops them.
    stage_reductions: r of each stage with a block, in the order of the stages, instead of one r for all.
        The first ratio is stage 2's; for a network whose blocks begin later, as bn_inception's, name ``stages`` too.

    Enumerated fields accept names as strings: ``SESpec(gate="tanh")``. Raises ValueError for an invalid value, and for
    fields that contradict each other.
    """

    reduction: int = ONE_FOR_ALL
    squeeze: Squeeze = Squeeze.AVG
    gate: Gate = Gate.SIGMOID
    integration: Integration = Integration.STANDARD
    excitation: Excitation = Excitation.FC
    stages: tuple[int, ...] | Literal["all"] = "all"
    bias: bool = False
    stage_reductions: tuple[int, ...] = field(default=(), metadata=since(3))

    def __post_init__(self) -> None:
        for name, kind in (
            ("squeeze", Squeeze),
            ("gate", Gate),
            ("integration", Integration),
            ("excitation", Excitation),
        ):
            object.__setattr__(self, name, choice(kind, name, getattr(self, name)))
        if type(self.reduction) is not int or self.reduction < 1:
            raise ValueError(f"reduction is {self.reduction!r}; it must be a whole number from 1 up")
        if type(self.bias) is not bool:
            raise ValueError(f"bias is {self.bias!r}; it must be True or False")
        object.__setattr__(self, "stages", stages_of(self.stages))
        object.__setattr__(self, "stage_reductions", _ratios_of(self.stage_reductions))
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        ratios = self.stage_reductions
        if ratios and self.reduction != ONE_FOR_ALL:
            raise ValueError("stage_reductions stands in place of reduction; leave reduction at its default")
        if ratios and len(set(ratios)) == 1:
            raise ValueError(f"stage_reductions is {ratios}, one ratio for all: say reduction={ratios[0]}")
        if ratios and self.stages != "all" and len(ratios) != len(self.stages):
            raise ValueError(f"stage_reductions has {len(ratios)} ratios for the {len(self.stages)} stages")
        if self.excitation is Excitation.FC:
            return
        if self.bias:
            raise ValueError(f"bias belongs to the FC layers; excitation={self.excitation.value!r} has none")
        if self.squeeze is Squeeze.NONE:
            raise ValueError(f"excitation={self.excitation.value!r} needs a squeezed vector; squeeze is 'none'")
        if self.excitation is Excitation.CONV1D and (ratios or self.reduction != ONE_FOR_ALL):
            raise ValueError("excitation='conv1d' has no reduction ratio; leave reduction at its default")

    def hidden_channels(self, channels: int) -> int:
        """C/r: the hidden width of the FC excitation, or the number of groups of the grouped excitation.

        Raises ValueError where r does not divide the channels.
        """
        if channels % self.reduction:
            raise ValueError(f"r={self.reduction} does not divide {channels} channels")
        return channels // self.reduction

    def covers(self, stage: int) -> bool:
        """Whether units of this stage carry a block."""
        return self.stages == "all" or stage in self.stages

    def at(self, stage: int) -> "SESpec":
        """The form of the blocks in one stage, with that stage's own reduction ratio.

        Raises ValueError for a stage without a ratio.
        """
        ratios = self.stage_reductions
        if not ratios:
            return self
        place = stage - FIRST_STAGE if self.stages == "all" else self.stages.index(stage)
        if not 0 <= place < len(ratios):
            raise ValueError(
                f"stage_reductions has {len(ratios)} ratios, none of them for stage {stage}: they begin with stage "
                f"{FIRST_STAGE}, unless stages names others"
            )
        return replace(self, reduction=ratios[place], stage_reductions=())

    @property
    def ratio(self) -> str:
        """The reduction ratio as text: "r=16", or "r=4+8+16" for ratios by stage."""
        return "r=" + "+".join(map(str, self.stage_reductions or (self.reduction,)))


def _ratios_of(ratios: object) -> tuple[int, ...]:
    if not isinstance(ratios, tuple | list) or any(type(ratio) is not int or ratio < 1 for ratio in ratios):
        raise ValueError(f"stage_reductions is {ratios!r}; it must be whole numbers from 1 up, one for each stage")
    return tuple(ratios)


def stages_of(stages: object) -> tuple[int, ...] | Literal["all"]:
    """The stage numbers in order, or "all". Raises ValueError for anything else."""
    if stages == "all":
        return "all"
    if not isinstance(stages, tuple | list) or not stages:
        raise ValueError(f"stages is {stages!r}; it must be 'all' or stage numbers such as (2, 3)")
    for stage in stages:
        if type(stage) is not int or stage < FIRST_STAGE:
            raise ValueError(f"stage {stage!r} does not exist: residual stages are numbered from {FIRST_STAGE}")
    if len(set(stages)) != len(stages):
        raise ValueError(f"stages {tuple(stages)!r} names a stage twice")
    return tuple(sorted(stages))
