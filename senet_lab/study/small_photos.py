"""Protocols whose training crops are cut from photos that were resized once. They have names of their own.

Large photos take long to decode, and most of their pixels are then thrown away. Smaller photos are faster, at the price
of a departure: crops are resized twice. Evaluation reads the photos as they are.
"""

from dataclasses import replace

from senet_lab.study.protocol import Protocol
from senet_lab.study.table import Table

SIDE = 400  # pixels of the shorter side
SUFFIX = f"-photos{SIDE}"  # ends the name of such a protocol


def from_small_photos(protocol: Protocol) -> Protocol:
    """The same recipe on smaller photos. Raises ValueError for a data set without photos."""
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
    """The table with every row's protocol on smaller photos. Raises the errors of ``from_small_photos``."""
    rows = (replace(row, cell=replace(row.cell, protocol=from_small_photos(row.cell.protocol))) for row in table.rows)
    return replace(table, rows=tuple(rows))
