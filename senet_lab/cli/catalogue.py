"""Names to values: tables and protocols of the ``ablations`` package, or of a file that the user names.

``python -m senet_lab.cli.catalogue`` lists them.
"""

import contextlib
import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from senet_lab.errors import StudyError
from senet_lab.extensions import Extension, entry_points, load_extension, own_protocols, place_of
from senet_lab.study import Protocol, Table
from senet_lab.study.claim import Claim
from senet_lab.study.protocol import Dataset
from senet_lab.study.released import Released
from senet_lab.study.small_photos import SUFFIX, table_from_small_photos

RESULTS = Path("results")
BARE_EDITION = "cvpr2018"  # the edition that a name without one belongs to, where it has that table


class NoCompanion(StudyError):
    """A table has no network for the images of a protocol."""


def published_folder() -> Path:
    """Where the published numbers lie."""
    return Path(_module("ablations").__path__[0]) / "published"


def tables() -> list[Table]:
    """Every declared table, by edition and number."""
    package = _module("ablations")
    modules = [_module(f"ablations.{info.name}") for info in pkgutil.iter_modules(package.__path__)]
    found = [module.TABLE for module in modules if hasattr(module, "TABLE")]
    return sorted(found, key=lambda table: (table.edition, int(table.number)))


def names_of(table: Table, among: Iterable[Table]) -> list[str]:
    """The names that mean this table, its own first: a bare topic belongs to the 2018 edition where that has it."""
    same_topic = [other.edition for other in among if other.topic == table.topic]
    names = [table.name]
    if table.edition == BARE_EDITION or BARE_EDITION not in same_topic:
        names.append(table.topic)
    if table.edition != BARE_EDITION:
        names.append(f"{table.edition}-{table.topic}")
    return names


def find_table(name: str) -> Table:
    """The table of this name or topic, or the TABLE of a Python file of this path or of an installed package.

    Raises StudyError with the nearest name, or with what is wrong in the file.
    """
    declared = tables()
    by_name = {alias: table for table in declared for alias in names_of(table, declared)}
    if name not in by_name and (source := _own_source(name)):
        return _own_table(source)
    if name not in by_name:
        raise StudyError(f"no table is called {name!r}; the nearest is {nearest(name, by_name)!r} (senet-lab list)")
    return by_name[name]


def claims() -> list[Claim]:
    """Every declared claim."""
    return list(_module("ablations.claims").CLAIMS)


def printed() -> tuple[Mapping[str, int], Mapping[tuple[str, int], str]]:
    """How many numbered tables each edition prints, and why some of them have no rows here."""
    declared = _module("ablations.printed")
    return declared.PRINTED, declared.NOT_ASKED


def wanted() -> tuple[tuple[str, tuple[str, ...], int], ...]:
    """The study that the project is after: protocol, tables, seeds."""
    found: tuple[tuple[str, tuple[str, ...], int], ...] = _module("ablations.wanted").WANTED
    return found


def released() -> Mapping[str, tuple[Released, ...]]:
    """Which released weights stand for which row of the ImageNet tables, by the rows' labels."""
    found: Mapping[str, tuple[Released, ...]] = _module("ablations.released").RELEASED
    return found


def find_claims(name: str) -> list[Claim]:
    """The claims about the table of this name, or the CLAIMS of a Python file of this path, where it has any."""
    if name.endswith(".py") or name in entry_points():
        return list(getattr(load_extension(str(_own_source(name))).module, "CLAIMS", ()))
    slug = find_table(name).slug
    return [claim for claim in claims() if claim.table.slug == slug]


def table_under(table: Table, name: str | None) -> Table:
    """The table under the protocol of this name. ``paper`` means the rows' own protocols, and so does ``imagenet`` on a
    table of ImageNet; a name that ends with SUFFIX is a recipe whose training photos are resized once. None: demo for a
    table of the paper, the rows' own protocols for any other.

    Raises StudyError with the nearest name, or where a row has no network for that protocol's images.
    """
    if name is not None and name.endswith(SUFFIX):
        try:
            return table_from_small_photos(table_under(table, name.removesuffix(SUFFIX)))
        except ValueError as error:
            raise StudyError(str(error)) from None
    declared = _module("ablations.protocols")
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


def photo_recipe(boxes: bool = False) -> str:
    """The protocol whose recipe trains a user's own photos, or those with boxes, where none is named."""
    declared = _module("ablations.protocols")
    return str(declared.BOX_RECIPE if boxes else declared.PHOTO_RECIPE)


def protocols() -> list[Protocol]:
    """Every declared protocol."""
    return list(_module("ablations.protocols").PROTOCOLS.values())


def listing() -> str:
    """Every table and protocol by name, for a person."""
    declared = tables()
    lines = ["tables (make NAME, or senet-lab reproduce NAME)"]
    lines += [f"  {', '.join(names_of(table, declared)):46} {table.caption}" for table in declared]
    lines += ["protocols (PROTOCOL=NAME, or --protocol NAME)"]
    lines += [f"  {protocol.name:46} {protocol.title}" for protocol in protocols()]
    lines += [f"  {'imagenet':46} the table's own ImageNet protocol", f"  {'paper':46} the table's own protocols"]
    lines += [f"  {'NAME' + SUFFIX:46} a recipe on photos, its training photos resized once (docs/training.md)"]
    return "\n".join(lines)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like this one."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0)[0]


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ValueError, TypeError) as error:
        raise StudyError(f"{name}: {error}") from None


def _own_table(source: str) -> Table:
    """The TABLE of a user's file or of an installed package's module."""
    extension = load_extension(source)
    table = getattr(extension.module, "TABLE", None)
    if not isinstance(table, Table):
        raise StudyError(f"{source} has no TABLE of type senet_lab.study.Table")
    if table.slug in {declared.slug for declared in tables()}:
        raise StudyError(f"{source}: {table.slug} is declared in ablations; give this table an edition of its own")
    _refuse_own_classes(extension, table)
    _refuse_taken_protocols(extension, table)
    return table


def _refuse_own_classes(extension: Extension, table: Table) -> None:
    """Cells go to workers, and into records, as values of this project's own classes."""
    for value in [value for row in table.rows for value in (row.cell, row.cell.se, row.cell.protocol)]:
        if value is not None and type(value).__module__ == extension.module.__name__:
            name = type(value).__name__
            place = place_of(extension, "TABLE", name)
            raise StudyError(f"{place}: {name} is a class of this file, which no worker can be given; use its base")


def _refuse_taken_protocols(extension: Extension, table: Table) -> None:
    """A declared recipe's name stands for it alone: in headings, and for the folder of its records."""
    declared = {protocol.name: protocol for protocol in protocols()}
    for protocol in (*extension.protocols, *(row.cell.protocol for row in table.rows)):
        if protocol != declared.get(protocol.name, protocol):
            where = "PROTOCOLS" if protocol in extension.protocols else "TABLE"
            place = place_of(extension, where, protocol.name)
            raise StudyError(f"{place}: protocol {protocol.name!r} is taken by a declared recipe; rename this one")


def _own_source(name: str) -> str | None:
    """Where a user's own table of this name is from: its file, or the module of an installed package; None for none."""
    return name if name.endswith(".py") else entry_points().get(name)


if __name__ == "__main__":  # needs nothing installed, so that `make help` works in a fresh clone
    with contextlib.suppress(BrokenPipeError):  # a reader that has gone, as in `| head`
        print(listing(), flush=True)
