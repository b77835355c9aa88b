"""SESpec refuses what is no SE block, and says why."""

import dataclasses

import pytest

from senet_lab.models.registry import build_model, se_blocks
from senet_lab.study import Gate, Integration, SESpec, Squeeze, own_block


def test_the_default_is_the_papers_block():
    """r=16, average squeeze, sigmoid gate, at the end of the branch of every unit, without biases."""
    assert tuple(getattr(SESpec(), field.name) for field in dataclasses.fields(SESpec)) == (
        16,
        "avg",
        "sigmoid",
        "standard",
        "fc",
        "all",
        False,
        (),
    )


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"reduction": 0}, "reduction is 0"),
        ({"reduction": -16}, "reduction is -16"),
        ({"reduction": 16.0}, "reduction is 16.0"),
        ({"reduction": True}, "reduction is True"),
        ({"reduction": "16"}, "reduction is '16'"),
        ({"gate": "softmax"}, "gate is 'softmax'; it must be one of 'sigmoid', 'tanh', 'relu', 'double_sigmoid'"),
        ({"squeeze": "sum"}, "squeeze is 'sum'"),
        ({"integration": "front"}, "integration is 'front'"),
        ({"excitation": "linear"}, "excitation is 'linear'"),
        ({"gate": None}, "gate is None"),
        ({"bias": 1}, "bias is 1"),
        ({"stages": ()}, r"stages is \(\)"),
        ({"stages": 3}, "stages is 3"),
        ({"stages": "2"}, "stages is '2'"),
        ({"stages": (1, 2)}, "stage 1 does not exist"),
        ({"stages": (2.0,)}, "stage 2.0 does not exist"),
        ({"stages": (2, 2)}, r"stages \(2, 2\) names a stage twice"),
        ({"excitation": "group", "bias": True}, "bias belongs to the FC layers"),
        ({"excitation": "conv1d", "squeeze": "none"}, "needs a squeezed vector"),
        ({"excitation": "conv1d", "reduction": 8}, "has no reduction ratio"),
        ({"excitation": "conv1d", "stage_reductions": (8, 16)}, "has no reduction ratio"),
        ({"stage_reductions": (8, 0)}, r"stage_reductions is \(8, 0\); it must be whole numbers"),
        ({"stage_reductions": (8, 16), "reduction": 8}, "leave reduction at its default"),
        ({"stage_reductions": (8, 8, 8)}, "one ratio for all: say reduction=8"),
        ({"stage_reductions": (8, 16), "stages": (2, 3, 4)}, "2 ratios for the 3 stages"),
    ],
)
def test_what_is_no_se_block_is_refused(fields, named):
    """Each wrong value raises a ValueError that names it."""
    with pytest.raises(ValueError, match=named):
        SESpec(**fields)


def test_names_are_accepted_for_members():
    """Strings become members of their enumeration, so both spellings are one value."""
    by_name = SESpec(squeeze="max", gate="tanh", integration="pre")

    assert SESpec(squeeze=Squeeze.MAX, gate=Gate.TANH, integration=Integration.PRE) == by_name
    assert Gate.TANH is by_name.gate


def test_stages_are_sorted():
    """The order and the kind of sequence in which stages are written make no difference."""
    assert SESpec(stages=[4, 2]).stages == (2, 4)
    assert SESpec(stages=(2, 4)) == SESpec(stages=(4, 2))


def test_stages_are_covered_as_written():
    """Stages 2 and 4 are covered, stage 3 is not; "all" covers each."""
    assert [SESpec(stages=(2, 4)).covers(stage) for stage in (2, 3, 4)] == [True, False, True]
    assert SESpec().covers(5)


def test_a_value_cannot_be_changed_or_misspelt():
    """An SESpec is frozen, and a field it does not have is refused."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        SESpec().reduction = 8
    with pytest.raises(TypeError, match="ratio"):
        SESpec(ratio=8)


def test_the_hidden_width_is_exact():
    """256 channels at r=16 have 16 hidden ones; at r=7 they are refused, not rounded."""
    assert SESpec(reduction=16).hidden_channels(256) == 16
    with pytest.raises(ValueError, match="r=7 does not divide 256 channels"):
        SESpec(reduction=7).hidden_channels(256)


def test_a_network_refuses_a_ratio_that_does_not_divide():
    """build_model names the network, the ratio and the width."""
    with pytest.raises(ValueError, match=r"resnet50: r=7 does not divide 256 channels"):
        build_model("resnet50", SESpec(reduction=7), device="meta")


def test_a_network_refuses_a_stage_that_it_does_not_have():
    """ResNet-50 ends with stage 5."""
    with pytest.raises(ValueError, match="resnet50 has no stage 6"):
        build_model("resnet50", SESpec(stages=(5, 6)), device="meta")


def test_what_is_no_se_spec_is_refused_by_name():
    """A block of a user's own belongs into a Cell."""
    for other in (own_block("eca"), 16):
        with pytest.raises(ValueError, match=r"must be an SESpec or None\. Blocks of your own go into a Cell"):
            build_model("resnet50", other, device="meta")


def test_each_stage_may_have_a_reduction_of_its_own():
    """The blocks of a network, and the weights they add: 2 * C * C / r a block. One ratio for all is left alone."""
    by_stage = SESpec(stages=(3, 5), stage_reductions=(4, 32))
    blocks = se_blocks(build_model("resnet50", by_stage, device="meta"))
    found = {(name.split("_")[1], block.se.reduction): block.channels for name, block in blocks.items()}

    assert found == {("3", 4): 512, ("5", 32): 2048}
    assert by_stage.at(5) == SESpec(stages=(3, 5), reduction=32)
    assert by_stage.ratio == "r=4+32"
    assert SESpec(reduction=8).at(2) == SESpec(reduction=8)
    weights = sum(p.numel() for block in blocks.values() for p in block.parameters())
    assert weights == 4 * 2 * 512 * 512 // 4 + 3 * 2 * 2048 * 2048 // 32


@pytest.mark.parametrize(
    ("ratios", "named"), [((4, 8, 16), "none of them for stage 5"), ((2, 4, 8, 16, 32), "4 stages")]
)
def test_a_network_refuses_ratios_for_other_stages(ratios, named):
    """One for each of its stages, where all carry blocks."""
    with pytest.raises(ValueError, match=f"resnet50.*{named}"):
        build_model("resnet50", SESpec(stage_reductions=ratios), device="meta")
