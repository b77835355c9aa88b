"""How much memory the runs in a report take. It is estimated once, and read from a file afterwards."""

import json
from collections.abc import Iterable
from pathlib import Path

from senet_lab.cli.catalogue import RESULTS
from senet_lab.errors import StudyError
from senet_lab.study import Cell

FILE = "memory.json"
MEND = "delete it, and the next report estimates it anew"


def memory_of(cells: Iterable[Cell], root: Path) -> dict[str, int]:
    """The bytes that one run takes on a CPU, by the cell's key.

    They are read from the committed file and from the file of ``root``. A need that neither holds is estimated
    (``senet_lab.fleet.memory``, with torch) and added to the file of ``root``. One cell stands for all that differ from
    it only in their SE blocks. Cells on photos are left out: their memory depends on the number of loader
    processes, and so on the machine. Raises StudyError for a damaged file.
    """
    named = {cell.key: (_name(cell), cell) for cell in cells if not cell.protocol.dataset.of_photos}
    known = _read(RESULTS) | _read(root)
    missing = {name: cell for name, cell in named.values() if name not in known}
    if missing:
        from senet_lab.fleet.memory import needed_bytes
        from senet_lab.records.files import replace_file

        known |= {name: needed_bytes([cell]) for name, cell in missing.items()}
        replace_file(root / FILE, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())
    return {key: known[name] for key, (name, _) in named.items()}


def _name(cell: Cell) -> str:
    """Everything that the estimate depends on, in words."""
    protocol = cell.protocol
    images = protocol.train_images + protocol.test_images
    return f"{cell.backbone}, batch {protocol.batch_size}, {protocol.image_size} pixels, {images} images"


def _read(root: Path) -> dict[str, int]:
    from senet_lab.records.checked_files import read_json

    try:
        found = read_json(root / FILE, MEND)
    except FileNotFoundError:
        return {}
    for name, value in found.items():
        if type(value) is not int or value < 1:
            raise StudyError(f"{root / FILE}: {name!r} has {value!r} bytes; {MEND}")
    return found
