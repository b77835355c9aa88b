"""The study that a command works on: a table under a protocol, and its runs or those of some rows."""

from collections.abc import Iterable
from pathlib import Path

from senet_lab.cli import catalogue
from senet_lab.errors import StudyError
from senet_lab.extensions import own_protocols
from senet_lab.study import Protocol, Row, Run, Table
from senet_lab.study.names import nearest
from senet_lab.study.protocol import Dataset
from senet_lab.study.small_photos import SUFFIX, table_from_small_photos
from senet_lab.study.table import plan_runs


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
    gives the nearest one), and for photos or weights that cannot be used.
    """
    table = table_under(paper, protocol, own_photos=data is not None)
    if data is not None:
        table = _on_photos(table, data)
    if trunks is not None:
        from senet_lab.training.trunks import with_trunks

        table = with_trunks(table, trunks)
    runs = plan_runs([table], seeds)
    if not rows:
        return table, runs
    chosen = [find_row(table, label) for label in rows]
    keys = {one.cell.key for row in chosen for one in (row, table.baseline_of(row))}
    return table, tuple(run for run in runs if run.cell.key in keys)


def find_row(table: Table, label: str) -> Row:
    """The row of this label. Raises StudyError, with the nearest label, where the table has none."""
    by_label = {row.label: row for row in table.rows}
    if label not in by_label:
        raise StudyError(f"{table.name} has no row {label!r}; the nearest is {nearest(label, by_label)!r}")
    return by_label[label]


def table_under(table: Table, name: str | None, own_photos: bool = False) -> Table:
    """The table with the protocol of this name in every row.

    ``paper`` means the rows' own protocols, and so does ``imagenet`` for an ImageNet table. A name that ends with
    SUFFIX is a recipe whose training photos are resized once. None means demo for a table of the paper, and the rows'
    own protocols for any other table. own_photos: a user's own photos are to take the place of the protocol's data set;
    then None means the project's recipe for such photos.

    Raises StudyError for an unknown name (it gives the nearest one), and NoCompanion where a row has no network for
    the protocol's images.
    """
    if name is not None and name.endswith(SUFFIX):
        try:
            return table_from_small_photos(table_under(table, name.removesuffix(SUFFIX)))
        except ValueError as error:
            raise StudyError(str(error)) from None
    declared = catalogue.load_module("ablations.protocols")
    if name is None and own_photos:
        name = declared.BOX_RECIPE if table.paper_protocol.detection else declared.PHOTO_RECIPE
    name = name or (declared.DEFAULT_PROTOCOL if table.of_the_paper else "paper")
    own = {protocol.name for protocol in (row.cell.protocol for row in table.rows)}
    if name == "paper" or (name == declared.IMAGENET_ALIAS and table.paper_protocol.dataset is Dataset.IMAGENET):
        return table
    known: dict[str, Protocol] = declared.PROTOCOLS | {protocol.name: protocol for protocol in own_protocols()}
    if name not in known:
        aliases = [*known, declared.IMAGENET_ALIAS, "paper"]
        raise StudyError(f"no protocol is called {name!r}; the nearest is {nearest(name, aliases)!r} (senet-lab list)")
    if own == {name}:
        return table
    try:
        return table.under(known[name])
    except ValueError as error:
        raise NoCompanion(f"{error}: {table.name} trains as the paper has it, with --protocol paper") from None


def _on_photos(table: Table, folder: Path) -> Table:
    """The table under its recipe, with the photos of this folder in place of the recipe's."""
    from senet_lab.data.coco_sets import own_boxes
    from senet_lab.data.own_photos import own_photos

    recipe_of = own_photos if table.paper_protocol.detection is None else own_boxes
    try:
        return table.under(recipe_of(table.paper_protocol, folder))
    except ValueError as error:
        raise NoCompanion(str(error)) from None
