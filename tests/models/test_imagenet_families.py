"""The networks of tables 2, 3 and 4 besides ResNet: exact counts, SE sites, one training step each."""

import re

import pytest
import torch
from torch import nn

from senet_lab.models.backbones.bn_inception import InceptionModule
from senet_lab.models.backbones.shufflenet import ChannelShuffle
from senet_lab.models.dropout import StreamDropout
from senet_lab.models.registry import build_model, image_size, model_names, se_blocks
from senet_lab.models.stochastic import set_stochastic_seed
from senet_lab.study import SESpec
from tests.models.counted import counted, described
from tests.slow import slow_if

RELEASED = SESpec(bias=True)  # r=16 and biases, as in the authors' released networks

# name: weights and biases, batch-norm statistics, multiply-adds; weights and multiply-adds with SE; number of blocks
GOLDEN = {
    "resnext50": (25_028_904, 68_224, 4_230_479_872, 27_559_896, 4_244_033_536, 16),
    "resnext101": (44_177_704, 137_856, 7_969_996_800, 48_955_416, 7_992_602_624, 33),
    "senet154": (108_459_944, 247_552, 20_681_785_344, 115_088_984, 20_714_655_744, 50),
    "vgg16": (138_361_768, 8_448, 15_470_264_320, 138_592_560, 15_497_585_664, 13),
    "bn_inception": (11_285_224, 20_032, 2_032_600_064, 11_931_622, 2_035_600_832, 10),
    "inception_resnet_v2": (55_843_464, 60_544, 13_155_794_016, 64_387_444, 13_187_369_056, 40),
    "mobilenet": (4_231_976, 21_888, 568_740_352, 4_718_044, 574_639_104, 13),
    "shufflenet": (1_865_728, 24_480, 137_460_672, 2_478_688, 140_934_912, 15),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_counts_are_exact(name):
    """Parameters, statistics and multiply-adds of each network, plain and with SE at r=16."""
    weights, statistics, multiply_adds, se_weights, se_multiply_adds, blocks = GOLDEN[name]
    plain, se = counted(name, None), counted(name, RELEASED)

    assert (weights, statistics, multiply_adds) == (plain.trainable, plain.statistics, plain.multiply_adds)
    assert (se_weights, statistics, se_multiply_adds) == (se.trainable, se.statistics, se.multiply_adds)
    assert blocks == len(se_blocks(described(name, RELEASED)))


@pytest.mark.parametrize(
    ("name", "first", "last", "stages"),
    [
        ("resnext50", "SE_2_1", "SE_5_3", [3, 4, 6, 3]),
        ("resnext101", "SE_2_1", "SE_5_3", [3, 4, 23, 3]),
        ("senet154", "SE_2_1", "SE_5_3", [3, 8, 36, 3]),
        ("vgg16", "SE_2_1", "SE_6_3", [2, 2, 3, 3, 3]),
        ("bn_inception", "SE_3_1", "SE_5_2", [3, 5, 2]),
        ("inception_resnet_v2", "SE_2_1", "SE_4_10", [10, 20, 10]),
        ("mobilenet", "SE_2_1", "SE_6_2", [1, 2, 2, 6, 2]),
        ("shufflenet", "SE_2_2", "SE_4_4", [3, 8, 4]),
    ],
)
def test_blocks_are_named_by_stage_and_unit(name, first, last, stages):
    """Blocks stand in forward order and number the stages that the network's file gives."""
    names = list(se_blocks(described(name, RELEASED)))
    of_stage = [int(block.split("_")[1]) for block in names]

    assert (first, last) == (names[0], names[-1])
    assert stages == [of_stage.count(stage) for stage in sorted(set(of_stage))]


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("bn_inception", [256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024]),
        ("shufflenet", [240] * 4 + [480] * 8 + [960] * 3),
        ("vgg16", [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6),
    ],
)
def test_blocks_scale_the_maps_of_the_paper(name, widths):
    """A block's channels are those of its map, which r=16 divides at every site."""
    assert widths == [block.channels for block in se_blocks(described(name, RELEASED)).values()]


RESNETS = ["resnet50", "resnet101", "resnet152"]
# Of 40 million weights or more: seconds and gigabytes each.
LARGE = {"resnet101", "resnet152", "resnext101", "senet154", "inception_resnet_v2", "vgg16"}


def test_every_imagenet_network_takes_a_step_below():
    """No network of 224 pixels or more is left out."""
    assert {*RESNETS, *GOLDEN} == {name for name in model_names() if not name.startswith("cifar_")}


@pytest.mark.parametrize("name", [slow_if(name in LARGE, name) for name in (*RESNETS, *GOLDEN)])
def test_one_step_reaches_every_weight(name):
    """One image gives every parameter a finite gradient, and no weight of the backbone zero.

    Of the native size, or of 128 pixels, which those networks take that are not large.
    """
    model = build_model(name, RELEASED, num_classes=10)
    size = image_size(name) if name in LARGE else 128
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    nn.functional.cross_entropy(model(image), torch.tensor([3])).backward()

    gradients = {key: p.grad for key, p in model.named_parameters()}
    assert [key for key, gradient in gradients.items() if gradient is None or not gradient.isfinite().all()] == []
    backbone = [key for key in gradients if key.endswith("weight") and ".excitation." not in key]
    assert [key for key in backbone if not gradients[key].any()] == []


@pytest.mark.parametrize("name", GOLDEN)
def test_small_images_are_refused(name):
    """CIFAR images do not run through an ImageNet network."""
    with pytest.raises(ValueError, match="32 x 32"):
        described(name, None)(torch.empty(1, 3, 32, 32, device="meta"))


def test_vgg_takes_one_size_only():
    """VGG's FC layers fix its input, and the message says to what."""
    with pytest.raises(ValueError, match="224 x 224"):
        described("vgg16", None)(torch.empty(1, 3, 256, 256, device="meta"))


def test_a_reduction_that_does_not_divide_is_refused():
    """r=64 does not divide BN-Inception's 608 channels; the error names network, ratio and width."""
    message = "bn_inception: r=64 does not divide 608 channels"
    with pytest.raises(ValueError, match=message):
        build_model("bn_inception", SESpec(reduction=64), device="meta")


@pytest.mark.parametrize("name", ["vgg16", "bn_inception", "inception_resnet_v2", "mobilenet", "shufflenet"])
def test_networks_without_residual_units_have_standard_sites_only(name):
    """Another integration point is refused, never ignored."""
    with pytest.raises(ValueError, match=re.escape(f"{name} has no site at integration point 'pre'")):
        build_model(name, SESpec(integration="pre"), device="meta")


def test_channel_shuffle_mixes_groups():
    """Six channels in two groups of three, 0 1 2 | 3 4 5, become 0 3 1 4 2 5."""
    channels = torch.arange(6.0)[None, :, None, None]

    assert ChannelShuffle(2)(channels).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_inception_halves_where_its_pooled_input_passes():
    """Modules 3c and 4e have stride 2 and hand their pooled input on; all others keep the size."""
    model = build_model("bn_inception", device="meta").eval()
    shapes = []
    for module in model.modules():
        if isinstance(module, InceptionModule):
            module.register_forward_hook(lambda module, inputs, y: shapes.append(y.shape[-1]))
    model(torch.empty(1, 3, 224, 224, device="meta"))

    assert shapes == [28, 28, 14, 14, 14, 14, 14, 7, 7, 7]


def test_dropout_is_the_networks_own_stream():
    """Equal seeds draw equal masks, whatever the global stream does; two dropouts of a network draw different ones."""
    pair = nn.ModuleList([StreamDropout(0.5, "fc6"), StreamDropout(0.5, "fc7")])
    ones = torch.ones(4, 256)
    set_stochastic_seed(pair, 7)
    first, other = (dropout(ones) for dropout in pair)
    torch.manual_seed(1)
    set_stochastic_seed(pair, 7)

    assert torch.equal(first, pair[0](ones))
    assert not torch.equal(first, other)
    assert {0.0, 2.0} == set(first.flatten().tolist())
    assert torch.equal(ones, pair.eval()[0](ones))


@pytest.mark.parametrize(
    ("name", "probabilities"),
    [("vgg16", [0.5, 0.5]), ("inception_resnet_v2", [0.2]), ("senet154", [0.2]), ("resnext50", [])],
)
def test_dropout_is_where_the_papers_have_it(name, probabilities):
    """Two dropouts of one half in VGG-16, one of 0.2 in Inception-ResNet-v2 and SENet-154, never torch's own."""
    modules = list(described(name, None).modules())

    assert probabilities == [module.p for module in modules if isinstance(module, StreamDropout)]
    assert [module for module in modules if isinstance(module, nn.Dropout)] == []
