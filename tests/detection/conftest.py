"""A table of small detectors on a folder of photos with boxes, made once."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from senet_lab import extensions
from senet_lab.data.coco_sets import own_boxes
from senet_lab.study import Table
from tests.detection.boxes import TABLE, coco_folder


@dataclass(frozen=True)
class Small:
    """table: under a protocol on the photos of ``folder``; stage5: the same with the last stage as head."""

    folder: Path
    table: Table
    stage5: Table


@pytest.fixture(scope="session")
def small_files(tmp_path_factory):
    root = tmp_path_factory.mktemp("small")
    (root / "mine.py").write_text(TABLE)
    return root / "mine.py", coco_folder(root / "boxes")


@pytest.fixture(scope="module")
def small(small_files):
    file, folder = small_files
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extensions.registry, "_loaded", {})
        module = extensions.load_extension(str(file)).module
        tables = [module.TABLE.under(own_boxes(protocol, folder)) for protocol in module.PROTOCOLS]
        yield Small(folder, *tables)
