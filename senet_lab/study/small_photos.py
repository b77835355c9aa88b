"""A protocol whose training crops are cut from photos that were made smaller once, under a name of its own.

Large photos take long to decode, and most of what is decoded is thrown away. The price is a departure: a crop is
resized twice. Evaluation reads the photos as they are.
"""

from dataclasses import replace

from senet_lab.study.protocol import Protocol
from senet_lab.study.table import Table

SIDE = 400  # pixels of the shorter side
SUFFIX = f"-photos{SIDE}"  # of a protocol's name


def from_small_photos(protocol: Protocol) -> Protocol:
    """The same recipe on smaller photos. Raises ValueError for a data set that has none."""
    return replace(
        protocol,
        name=f"{protocol.name}{SUFFIX}",
        title=f"{protocol.title}; training photos with a shorter side of {SIDE}",
        small_photos=SIDE,
        departures=(
            *protocol.departures,
            f"training crops are cut from photos that were resized once to a shorter side of {SIDE} pixels, where "
            "theirs is longer, and kept as JPEG of quality 95; evaluation reads the photos as they are",
        ),
    )


def table_from_small_photos(table: Table) -> Table:
    """Every row under its own protocol on smaller photos. Raises ValueError as ``from_small_photos``."""
    rows = (replace(row, cell=replace(row.cell, protocol=from_small_photos(row.cell.protocol))) for row in table.rows)
    return replace(table, rows=tuple(rows))
