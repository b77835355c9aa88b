"""The folder of the data sets."""

import os
from pathlib import Path

FOLDER_VARIABLE = "SENET_LAB_DATA"


def data_folder() -> Path:
    """$SENET_LAB_DATA, or ``data`` if it is not set."""
    return Path(os.environ.get(FOLDER_VARIABLE) or "data")
