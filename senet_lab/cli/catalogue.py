"""Finds tables and protocols by name: those of the ``ablations`` package, or of a file that the user names.

``python -m senet_lab.cli.catalogue`` lists them.
"""

import contextlib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from senet_lab.errors import StudyError
from senet_lab.extensions import Extension, entry_points, load_extension, own_protocols, who_has
from senet_lab.study import Protocol, Table
from senet_lab.study.claim import Claim
from senet_lab.study.names import nearest
from senet_lab.study.released import Released
from senet_lab.study.small_photos import SUFFIX

RESULTS = Path("results")
BARE_EDITION = "cvpr2018"  # a name without an edition means this one, where it has such a table


def load_module(name: str) -> ModuleType:
    """A module of the project's tables and recipes. Raises StudyError for a value in it that is wrong."""
    try:
        return importlib.import_module(name)
    except (ValueError, TypeError) as error:
        raise StudyError(f"{name}: {error}") from None


def published_folder() -> Path:
    """The folder of the published numbers."""
    return Path(load_module("ablations").__path__[0]) / "published"


def tables() -> list[Table]:
    """Every declared table, sorted by edition and number."""
    package = load_module("ablations")
    modules = [load_module(f"ablations.{info.name}") for info in pkgutil.iter_modules(package.__path__)]
    found = [module.TABLE for module in modules if hasattr(module, "TABLE")]
    return sorted(found, key=lambda table: (table.edition, int(table.number)))


def names_of(table: Table, among: Iterable[Table]) -> list[str]:
    """The names of a table, its own first. A topic without an edition means the 2018 table, where there is one.

    among: all declared tables.
    """
    same_topic = [other.edition for other in among if other.topic == table.topic]
    names = [table.name]
    if table.edition == BARE_EDITION or BARE_EDITION not in same_topic:
        names.append(table.topic)
    if table.edition != BARE_EDITION:
        names.append(f"{table.edition}-{table.topic}")
    return names


def find_table(name: str) -> Table:
    """The declared table of this name or topic; else the TABLE of the Python file or installed package so named.

    Raises StudyError: for an unknown name it gives the nearest one, for a file it says what is wrong in it.
    """
    by_name = _declared_by_name()
    if source := _own_source(name):
        return _own_table(source)
    if name not in by_name:
        raise StudyError(f"no table is called {name!r}; the nearest is {nearest(name, by_name)!r} (senet-lab list)")
    return by_name[name]


def claims() -> list[Claim]:
    """Every declared claim."""
    return list(load_module("ablations.claims").CLAIMS)


def printed() -> tuple[Mapping[str, int], Mapping[tuple[str, int], str]]:
    """How many numbered tables each edition prints, and why some of them have no rows here."""
    declared = load_module("ablations.printed")
    return declared.PRINTED, declared.NOT_ASKED


def wanted() -> tuple[tuple[str, tuple[str, ...], int], ...]:
    """The study that the project aims at: protocol name, table names and number of seeds, one entry per protocol."""
    found: tuple[tuple[str, tuple[str, ...], int], ...] = load_module("ablations.wanted").WANTED
    return found


def released() -> Mapping[str, tuple[Released, ...]]:
    """The released weights that stand for rows of the ImageNet tables, by the rows' labels."""
    found: Mapping[str, tuple[Released, ...]] = load_module("ablations.released").RELEASED
    return found


def find_with_claims(name: str) -> tuple[Table, list[Claim]]:
    """The table of this name, and the declared claims about it; for a user's file or package, its CLAIMS or none.

    Raises as ``find_table`` does.
    """
    table = find_table(name)
    if source := _own_source(name):
        return table, list(load_extension(source).claims)
    return table, [claim for claim in claims() if claim.table.slug == table.slug]


def protocols() -> list[Protocol]:
    """Every declared protocol."""
    return list(load_module("ablations.protocols").PROTOCOLS.values())


def listing() -> str:
    """The names of all tables and protocols, as text."""
    declared = tables()
    lines = ["tables (make NAME, or senet-lab reproduce NAME)"]
    lines += [f"  {', '.join(names_of(table, declared)):46} {table.caption}" for table in declared]
    lines += ["protocols (PROTOCOL=NAME, or --protocol NAME)"]
    lines += [f"  {protocol.name:46} {protocol.title}" for protocol in protocols()]
    lines += [f"  {'imagenet':46} the table's own ImageNet protocol", f"  {'paper':46} the table's own protocols"]
    lines += [f"  {'NAME' + SUFFIX:46} a recipe on photos, its training photos resized once (docs/training.md)"]
    return "\n".join(lines)


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
    """Raises StudyError where a row uses a class of the user's file: workers and records know this project's only."""
    for value in [value for row in table.rows for value in (row.cell, row.cell.se, row.cell.protocol)]:
        if value is not None and type(value).__module__ == extension.module.__name__:
            name = type(value).__name__
            place = extension.place_of("TABLE", name)
            raise StudyError(f"{place}: {name} is a class of this file, and workers cannot load it; use its base class")


def _refuse_taken_protocols(extension: Extension, table: Table) -> None:
    """Raises StudyError where another protocol has a declared recipe's name: headings and folders go by that name."""
    own = own_protocols()
    taken = {protocol.name: (protocol, "a recipe in PROTOCOLS") for protocol in own}
    taken |= {protocol.name: (protocol, "a declared recipe") for protocol in protocols()}
    for protocol in (*own, *(row.cell.protocol for row in table.rows)):
        known, by = taken.get(protocol.name, (protocol, ""))
        if protocol != known:
            holder = who_has(protocol)
            place = (holder or extension).place_of("PROTOCOLS" if holder else "TABLE", protocol.name)
            raise StudyError(f"{place}: protocol {protocol.name!r} is taken by {by}; rename this one")


def _own_source(name: str) -> str | None:
    """The file or the installed package's module that this name means; None where it means neither.

    A declared table has precedence over a package with the same name.
    """
    if name in _declared_by_name():
        return None
    return name if name.endswith(".py") else entry_points().get(name)


def _declared_by_name() -> dict[str, Table]:
    declared = tables()
    return {alias: table for table in declared for alias in names_of(table, declared)}


if __name__ == "__main__":  # needs nothing installed, so that `make help` works in a fresh clone
    with contextlib.suppress(BrokenPipeError):  # the reader has closed the pipe, as in `| head`
        print(listing(), flush=True)
