"""The conventions of the published costs: which figures each of them reaches, and what it gives for the others."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from ablations.protocols import IMAGENET_100EP
from senet_lab.cli.network_counts import refuse_other_sizes
from senet_lab.errors import StudyError
from senet_lab.models.complexity import count_networks, operations
from senet_lab.study import Cell, SESpec
from senet_lab.study.conventions import MOBILE, NETWORKS, Operation, printed
from tests.models.counted import counted

RELEASED = SESpec(bias=True)
SCHEDULE = replace(IMAGENET_100EP.schedule, milestones=(1.0,))

REACHED = [  # table 2, GFLOPs, plain and SE
    ("resnet50", "3.86", "3.87"),
    ("resnet101", "7.58", "7.60"),
    ("resnet152", "11.30", "11.32"),
    ("resnext50", "4.24", "4.25"),
    ("resnext101", "7.99", "8.00"),
    ("bn_inception", "2.03", "2.04"),
]
OPEN = [  # table 2: network, SE, printed, exact count under the convention
    ("vgg16", None, "15.47", 15_489_933_312),
    ("vgg16", RELEASED, "15.48", 15_503_707_136),
    ("inception_resnet_v2", None, "11.75", 13_172_703_936),
    ("inception_resnet_v2", RELEASED, "11.76", 13_192_739_136),
]


def counts(name: str, se: SESpec | None) -> dict[Operation, int]:
    return counted(name, se).operations


@pytest.mark.parametrize(("name", "plain", "se"), REACHED)
def test_table_2_is_reached_with_batch_norm_and_pooling_and_digits_cut(name, plain, se):
    """Multiply-adds and one per value of batch norm and of all pooling, cut to two digits, are what table 2 prints."""
    for published, spec in ((plain, None), (se, RELEASED)):
        assert published == NETWORKS.printed(NETWORKS.count(counts(name, spec)), 10**9, 2)


@pytest.mark.parametrize(("published", "se"), [("15.47", None), ("15.48", RELEASED)])
def test_vgg_16_is_printed_without_batch_norm(published, se):
    """What the list of open figures says: without batch norm and pooling table 2's figures come out."""
    found = counts("vgg16", se)

    assert published == NETWORKS.printed(found[Operation.WEIGHTS] + found[Operation.SQUEEZE], 10**9, 2)


def test_se_in_the_released_inception_resnet_v2_costs_more_than_the_printed_step():
    """20.0 M under any count of pooling or scaling: two figures 0.01 G apart cannot be this network's."""
    plain, se = counts("inception_resnet_v2", None), counts("inception_resnet_v2", RELEASED)

    assert se[Operation.SQUEEZE] == se[Operation.SCALE]
    assert NETWORKS.count(se) - NETWORKS.count(plain) == 20_035_200


@pytest.mark.parametrize(("name", "se", "published", "exact"), OPEN)
def test_open_figures_of_table_2(name, se, published, exact):
    """What the convention gives where it does not reach table 2: a change in either direction shows here."""
    found = NETWORKS.count(counts(name, se))

    assert exact == found
    assert published != NETWORKS.printed(found, 10**9, 2)


@pytest.mark.parametrize(
    ("name", "se", "mflops", "params"),
    [
        ("mobilenet", None, "569", "4.2"),
        ("mobilenet", RELEASED, "572", "4.7"),
        ("shufflenet", None, "140", "1.8"),
        ("shufflenet", RELEASED, "142", "2.4"),
    ],
)
def test_table_3_is_reached(name, se, mflops, params):
    """Multiply-adds with pooling and additions, rounded; weights and biases in millions, cut to one digit."""
    assert mflops == MOBILE.printed(MOBILE.count(counts(name, se)), 10**6, 0)
    assert params == printed(counted(name, se).trainable, 10**6, 1, cut=True)


def papers_inception_resnet_v2() -> tuple[int, int]:
    """Multiply-adds of the paper's own form, plain under table 2's convention and what SE adds.

    Szegedy et al. 2017, figures 3, 7, 16 to 19: stem of Inception-v4, 5, 10 and 5 units, 299 pixels. Of each
    convolution: input and output channels, kernel size and side of its output; batch norm but in the last of a unit.
    """
    stem = [(3, 32, 9, 149), (32, 32, 9, 147), (32, 64, 9, 147), (64, 96, 9, 73), (160, 64, 1, 73), (64, 96, 9, 71)]
    stem += [(160, 64, 1, 73), (64, 64, 7, 73), (64, 64, 7, 73), (64, 96, 9, 71), (192, 192, 9, 35)]
    a = [(384, 32, 1, 35)] * 3 + [(32, 32, 9, 35), (32, 48, 9, 35), (48, 64, 9, 35)]
    reduction_a = [(384, 384, 9, 17), (384, 256, 1, 35), (256, 256, 9, 35), (256, 384, 9, 17)]
    b = [(1152, 192, 1, 17), (1152, 128, 1, 17), (128, 160, 7, 17), (160, 192, 7, 17)]
    reduction_b = [(1152, 256, 1, 17)] * 3 + [(256, 384, 9, 8), (256, 288, 9, 8), (256, 288, 9, 17), (288, 320, 9, 8)]
    c = [(2144, 192, 1, 8), (2144, 192, 1, 8), (192, 224, 3, 8), (224, 256, 3, 8)]
    last = [(128, 384, 1, 35)] * 5 + [(384, 1152, 1, 17)] * 10 + [(448, 2144, 1, 8)] * 5
    normed = stem + 5 * a + reduction_a + 10 * b + reduction_b + 5 * c
    weights = sum(i * o * k * side**2 for i, o, k, side in normed + last) + 2144 * 1000
    norm = sum(o * side**2 for _, o, _, side in normed)
    pooled = 64 * 147**2 + 192 * 71**2 + 384 * 35**2 + 1152 * 17**2 + 2144 * 8**2
    return weights + norm + pooled, sum(o * side**2 + 2 * o * o // 16 for _, o, _, side in last)


def test_the_papers_form_of_inception_resnet_v2_is_not_table_2s_either():
    """9.27 G without its SE, which costs 11.0 M: the list of open figures says so."""
    plain, se = papers_inception_resnet_v2()

    assert NETWORKS.printed(plain, 10**9, 2) == "9.27"
    assert round(se / 10**6, 1) == 11.0


def test_kinds_of_resnet_50():
    """Every kind by hand: 16 units add; one max pooling of 3x3 windows and one average of 7x7 x 2048 values, which
    the windows' overlap makes more reads than inputs."""
    plain = counts("resnet50", None)
    additions = 3 * 256 * 56**2 + 4 * 512 * 28**2 + 6 * 1024 * 14**2 + 3 * 2048 * 7**2

    assert additions == plain[Operation.ADDITION] == counts("resnet50", SESpec())[Operation.SCALE]
    assert 9 * 64 * 56**2 + 2048 * 7**2 == plain[Operation.POOLING] == counts("resnet50", SESpec())[Operation.POOLING]
    assert plain[Operation.POOL_INPUTS] == 64 * 112**2 + 2048 * 7**2
    assert plain[Operation.POOL_INPUTS] == counts("resnet50", SESpec())[Operation.POOL_INPUTS]
    assert plain[Operation.NORM] == 10_587_136
    assert plain[Operation.WEIGHTS] == 3_857_973_248
    assert 0 == plain[Operation.SQUEEZE] == plain[Operation.SCALE]


@pytest.mark.parametrize(
    ("count", "decimals", "cut", "text"),
    [
        (3_865_000_000, 2, False, "3.87"),  # a half goes up
        (3_864_999_999, 2, False, "3.86"),
        (3_869_999_999, 2, True, "3.86"),
        (8_004_895_744, 2, True, "8.00"),
        (139_500_192, 0, False, "0"),
    ],
)
def test_printed_digits(count, decimals, cut, text):
    """Rounding and cutting in billions, in whole numbers throughout."""
    assert text == printed(count, 10**9, decimals, cut=cut)


def test_a_network_that_takes_no_images_so_small_is_named():
    """With their size, as a mistake of its user."""
    protocol = replace(IMAGENET_100EP, image_size=64, resize=64)
    with pytest.raises(ValueError, match="inception_resnet_v2 cannot take images of 64 pixels"):
        count_networks([Cell(backbone="inception_resnet_v2", se=None, protocol=protocol)])


def test_a_network_that_trains_at_a_size_that_it_cannot_take_is_named():
    """VGG-16 takes 224 pixels alone; a recipe whose crops grow is refused before anything is read."""
    growing = replace(IMAGENET_100EP, epochs=2, training_sizes=(128, 224), schedule=SCHEDULE)
    other = replace(IMAGENET_100EP, image_size=128, resize=146)
    said = r"vgg16 cannot take images of 128 pixels .* choose other rows with --row"
    with pytest.raises(StudyError, match=said):
        refuse_other_sizes([Cell(backbone="vgg16", se=None, protocol=growing)])
    with pytest.raises(ValueError, match=said):
        count_networks([Cell(backbone="vgg16", se=None, protocol=other)])
    refuse_other_sizes([Cell(backbone="resnet50", se=None, protocol=growing)])


class Attention(nn.Module):
    """Self-attention between the places of a map, as a block of a user's own may have it."""

    def __init__(self, channels):
        super().__init__()
        self.inner = nn.MultiheadAttention(channels, 2, batch_first=True)

    def forward(self, u):
        tokens = u.flatten(2).transpose(1, 2)
        return self.inner(tokens, tokens, tokens)[0].transpose(1, 2).reshape(u.shape)


def test_attention_is_counted_alike_on_every_device():
    """PyTorch's fused attention of evaluation is one operation on a CPU, whose products would be missed."""
    model = nn.Sequential(nn.Conv2d(3, 8, 1), Attention(8))
    there = operations(copy.deepcopy(model).to("meta"), 8)[Operation.WEIGHTS]

    assert operations(model, 8)[Operation.WEIGHTS] == there > 64 * 3 * 8 + 64 * 4 * 8 * 8
    assert torch.backends.mha.get_fastpath_enabled()
