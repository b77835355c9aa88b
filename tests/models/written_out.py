"""The residual networks and the SE block once more, as plain formulas on a dictionary of weights, and their counts.

Nothing here uses the package's networks. A stride, a place or a width is what the paper says, not what a module
carries, so a network that differs from the paper differs from these.

B batch, C channels, H W space, K classes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from senet_lab.study.se import SESpec


@dataclass(frozen=True)
class Facts:
    """A residual network. kind: "basic", "bottleneck", "pre-basic" or "pre-bottleneck"; stem: kernel and stride."""

    kind: str
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    stem_channels: int = 16
    stem: tuple[int, int] = (3, 1)
    pool: bool = False

    @property
    def pre(self) -> bool:
        return self.kind.startswith("pre-")

    def units(self):
        """Stage, index in the stage, input channels, output channels and stride of each unit."""
        channels = self.stem_channels
        for index, (depth, width) in enumerate(zip(self.depths, self.widths, strict=True)):
            for unit in range(depth):
                yield 2 + index, unit, channels, width, 2 if index > 0 and unit == 0 else 1
                channels = width


FACTS = {
    "resnet50": Facts("bottleneck", (3, 4, 6, 3), (256, 512, 1024, 2048), 64, (7, 2), pool=True),
    "cifar_resnet20": Facts("basic", (3, 3, 3), (16, 32, 64)),
    "cifar_resnet56": Facts("basic", (9, 9, 9), (16, 32, 64)),
    "cifar_resnet110": Facts("basic", (18, 18, 18), (16, 32, 64)),
    "cifar_resnet11_bottleneck": Facts("bottleneck", (1, 1, 1), (64, 128, 256)),
    "cifar_resnet29_bottleneck": Facts("bottleneck", (3, 3, 3), (64, 128, 256)),
    "cifar_resnet164_bottleneck": Facts("bottleneck", (18, 18, 18), (64, 128, 256)),
    "cifar_preresnet110": Facts("pre-basic", (18, 18, 18), (16, 32, 64)),
    "cifar_preresnet164": Facts("pre-bottleneck", (18, 18, 18), (64, 128, 256)),
    "cifar_wrn16_8": Facts("pre-basic", (2, 2, 2), (128, 256, 512)),
}


class Weights:
    """A network's tensors by name, and which of them a formula has read."""

    def __init__(self, model: nn.Module) -> None:
        self.tensors = dict(model.named_parameters()) | dict(model.named_buffers())
        self.unread = {name for name in self.tensors if not name.endswith("num_batches_tracked")}

    def __call__(self, name: str) -> Tensor:
        self.unread.discard(name)
        return self.tensors[name]


# ---- The SE block


def excite(w: Weights, at: str, se: SESpec, z: Tensor) -> Tensor:
    """The gate's input from the squeezed values, channels on axis 1 of B C or B C H W."""
    if se.excitation == "group":
        weight, bias = w(f"{at}.excitation.weight"), w(f"{at}.excitation.bias")
        return z * weight.repeat_interleave(se.reduction) + bias.repeat_interleave(se.reduction)
    if se.excitation == "conv1d":
        kernel = w(f"{at}.excitation.conv.weight").flatten()
        reach, channels = len(kernel) // 2, z.shape[1]
        padded = torch.cat([z.new_zeros(len(z), reach), z, z.new_zeros(len(z), reach)], dim=1)
        return sum(k * padded[:, i : i + channels] for i, k in enumerate(kernel))
    hidden = torch.einsum("hc,bc...->bh...", w(f"{at}.excitation.reduce.weight"), z)
    if se.bias:
        hidden = hidden + w(f"{at}.excitation.reduce.bias").reshape(-1, *[1] * (z.ndim - 2))
    result = torch.einsum("ch,bh...->bc...", w(f"{at}.excitation.expand.weight"), hidden * (hidden > 0))
    if se.bias:
        result = result + w(f"{at}.excitation.expand.bias").reshape(-1, *[1] * (z.ndim - 2))
    return result


def recalibrate(w: Weights, at: str, se: SESpec, u: Tensor) -> Tensor:
    """u, every channel scaled by its gate."""
    if se.squeeze == "avg":
        z = u.sum(dim=(2, 3)) / (u.shape[2] * u.shape[3])
    elif se.squeeze == "max":
        z = u.flatten(2).topk(1).values[:, :, 0]
    else:
        z = u
    e = excite(w, at, se, z)
    if se.gate == "sigmoid":
        s = 1 / (1 + torch.exp(-e))
    elif se.gate == "tanh":
        s = 1 - 2 / (1 + torch.exp(2 * e))
    elif se.gate == "double_sigmoid":
        s = 2 / (1 + torch.exp(-e))
    else:
        s = e * (e > 0)
    return u * (s if se.squeeze == "none" else s[:, :, None, None])


# ---- The networks


class Forward:
    """One forward pass of a network; training: batch norm by the batch's statistics."""

    def __init__(self, weights: Weights, facts: Facts, se: SESpec | None, training: bool = False) -> None:
        self.w, self.facts, self.se, self.training = weights, facts, se, training

    def __call__(self, images: Tensor) -> Tensor:
        """Images B 3 H W -> logits B K."""
        kernel, stride = self.facts.stem
        if self.facts.pre:
            x = self.conv(images, "stem", kernel, stride)
        else:
            x = relu(self.norm(self.conv(images, "stem.0.0", kernel, stride), "stem.0.1"))
        if self.facts.pool:
            # windows that begin at each second pixel; the last one hangs over the border
            x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 3, 2)
        for stage, index, *shape in self.facts.units():
            unit = self.pre_activation_unit if self.facts.pre else self.post_activation_unit
            x = unit(x, stage, f"stages.{stage - 2}.{index}", *shape)
        if self.facts.pre:
            x = relu(self.norm(x, "tail.0"))
        pooled = x.sum(dim=(2, 3)) / (x.shape[2] * x.shape[3])
        return pooled @ self.w("classifier.weight").T + self.w("classifier.bias")

    def post_activation_unit(self, x, stage, at, in_channels, out_channels, stride):
        """relu(branch(x) + shortcut(x)): He et al. 2016a; a bottleneck strides in its first 1x1 convolution."""
        at_point = self.sites(stage, at)
        y = at_point["pre"](x)
        if self.facts.kind == "basic":
            y = self.norm(self.conv(y, f"{at}.transform.0.0", 3, stride), f"{at}.transform.0.1")
            y = relu(at_point["conv3x3"](y))
            y = self.norm(self.conv(y, f"{at}.transform.3.0", 3, 1), f"{at}.transform.3.1")
        else:
            y = relu(self.norm(self.conv(y, f"{at}.transform.0.0", 1, stride), f"{at}.transform.0.1"))
            y = self.norm(self.conv(y, f"{at}.transform.2.0", 3, 1), f"{at}.transform.2.1")
            y = relu(at_point["conv3x3"](y))
            y = self.norm(self.conv(y, f"{at}.transform.5.0", 1, 1), f"{at}.transform.5.1")
        shortcut = x
        if stride == 2 or in_channels != out_channels:
            shortcut = self.norm(self.conv(x, f"{at}.shortcut.0", 1, stride), f"{at}.shortcut.1")
        return at_point["post"](relu(at_point["standard"](y) + at_point["identity"](shortcut)))

    def pre_activation_unit(self, x, stage, at, in_channels, out_channels, stride):
        """branch(relu(bn(x))) + shortcut: He et al. 2016b; 1x1 shortcuts and the first one start from relu(bn(x))."""
        at_point = self.sites(stage, at)
        projects = stride == 2 or in_channels != out_channels
        if projects or at == "stages.0.0":
            active = relu(self.norm(x, f"{at}.activate.0"))
            shortcut = self.conv(active, f"{at}.shortcut", 1, stride) if projects else active
            y = at_point["pre"](active)
        else:
            shortcut = x
            y = relu(self.norm(at_point["pre"](x), f"{at}.activate.0"))
        if self.facts.kind == "pre-basic":
            y = self.norm(self.conv(y, f"{at}.transform.0", 3, stride), f"{at}.transform.1")
            y = self.conv(relu(at_point["conv3x3"](y)), f"{at}.transform.4", 3, 1)
        else:
            y = relu(self.norm(self.conv(y, f"{at}.transform.0", 1, stride), f"{at}.transform.1"))
            y = self.norm(self.conv(y, f"{at}.transform.3", 3, 1), f"{at}.transform.4")
            y = self.conv(relu(at_point["conv3x3"](y)), f"{at}.transform.7", 1, 1)
        return at_point["post"](at_point["standard"](y) + at_point["identity"](shortcut))

    def sites(self, stage, at):
        """What happens to a map at each integration point of one unit."""
        points = dict.fromkeys(("standard", "pre", "post", "identity"), lambda u: u) | {"conv3x3": lambda u: u}
        if self.se is not None and (self.se.stages == "all" or stage in self.se.stages):
            point = str(self.se.integration)
            inside = {"basic": 1, "bottleneck": 3, "pre-basic": 2, "pre-bottleneck": 5}[self.facts.kind]
            name = f"{at}.transform.{inside}" if point == "conv3x3" else f"{at}.at_{point}"
            points[point] = lambda u: recalibrate(self.w, name, self.se, u)
        return points

    def conv(self, x, name, kernel, stride):
        return F.conv2d(x, self.w(f"{name}.weight"), None, stride, kernel // 2)

    def norm(self, x, name):
        if self.training:
            mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), correction=0)
            self.w.unread -= {f"{name}.running_mean", f"{name}.running_var"}
        else:
            mean, variance = self.w(f"{name}.running_mean"), self.w(f"{name}.running_var")
        scale = self.w(f"{name}.weight") / torch.sqrt(variance + 1e-5)
        return (x - mean[:, None, None]) * scale[:, None, None] + self.w(f"{name}.bias")[:, None, None]


def relu(x: Tensor) -> Tensor:
    return x * (x > 0)


# ---- Counts in closed form


def convolutions(facts: Facts, kind_in: int, out: int, stride: int):
    """Input channels, output channels, kernel and stride before its output, of each convolution of a branch."""
    if facts.kind.endswith("basic"):
        return [(kind_in, out, 3, stride), (out, out, 3, stride)]
    return [(kind_in, out // 4, 1, stride), (out // 4, out // 4, 3, stride), (out // 4, out, 1, stride)]


def se_width(facts: Facts, se: SESpec, in_channels: int, out_channels: int) -> int:
    """Channels of the map that a block scales."""
    inner = out_channels if facts.kind.endswith("basic") else out_channels // 4
    return {"pre": in_channels, "conv3x3": inner}.get(str(se.integration), out_channels)


def extra_parameters(facts: Facts, se: SESpec) -> int:
    """What the FC excitation adds: 2 C C/r weights a block, and C + C/r biases where it has them."""
    total = 0
    for stage, _, in_channels, out_channels, _ in facts.units():
        if se.stages == "all" or stage in se.stages:
            c = se_width(facts, se, in_channels, out_channels)
            h = c // se.reduction
            total += 2 * c * h + (c + h if se.bias else 0)
    return total


def parameter_count(facts: Facts, classes: int, se: SESpec | None = None) -> int:
    """Weights and biases: k k C C' a convolution, 2 C a batch norm, (C + 1) K for the classifier, and the SE blocks."""
    kernel, _ = facts.stem
    total = 3 * facts.stem_channels * kernel**2 + 2 * facts.stem_channels  # pre: the first unit's or the tail's norm
    for _, _, c, out, stride in facts.units():
        branch = convolutions(facts, c, out, stride)
        total += sum(k * k * i * o for i, o, k, _ in branch)
        total += sum(2 * o for _, o, _, _ in branch)  # pre: shifted by one convolution, so the sum is the same
        if stride == 2 or c != out:
            total += c * out + (0 if facts.pre else 2 * out)
    return total + (facts.widths[-1] + 1) * classes + (extra_parameters(facts, se) if se else 0)


def multiply_add_count(facts: Facts, classes: int, size: int, se: SESpec | None = None) -> int:
    """Multiply-adds of one image of ``size`` pixels: convolutions, FC layers, SE pooling and SE scaling."""
    kernel, stem_stride = facts.stem
    size //= stem_stride
    total = 3 * facts.stem_channels * kernel**2 * size**2 + facts.widths[-1] * classes
    size //= 2 if facts.pool else 1
    for stage, _, c, out, stride in facts.units():
        pixels_in, size = size**2, size // stride
        total += sum(k * k * i * o * size**2 for i, o, k, _ in convolutions(facts, c, out, stride))
        if stride == 2 or c != out:
            total += c * out * size**2
        if se is not None and (se.stages == "all" or stage in se.stages):
            width = se_width(facts, se, c, out)
            pixels = pixels_in if se.integration == "pre" else size**2
            fc = 2 * width * (width // se.reduction)
            total += pixels * width + (pixels * fc if se.squeeze == "none" else fc + pixels * width)
    return total


# ---- Making a network ready for a comparison


def unsettle(model: nn.Module, seed: int = 1) -> nn.Module:
    """The network in double precision and evaluation, with no parameter or statistic at a value that hides a fault."""
    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if name.endswith("running_var"):
            tensor.data.uniform_(0.5, 1.5, generator=generator)
        elif tensor.dtype == torch.float64 and tensor.ndim == 1:
            tensor.data.normal_(0.7 if name.endswith("weight") else 0.0, 0.3, generator=generator)
    return model


def images(n: int, size: int, seed: int = 2) -> Tensor:
    return torch.randn(n, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
