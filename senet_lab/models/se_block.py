"""The Squeeze-and-Excitation block.

B batch, C channels, H W space; u, z, s are the paper's U, z, s (CVPR and TPAMI equations 2 to 4).
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from senet_lab.study.se import Excitation, Gate, SESpec, Squeeze


def double_sigmoid(x: Tensor) -> Tensor:
    """Twice the sigmoid of x, 0 to 2; 1 where x is 0. Any shape."""
    return 2 * torch.sigmoid(x)


GATES: dict[Gate, Callable[[Tensor], Tensor]] = {
    Gate.SIGMOID: torch.sigmoid,
    Gate.TANH: torch.tanh,
    Gate.RELU: F.relu,
    Gate.DOUBLE_SIGMOID: double_sigmoid,
}


def squeeze_avg(u_BCHW: Tensor) -> Tensor:
    """Mean over space: B C H W -> B C (equation 2). Adaptive pooling would have no deterministic backward on CUDA."""
    return u_BCHW.mean(dim=(2, 3))


def squeeze_max(u_BCHW: Tensor) -> Tensor:
    """Maximum over space: B C H W -> B C (TPAMI table 11). Positions that tie share the gradient evenly (``amax``)."""
    return u_BCHW.amax(dim=(2, 3))


class FCExcitation(nn.Module):
    """W2 relu(W1 z), which is equation 3 without its gate: C -> C/r -> C on the last axis.

    Raises ValueError where r does not divide the number of channels.
    """

    def __init__(self, channels: int, se: SESpec) -> None:
        super().__init__()
        hidden = se.hidden_channels(channels)
        self.reduce = nn.Linear(channels, hidden, bias=se.bias)
        self.expand = nn.Linear(hidden, channels, bias=se.bias)

    def forward(self, z: Tensor) -> Tensor:
        return self.expand(F.relu(self.reduce(z)))

    def reset(self, generator: torch.Generator) -> None:
        """He-normal weights by fan-in, zero biases."""
        for layer in (self.reduce, self.expand):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class GroupExcitation(nn.Module):
    """w_g z_c + b_g, with one weight and one bias for each group of r neighbouring channels: B C -> B C.

    Not in the paper. Raises ValueError where r does not divide the number of channels.
    """

    def __init__(self, channels: int, se: SESpec) -> None:
        super().__init__()
        self.groups = se.hidden_channels(channels)
        self.weight = nn.Parameter(torch.zeros(self.groups))
        self.bias = nn.Parameter(torch.ones(self.groups))

    def forward(self, z_BC: Tensor) -> Tensor:
        grouped = z_BC.unflatten(1, (self.groups, -1))
        return (grouped * self.weight[:, None] + self.bias[:, None]).flatten(1)

    def reset(self, generator: torch.Generator) -> None:
        """Weight 0 and bias 1: every gate starts equal for all images."""
        nn.init.zeros_(self.weight)
        nn.init.ones_(self.bias)


class Conv1dExcitation(nn.Module):
    """One convolution along the channel axis, without bias: B C -> B C. Not in the paper.

    Its width is log2(C)/2 + 1/2 without the fraction, plus one where that is even.
    """

    def __init__(self, channels: int, se: SESpec) -> None:
        super().__init__()
        width = int(math.log2(channels) / 2 + 0.5) | 1
        self.conv = nn.Conv1d(1, 1, width, padding=width // 2, bias=False)

    def forward(self, z_BC: Tensor) -> Tensor:
        return self.conv(z_BC.unsqueeze(1)).squeeze(1)

    def reset(self, generator: torch.Generator) -> None:
        """He-normal weights by fan-in."""
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu", generator=generator)


EXCITATIONS: dict[Excitation, type[FCExcitation] | type[GroupExcitation] | type[Conv1dExcitation]] = {
    Excitation.FC: FCExcitation,
    Excitation.GROUP: GroupExcitation,
    Excitation.CONV1D: Conv1dExcitation,
}


class SEBlock(nn.Module):
    """Squeeze, excitation and scale of a map with ``channels`` channels. forward: B C H W -> B C H W.

    name: the paper's name of the block's place, such as SE_2_3.
    Raises ValueError where the SESpec does not fit the number of channels.
    """

    def __init__(self, channels: int, se: SESpec, name: str = "SE") -> None:
        super().__init__()
        self.se = se
        self.channels = channels
        self.name = name
        self.excitation: FCExcitation | GroupExcitation | Conv1dExcitation = EXCITATIONS[se.excitation](channels, se)

    @property
    def absorbable(self) -> bool:
        """Whether the gate is a function of the means over space (``blocks.Absorbable``)."""
        return self.se.squeeze is Squeeze.AVG

    @property
    def gate_kind(self) -> Gate:
        """The last non-linearity, which sets the gate's range."""
        return self.se.gate

    @property
    def over_space(self) -> bool:
        """Whether the gate differs from position to position (NoSqueeze)."""
        return self.se.squeeze is Squeeze.NONE

    def gate(self, u_BCHW: Tensor) -> Tensor:
        """s of equation 3: B C 1 1, or B C H W where nothing is squeezed."""
        if self.se.squeeze is Squeeze.NONE:
            # NoSqueeze has 1x1 convolutions of the FC layers' widths: the FC layers applied at every position.
            return GATES[self.se.gate](self.excitation(u_BCHW.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return self.excite(squeeze_avg(u_BCHW) if self.se.squeeze is Squeeze.AVG else squeeze_max(u_BCHW))

    def excite(self, z_BC: Tensor) -> Tensor:
        """s of equation 3 from z: B C 1 1."""
        return GATES[self.se.gate](self.excitation(z_BC))[:, :, None, None]

    def forward(self, u_BCHW: Tensor) -> Tensor:
        """Equation 4: scales every channel of the map by its gate."""
        return u_BCHW * self.gate(u_BCHW)

    def reset(self, generator: torch.Generator) -> None:
        """Draws the weights of the excitation."""
        self.excitation.reset(generator)

    def extra_repr(self) -> str:
        return f"{self.name}, channels={self.channels}"
