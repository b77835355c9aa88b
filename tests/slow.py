"""Parameters of a test that repeat what others show are left to the whole run."""

import pytest


def slow_if(slow: bool, *values: object, name: str | None = None):
    """The values of one case, marked as slow if it is. name: as it is printed; None for pytest's own choice."""
    return pytest.param(*values, id=name, marks=[pytest.mark.slow] * slow)
