"""Shake-Shake networks for CIFAR (Gastaldi 2017; TPAMI tables 4 and 5): two residual branches, mixed at random.

B batch, C channels, H W space, U units.

In the forward pass of training, a unit mixes its branches as alpha * first + (1 - alpha) * second. alpha is uniform in
[0, 1), drawn for each image and unit ("image" level). In the backward pass the branches' gradients are scaled by beta
and 1 - beta; beta is another uniform draw ("shake") or one half ("even"). In evaluation both branches get one half.

- ``cifar_shake26_2x96d``: shake forward, shake backward; units of ReLU, 3x3, batch norm, ReLU, 3x3, batch norm.
- ``cifar_shake29_2x4x64d``: shake forward, even backward; ResNeXt bottlenecks of 4 groups with 64 channels each.

The paper does not state where SE sits. Here the standard site follows the mixing of the branches and precedes the
addition of the shortcut: the mixed branches are the unit's residual function, and a unit has one block, as in every
other network. The pre site is before both branches, the post site after the unit's last operation, the identity site
on the shortcut. There is no conv3x3 site, because two 3x3 convolutions stand side by side.
The paper does not state the reduction ratio either; here it is 16, as elsewhere. It also does not state the shortcuts
of 29 2x4x64d; here they are ResNeXt's 1x1 projections with batch norm.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from senet_lab.models.backbones.resnet import build_stages
from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory, check_image_size
from senet_lab.models.stochastic import uncompiled
from senet_lab.models.units import UnitPosition, conv, conv_bn
from senet_lab.study.se import Integration


def mix(first_BCHW: Tensor, second_BCHW: Tensor, alpha_B: Tensor, beta_B: Tensor) -> Tensor:
    """alpha * first + (1 - alpha) * second, but with gradients as if alpha were beta: B C H W -> B C H W.

    The sum is computed in the wider of the maps' type and the type of alpha and beta; the result has the maps' type.
    """
    alpha_B111, beta_B111 = alpha_B[:, None, None, None], beta_B[:, None, None, None]
    seen_backward = beta_B111 * first_BCHW + (1 - beta_B111) * second_BCHW
    correction = (alpha_B111 - beta_B111) * (first_BCHW - second_BCHW).detach()
    return (seen_backward + correction).to(first_BCHW.dtype)


class ShakeUnit(nn.Module):
    """shortcut(x) + mix(branch 1(x), branch 2(x)), with sites pre, standard, post and identity.

    A subclass sets ``self.branches`` and ``self.shortcut``, and then calls ``_place_sites``.
    forward: B C H W -> B C' H' W'; shake_2B: alpha and beta of each image, None in evaluation.
    """

    branches: nn.ModuleList
    shortcut: nn.Module

    def _place_sites(self, place: UnitPosition, attend: AttentionFactory) -> None:
        self.at_pre = attend(place.site(Integration.PRE, place.in_channels))
        self.at_standard = attend(place.site(Integration.STANDARD, place.out_channels))
        self.at_post = attend(place.site(Integration.POST, place.out_channels))
        self.at_identity = attend(place.site(Integration.IDENTITY, place.out_channels))

    def mixed(self, x_BCHW: Tensor, shake_2B: Tensor | None) -> Tensor:
        """The residual function: the branches mixed with alpha and beta, the rows of ``shake_2B``; evenly for None."""
        first, second = (branch(x_BCHW) for branch in self.branches)
        if shake_2B is None:
            return (first + second) / 2
        return mix(first, second, *shake_2B)

    def forward(self, x_BCHW: Tensor, shake_2B: Tensor | None) -> Tensor:
        residual = self.at_standard(self.mixed(self.at_pre(x_BCHW), shake_2B))
        return self.at_post(residual + self.at_identity(self.shortcut(x_BCHW)))


class TwoPathShortcut(nn.Module):
    """ReLU, two 1x1 convolutions of half the width side by side, concatenation, batch norm.

    The second convolution reads the map shifted by one pixel right and down. Each takes every ``stride``-th pixel, so
    that at stride 2 they read two of every four pixels. forward: B C H W -> B C' H' W'.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.straight = conv(in_channels, out_channels // 2, 1)
        self.shifted = conv(in_channels, out_channels // 2, 1)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x = F.relu(x_BCHW)
        step = self.stride
        shifted = F.pad(x, (1, 0, 1, 0))[:, :, :-1:step, :-1:step]  # zeros enter at the top and at the left
        return self.norm(torch.cat([self.straight(x[:, :, ::step, ::step]), self.shifted(shifted)], dim=1))


class ShakeBasic(ShakeUnit):
    """Branches of ReLU, 3x3, batch norm, ReLU, 3x3, batch norm; nothing follows the addition (Gastaldi section 2)."""

    def __init__(self, place: UnitPosition, attend: AttentionFactory) -> None:
        super().__init__()
        widths = place.in_channels, place.out_channels
        self.branches = nn.ModuleList(
            nn.Sequential(nn.ReLU(), conv_bn(*widths, 3, place.stride), nn.ReLU(), conv_bn(widths[1], widths[1], 3))
            for _ in range(2)
        )
        same = place.stride == 1 and widths[0] == widths[1]
        self.shortcut = nn.Identity() if same else TwoPathShortcut(*widths, place.stride)
        self._place_sites(place, attend)


class ShakeBottleneck(ShakeUnit):
    """Branches of 1x1, grouped 3x3 with the stride, 1x1, each with batch norm. A ReLU follows the addition.

    Inside, a branch is as wide as the unit: the first stage has 256 channels, which is 4 groups of 64.
    """

    groups = 4

    def __init__(self, place: UnitPosition, attend: AttentionFactory) -> None:
        super().__init__()
        widths = place.in_channels, place.out_channels
        self.branches = nn.ModuleList(self._branch(*widths, place.stride) for _ in range(2))
        same = place.stride == 1 and widths[0] == widths[1]
        self.shortcut = nn.Identity() if same else conv_bn(*widths, 1, place.stride)
        self._place_sites(place, attend)

    def _branch(self, in_channels: int, width: int, stride: int) -> nn.Module:
        return nn.Sequential(
            conv_bn(in_channels, width, 1),
            nn.ReLU(),
            conv_bn(width, width, 3, stride, self.groups),
            nn.ReLU(),
            conv_bn(width, width, 1),
        )

    def forward(self, x_BCHW: Tensor, shake_2B: Tensor | None) -> Tensor:
        residual = self.at_standard(self.mixed(self.at_pre(x_BCHW), shake_2B))
        return self.at_post(F.relu(residual + self.at_identity(self.shortcut(x_BCHW))))


def _wide_stem() -> nn.Module:
    return nn.Sequential(conv_bn(3, 64, 3), nn.ReLU())


def _thin_stem() -> nn.Module:
    """A stem without ReLU, because each branch and each ``TwoPathShortcut`` begins with one."""
    return conv_bn(3, 16, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShakeLayout:
    """One network. depths: units of each stage. widths: output channels of each stage. tail: before the pooling.
    backward_shake: whether beta is drawn; otherwise it is one half ("even"). image_size: pixels."""

    stem: Callable[[], nn.Module]
    stem_channels: int
    unit: type[ShakeUnit]
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    tail: Callable[[], nn.Module]
    backward_shake: bool
    image_size: int = 32


class ShakeNet(nn.Module):
    """Stem, stages of shake units, global average pooling, classifier.

    stream: the generator of alpha and beta. It is on the CPU, so that they do not depend on the device. A training
    loop seeds it with ``stochastic.set_stochastic_seed``.
    forward: images B 3 32 32 -> logits B num_classes. Raises ValueError for images of another size.
    """

    def __init__(self, layout: ShakeLayout, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__()
        self.layout = layout
        self.stream = torch.Generator(device="cpu").manual_seed(0)
        self.stem = layout.stem()
        self.stages = build_stages(layout.unit, layout.stem_channels, layout.depths, layout.widths, attend)
        self.tail = layout.tail()
        self.classifier = nn.Linear(layout.widths[-1], num_classes)

    @property
    def units(self) -> list[ShakeUnit]:
        """All units in forward order."""
        return [unit for unit in self.modules() if isinstance(unit, ShakeUnit)]

    def set_stochastic_seed(self, seed: int) -> None:
        """Seeds the stream of alpha and beta."""
        self.stream.manual_seed(seed)

    @uncompiled
    def draw(self, x_BCHW: Tensor) -> Tensor:
        """alpha and beta of every unit and image for one training step: U 2 B, fp32, on the images' device."""
        shake = torch.rand(sum(self.layout.depths), 2, len(x_BCHW), generator=self.stream, device="cpu")
        if not self.layout.backward_shake:
            shake[:, 1] = 0.5
        return shake.to(x_BCHW.device, non_blocking=True)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        check_image_size(x_BCHW, self.layout.image_size)
        units = self.units
        shakes = self.draw(x_BCHW) if self.training else [None] * len(units)
        y_BCHW = self.stem(x_BCHW)
        for unit, shake_2B in zip(units, shakes, strict=True):
            y_BCHW = unit(y_BCHW, shake_2B)
        return self.classifier(self.tail(y_BCHW).mean(dim=(2, 3)))


FAMILY = Family(
    ShakeNet,
    {
        "cifar_shake26_2x96d": ShakeLayout(
            stem=_thin_stem,
            stem_channels=16,
            unit=ShakeBasic,
            depths=(4, 4, 4),
            widths=(96, 192, 384),
            tail=nn.ReLU,
            backward_shake=True,
        ),
        "cifar_shake29_2x4x64d": ShakeLayout(
            stem=_wide_stem,
            stem_channels=64,
            unit=ShakeBottleneck,
            depths=(3, 3, 3),
            widths=(256, 512, 1024),
            tail=nn.Identity,
            backward_shake=False,
        ),
    },
)
