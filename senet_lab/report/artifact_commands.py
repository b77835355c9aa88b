"""The commands of the artifact appendix, and what they take: minutes, memory and disk."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from senet_lab.records.cost import CostModel
from senet_lab.records.reading import is_file
from senet_lab.records.sequential import plan_path
from senet_lab.report.views import View
from senet_lab.report.wording import NONE
from senet_lab.stats.families import cells_of_claims
from senet_lab.study.cell import Cell, Run, runs_of
from senet_lab.study.claim import Claim
from senet_lab.study.protocol import Dataset, Protocol
from senet_lab.study.small_photos import SUFFIX, from_small_photos

FOLDER = "again"  # commands train into a folder of its own, so that the records of results/ stay as they are
UNDECLARED = "none: its protocol is not declared any more"
# Gigabytes on disk: the archive, where it is downloaded, and the unpacked files.
DATA_DISK = {
    Dataset.CIFAR10: 0.4,
    Dataset.CIFAR100: 0.4,
    Dataset.IMAGENETTE: 0.2,
    Dataset.IMAGENET: 160.0,
    Dataset.PLACES365: 30.0,
    Dataset.COCO: 40.0,
}


@dataclass(frozen=True, slots=True)
class AppendixInputs:
    """What the appendix needs beside records.

    model: estimates the time of runs, as plans do. memory: the bytes that a run takes, by its cell's key. declared: the
    protocols that a command can name.
    """

    model: CostModel
    memory: Mapping[str, int]
    declared: Sequence[Protocol]


def runs_of_table(view: View) -> tuple[Run, ...]:
    """All runs that ``table_command`` trains: every row with the seeds up to the highest recorded one."""
    return runs_of(view.table.cells, _seeds(view))


def runs_of_claim(view: View, claim: Claim) -> tuple[Run, ...]:
    """All runs that ``claim_command`` trains: those of the table, and those of further rows that the claim needs."""
    return runs_of((*view.table.cells, *_further_cells(view, claim)), _seeds(view))


def table_command(view: View, declared: Sequence[Protocol]) -> str:
    """The command that trains a view's table into FOLDER, or UNDECLARED. A plan is copied first: verdicts follow it."""
    protocol = view.protocols[0]
    if protocol.photos is None and view.companion and not all(_is_known(one, declared) for one in view.protocols):
        return UNDECLARED
    data = f" DATA={shlex.quote(protocol.photos.name)}" if protocol.photos else ""
    more = f" SEEDS={_seeds(view)}" if _seeds(view) > 1 else ""
    return f"{_copied_plan(view)}make {view.table.name} PROTOCOL={_recipe(view)}{data}{more} RESULTS={FOLDER}"


def _is_known(protocol: Protocol, declared: Sequence[Protocol]) -> bool:
    """Whether a command can name the protocol, which may be a declared one on smaller photos."""
    recipes = [one for one in declared if protocol.small_photos and protocol.name == f"{one.name}{SUFFIX}"]
    return protocol in declared or any(protocol == from_small_photos(one) for one in recipes)


def _copied_plan(view: View) -> str:
    plan = plan_path(view.loaded.store.root, view.table.slug, view.name)
    if not is_file(plan):
        return ""
    shown = plan if view.own else Path("results", *plan.parts[-2:])
    return f"mkdir -p {FOLDER}/sequential && cp {shlex.quote(str(shown))} {FOLDER}/sequential/ && "


def claim_command(view: View, claim: Claim, views: Iterable[View], declared: Sequence[Protocol]) -> str:
    """The commands that train the rows of a claim about a view's table; or why there are none.

    views: where further rows that the claim needs are looked for, as rows of other tables with the same records.
    """
    commands = [table_command(view, declared)]
    if commands == [UNDECLARED]:
        return UNDECLARED
    views = [other for other in views if other.source == view.source]
    for cell in _further_cells(view, claim):
        labels = [(other, row.label) for other in views for row in other.table.rows if row.cell == cell]
        if not labels:
            return "none: a row of the claim is in no recorded table"
        other, label = labels[0]
        commands.append(
            f"senet-lab train {other.table.name} --row {shlex.quote(label)} --protocol {_recipe(other)}"
            f"{own_photos(cell.protocol)} --seeds {_seeds(view)} --results {FOLDER}"
        )
    return " && ".join(commands)


def verify_command(view: View, run: Run) -> str:
    """The command that trains a recorded run again and compares it with its record."""
    results = f" --results {shlex.quote(str(view.loaded.store.root))}" if view.own else ""
    return f"senet-lab verify {run.cell.key}/{run.seed}{own_photos(run.cell.protocol)}{results}"


def own_photos(protocol: Protocol) -> str:
    """The option that names the folder of a user's own photos, where the protocol has them."""
    return f" --data {shlex.quote(protocol.photos.name)}" if protocol.photos else ""


def cost_cells(runs: Sequence[Run], inputs: AppendixInputs) -> tuple[str, str, str, str]:
    """The cells for minutes, memory of the largest run, disk, and number of runs."""
    known = [inputs.memory[run.cell.key] for run in runs if run.cell.key in inputs.memory]
    memory = f"{max(known) / 2**30:.1f} GB" if known else NONE
    return minutes(runs, inputs), memory, data_disk(run.cell.protocol for run in runs), str(len(runs))


def minutes(runs: Sequence[Run], inputs: AppendixInputs) -> str:
    """The minutes that these runs take, one after the other."""
    seconds = inputs.model.total(runs).seconds
    return NONE if seconds is None else f"{seconds / 60:,.0f}"


def data_disk(protocols: Iterable[Protocol]) -> str:
    """The disk that the protocols' data sets take."""
    sizes = {protocol.dataset: DATA_DISK.get(protocol.dataset) for protocol in protocols}
    known = [size for size in sizes.values() if size is not None]
    return f"{sum(known):g} GB" if known else NONE


def _seeds(view: View) -> int:
    return max((record.run.seed for record in view.records), default=0) + 1


def _recipe(view: View) -> str:
    protocol = view.protocols[0]
    own = f"paper{SUFFIX}" if protocol.small_photos else "paper"
    return protocol.recipe if protocol.photos or view.companion else own


def _further_cells(view: View, claim: Claim) -> list[Cell]:
    """The cells that a claim compares and that are no row of its table."""
    own = set(view.table.cells)
    return [cell for cell in dict.fromkeys(cells_of_claims(view.table, [claim])) if cell not in own]
