"""Where data sets lie."""

import os
from pathlib import Path

FOLDER_VARIABLE = "SENET_LAB_DATA"


def data_folder() -> Path:
    """$SENET_LAB_DATA, or ``data`` where that is not set."""
    return Path(os.environ.get(FOLDER_VARIABLE) or "data")
