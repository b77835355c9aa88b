"""One thread, the smallest network, and the data of the tiny protocol."""

import pytest
import torch

from senet_lab.data.open import open_source
from tests import smallest
from tests.tiny import AUGMENTED


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="package", autouse=True)
def _smallest():
    with smallest.registered():
        yield


@pytest.fixture(scope="session")
def source():
    """The data of AUGMENTED."""
    return open_source(AUGMENTED, torch.device("cpu"))
