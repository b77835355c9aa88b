"""Parameters and multiply-adds of the networks in a report. Each is counted once, and read from a file afterwards."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from senet_lab import extensions
from senet_lab.cli.catalogue import RESULTS
from senet_lab.errors import StudyError
from senet_lab.study import Cell
from senet_lab.study.counts import Counts


def counts_of(cells: Iterable[Cell], root: Path) -> tuple[dict[str, Counts], dict[str, Counts]]:
    """Two mappings from network to counts: one with all known counts and those of these cells, one with new ones alone.

    Counts are read from the ``complexity.json`` of the committed results, of ``root``, and of the cache of ``root``. A
    network that is in none of these is counted, and kept in the cache where that is writable. New counts are those of
    these cells that the first two files lack. A network with a user's own code is counted each time, since the code may
    have changed, and is not in the second mapping. Raises StudyError for a network that cannot be built.
    """
    from senet_lab.records.counts import missing_counts, read_counts

    cells = list(cells)
    own = [cell for cell in cells if extensions.used_by(cell)]
    known = read_counts(RESULTS) | read_counts(root)
    missing = missing_counts([cell for cell in cells if cell not in own], known)
    kept = read_counts(root / "cache") if missing else {}
    counted = count(cell for network, cell in missing.items() if network not in kept)
    if counted and root.is_dir():
        with suppress(OSError):  # the folder is read-only or full: the networks are counted again next time
            keep_counts(counted, root / "cache")
    lacking = {network: (kept | counted)[network] for network in missing}
    return known | lacking | count(own), lacking


def keep_counts(counted: dict[str, Counts], root: Path) -> None:
    """Adds counts to the file of a folder."""
    from senet_lab.records.counts import read_counts, write_counts

    if counted:
        write_counts(root, read_counts(root) | counted)


def refuse_other_sizes(cells: Iterable[Cell]) -> None:
    """Raises StudyError for a network that cannot take images of a size that its protocol trains at."""
    growing = [cell for cell in cells if cell.protocol.training_sizes]
    if not growing:
        return  # without loading torch
    from senet_lab.models.complexity import check_training_sizes

    try:
        check_training_sizes(growing)
    except ValueError as error:
        raise StudyError(str(error)) from None


def count(cells: Iterable[Cell]) -> dict[str, Counts]:
    """Counts these networks, by network. Raises StudyError for one that cannot be built."""
    cells = list(cells)
    if not cells:
        return {}  # without loading torch
    from senet_lab.models.complexity import count_networks

    try:
        return count_networks(cells)
    except ValueError as error:
        raise StudyError(str(error)) from None
