"""The specification of a user's own block: a value that a cell's key is made of."""

import hashlib
from dataclasses import replace

import pytest

from senet_lab.study import own_block
from senet_lab.study.block import BlockSpec, Parameter
from senet_lab.study.cell import canonical_json
from tests.samples import SE


def test_parameters_are_equal_in_any_order():
    """They are sorted by name."""
    assert own_block("a", x=1, y=2) == BlockSpec(block="a", parameters=(Parameter("y", 2), Parameter("x", 1)))


@pytest.mark.parametrize("values", [(1, 1.0, True), (True, 1, 1.0), (0.0, False, 0)])
def test_equal_numbers_of_three_types_are_three_blocks(values):
    """Each has a key of its own, whichever was asked for first; zero has one sign."""
    cells = [replace(SE, se=own_block("a", k=value)) for value in values]

    assert len({cell.key for cell in cells}) == len({*cells}) == 3
    assert [cell.key for cell in cells] == [key_of(cell) for cell in cells]
    assert own_block("a", k=0.0) == own_block("a", k=-0.0)
    assert replace(SE, se=own_block("a", k=0.0)).key == key_of(replace(SE, se=own_block("a", k=-0.0)))


def key_of(cell):
    """The key by its definition, without a memory."""
    return hashlib.sha256(canonical_json(cell).encode()).hexdigest()[:16]


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
