"""Networks as text: what a command line accepts, and what headings say."""

import pytest

from senet_lab.study import SESpec, own_block
from senet_lab.study.network_names import described, parse_network


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resnet50:reduction=8,reduction=4", "reduction is given twice"),
        ("resnet50:reduction=8,reduction=4+8", "reduction is given twice"),
        ("resnet50:gate=sofmax", "gate is 'sofmax'; it must be one of 'sigmoid', 'tanh'"),
        ("resnet50:gates=tanh", "is no field=value of an SESpec"),
        ("resnet50:bias=1", "bias=1 is neither true nor false"),
    ],
)
def test_a_mistake_is_told_with_what_is_possible(text, said):
    """Nothing is taken twice or silently."""
    with pytest.raises(ValueError, match=said):
        parse_network(text)


def test_different_networks_have_different_descriptions():
    """Every field that is not at its default is named."""
    forms = [
        None,
        SESpec(),
        SESpec(bias=True),
        SESpec(reduction=8),
        SESpec(stages=(2, 3)),
        SESpec(gate="tanh"),
        own_block("eca"),
        own_block("eca", kernel=3),
        own_block("eca", stages=(2, 3)),
        own_block("eca", integration="post"),
    ]
    said = [described("resnet50", form) for form in forms]

    assert len(set(said)) == len(forms)
    assert said[:3] == ["resnet50, plain", "resnet50, SE r=16", "resnet50, SE r=16, with biases"]
    assert said[-3:] == [
        "resnet50, eca kernel=3",
        "resnet50, eca, stages (2, 3)",
        "resnet50, eca, integration post",
    ]
