"""The study that a command works on: a table under a protocol, and its runs or those of some rows."""

from collections.abc import Iterable
from pathlib import Path

from senet_lab.cli import catalogue
from senet_lab.errors import StudyError
from senet_lab.extensions import own_protocols
from senet_lab.study import Protocol, Row, Run, Table
from senet_lab.study.cell import runs_of
from senet_lab.study.names import nearest
from senet_lab.study.protocol import HELD_OUT, Dataset
from senet_lab.study.small_photos import SUFFIX, table_from_small_photos


class NoCompanion(StudyError):
    """The table has a row without a network for the protocol's images."""


def study_of(
    paper: Table,
    protocol: str | None,
    seeds: int,
    rows: Iterable[str] | None,
    data: Path | None = None,
    trunks: Path | None = None,
) -> tuple[Table, tuple[Run, ...]]:
    """A table under the protocol, and its runs. Where rows are named: only their runs and those of their baselines.

    paper: the table as it is declared. data: the folder of a user's own photos, which replace the protocol's data set.
    trunks: the file that names weights for detectors' trunks. Raises StudyError for an unknown protocol or row (it
    gives the nearest one), for a protocol with values that cannot be meant, and for photos or weights that cannot be
    used.
    """
    chosen = [find_row(paper, label) for label in rows or ()]
    table = table_under(paper, protocol, data)
    if trunks is not None:
        from senet_lab.training.trunks import with_trunks

        table = with_trunks(table, trunks)
    for planned in dict.fromkeys(row.cell.protocol for row in table.rows):
        try:
            planned.check_meant()
        except ValueError as error:
            raise StudyError(str(error)) from None
    shown = {one.label for row in chosen for one in (row, table.baseline_of(row))}
    return table, runs_of((row.cell for row in table.rows if not shown or row.label in shown), seeds)


def find_row(table: Table, label: str) -> Row:
    """The row of this label. Raises StudyError, with the nearest label, where the table has none."""
    by_label = {row.label: row for row in table.rows}
    if label not in by_label:
        raise StudyError(f"{table.name} has no row {label!r}; the nearest is {nearest(label, by_label)!r}")
    return by_label[label]


def table_under(table: Table, name: str | None, data: Path | None = None) -> Table:
    """The table with the protocol of this name in every row, on a user's own photos where ``data`` names their folder.

    ``paper`` means the rows' own protocols, and so does ``imagenet`` for an ImageNet table. A name that ends with
    SUFFIX is a recipe whose training photos are resized once. None means demo for a table of the paper, the project's
    recipe for own photos with ``data``, and the rows' own protocols for any other table.

    Raises StudyError for an unknown name (it gives the nearest one) and for photos that cannot be used, and NoCompanion
    where a row has no network for the protocol's images.
    """
    small = name is not None and name.endswith(SUFFIX)
    recipe = _protocol_named(name.removesuffix(SUFFIX) if name else None, table, data is not None)
    try:
        found = table if recipe is None else table.under(recipe)
    except ValueError as error:
        raise NoCompanion(f"{error}: {table.name} trains as the paper has it, with --protocol paper") from None
    try:
        if small:
            found = table_from_small_photos(found)
        if data is None:
            return found
        from senet_lab.data.coco_sets import own_boxes
        from senet_lab.data.own_photos import own_photos

        on_photos = own_photos if table.paper_protocol.detection is None else own_boxes
        return found.under(on_photos(found.paper_protocol, data))
    except ValueError as error:
        raise NoCompanion(str(error)) from None


def _protocol_named(name: str | None, table: Table, own_photos: bool) -> Protocol | None:
    """The protocol of a name for every row; None for the rows' own protocols."""
    declared = catalogue.load_module("ablations.protocols")
    if name is None and own_photos:
        name = declared.BOX_RECIPE if table.paper_protocol.detection else declared.PHOTO_RECIPE
    name = name or (declared.DEFAULT_PROTOCOL if table.of_the_paper else "paper")
    own = {cell.protocol.name for cell in table.cells}
    if name == "paper" or (name == declared.IMAGENET_ALIAS and table.paper_protocol.dataset is Dataset.IMAGENET):
        return None
    known: dict[str, Protocol] = declared.PROTOCOLS | {protocol.name: protocol for protocol in own_protocols()}
    if name not in known:
        aliases = [*known, declared.IMAGENET_ALIAS, "paper"]
        raise StudyError(f"no protocol is called {name!r}; the nearest is {nearest(name, aliases)!r} (senet-lab list)")
    if known[name].evaluation_split == HELD_OUT and name not in own:
        raise StudyError(
            f"protocol {name} evaluates on held-out training images: it belongs to the table that chooses a recipe, "
            f"and no page of {table.name} would show its runs"
        )
    return None if own == {name} else known[name]
