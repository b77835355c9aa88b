"""Names to values: tables and protocols of the ``ablations`` package, or of a file that the user names.

``python -m senet_lab.cli.catalogue`` lists them.
"""

import difflib
import importlib
import importlib.util
import pkgutil
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from senet_lab.errors import StudyError
from senet_lab.study import Protocol, Table
from senet_lab.study.claim import Claim
from senet_lab.study.protocol import Dataset
from senet_lab.study.released import Released

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
    """The table of this name or topic, or the TABLE of a Python file of this path.

    Raises StudyError with the nearest name, or with what is wrong in the file.
    """
    if name.endswith(".py"):
        return _table_in_file(Path(name))
    declared = tables()
    by_name = {alias: table for table in declared for alias in names_of(table, declared)}
    if name not in by_name:
        raise StudyError(f"no table is called {name!r}; the nearest is {nearest(name, by_name)!r} (senet-lab list)")
    return by_name[name]


def claims() -> list[Claim]:
    """Every declared claim."""
    return list(_module("ablations.claims").CLAIMS)


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
    if name.endswith(".py"):
        return list(getattr(_file(Path(name)), "CLAIMS", ()))
    slug = find_table(name).slug
    return [claim for claim in claims() if claim.table.slug == slug]


def table_under(table: Table, name: str | None) -> Table:
    """The table under the protocol of this name; None: the default, demo. ``paper`` means the rows' own protocols,
    and so does ``imagenet`` on a table of ImageNet.

    Raises StudyError with the nearest name, or where a row has no network for that protocol's images.
    """
    declared = _module("ablations.protocols")
    name = name or declared.DEFAULT_PROTOCOL
    own = {protocol.name for protocol in (row.cell.protocol for row in table.rows)}
    if name == "paper" or (name == declared.IMAGENET_ALIAS and table.paper_protocol.dataset is Dataset.IMAGENET):
        return table
    known: dict[str, Protocol] = declared.PROTOCOLS
    if name not in known:
        aliases = [*known, declared.IMAGENET_ALIAS, "paper"]
        raise StudyError(f"no protocol is called {name!r}; the nearest is {nearest(name, aliases)!r} (senet-lab list)")
    if own == {name}:
        return table
    try:
        return table.under(known[name])
    except ValueError as error:
        raise NoCompanion(f"{error}: {table.name} trains as the paper has it, with --protocol paper") from None


def photo_recipe() -> str:
    """The protocol whose recipe trains a user's own photos where none is named."""
    return str(_module("ablations.protocols").PHOTO_RECIPE)


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
    return "\n".join(lines)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like this one."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0)[0]


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ValueError, TypeError) as error:
        raise StudyError(f"{name}: {error}") from None


def _file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise StudyError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise StudyError(f"{path}{_line_of(error, path)}: {text}") from None
    return module


def _line_of(error: BaseException, path: Path) -> str:
    """The line of a file that an error comes from, as ", line 7"; nothing where none of it is on its way."""
    place = str(path.absolute())
    if isinstance(error, SyntaxError) and error.filename == place:
        return f", line {error.lineno}"
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == place]
    return f", line {lines[-1]}" if lines else ""


def _table_in_file(path: Path) -> Table:
    module = _file(path)
    table = getattr(module, "TABLE", None)
    if not isinstance(table, Table):
        raise StudyError(f"{path} has no TABLE of type senet_lab.study.Table")
    if table.slug in {declared.slug for declared in tables()}:
        raise StudyError(f"{path}: {table.slug} is declared in ablations; give this table an edition of its own")
    return table


if __name__ == "__main__":  # needs nothing installed, so that `make help` works in a fresh clone
    print(listing())
