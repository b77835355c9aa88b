"""CIFAR itself, for tests marked ``data``."""

import pytest

from senet_lab.data.arrays import ImageArrays
from senet_lab.data.cifar import cifar
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset


def real_cifar(dataset: Dataset) -> ImageArrays:
    """The data set, brought where it is not here; without it and without network the test is skipped."""
    try:
        return cifar(dataset)
    except StudyError as error:
        if "could not be downloaded" not in str(error):
            raise
        pytest.skip(f"needs {dataset.value}, below $SENET_LAB_DATA or by network")
