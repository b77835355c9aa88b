"""The tables that some records may belong to: a table as it is declared, and its companions under other protocols."""

import contextlib
from collections.abc import Iterable

from senet_lab.study.protocol import HELD_OUT, Protocol
from senet_lab.study.small_photos import table_from_small_photos
from senet_lab.study.table import Table


def candidates(table: Table, protocols: Iterable[Protocol]) -> list[Table]:
    """The table under the paper's own protocols, and under every other protocol that it has networks for.

    Where rows differ in nothing but their protocol, the table stands under its own protocols only: under any one
    protocol these rows would be the same cell. One of the own protocols of a table with several may train every row.
    Protocols that evaluate on held-out training images are left out: they compare recipes, and belong to the table that
    chooses the recipe.
    """
    own = {cell.protocol for cell in table.cells}
    protocols = list(protocols)
    found, small = [table], set[Protocol]()
    if len(own) > 1 and any(protocol.small_photos for protocol in protocols):
        with contextlib.suppress(ValueError):  # a row is not trained on photos
            found.append(table_from_small_photos(table))
            small = {cell.protocol for cell in found[-1].cells}
    for protocol in protocols:
        if own != {protocol} and protocol not in small and protocol.evaluation_split != HELD_OUT:
            with contextlib.suppress(ValueError):  # a row has no network for that data set
                found.append(table.under(protocol))
    rows = len(set(table.cells))
    return [candidate for candidate in found if len(set(candidate.cells)) == rows]
