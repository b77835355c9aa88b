"""The specification of a user's own block: a value that a cell's key is made of."""

import pytest

from senet_lab.study import own_block
from senet_lab.study.block import BlockSpec, Parameter


def test_parameters_are_equal_in_any_order():
    """They are sorted by name."""
    assert own_block("a", x=1, y=2) == BlockSpec(block="a", parameters=(Parameter("y", 2), Parameter("x", 1)))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"block": "my block"}, "no name: letters, digits and underscores"),
        ({"block": "a", "parameters": (Parameter("x", 1), Parameter("x", 2))}, "has a parameter twice"),
        ({"block": "a", "stages": (1,)}, "stages are numbered from 2"),
        ({"block": "a", "integration": "middle"}, "must be one of 'standard', 'pre'"),
    ],
)
def test_a_spec_that_is_no_valid_value_is_refused(fields, said):
    """When it is made."""
    with pytest.raises(ValueError, match=said):
        BlockSpec(**fields)
