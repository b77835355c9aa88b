"""Tensors by name, as a state dict has them."""

import torch


def assert_same_tensors(one, other):
    """The same names, and under each the same tensor, bit for bit."""
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
