"""``search``: searches hyperparameters or block designs on held-out training images, with Optuna (an extra)."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab import extensions
from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import RESULTS
from senet_lab.cli.network_counts import count
from senet_lab.cli.runs import TrainingOptions, device_named, train_runs
from senet_lab.cli.studies import study_of
from senet_lab.errors import StudyError, to_install
from senet_lab.study import Row, Table
from senet_lab.study.names import check_name
from senet_lab.study.protocol import HELD_OUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from senet_lab.search.fair import RowTrials
    from senet_lab.search.trial import Trainer

DEFAULT_TABLE = "table7"
FRESH_SEEDS = 3
Trials = Annotated[
    int, typer.Option("--trials", min=1, max=options.MOST_TRIALS, help="trials of each row, earlier calls included")
]


def search(
    table: Annotated[str, typer.Argument(metavar="[TABLE]", help="the table whose rows are searched")] = DEFAULT_TABLE,
    row: Annotated[str | None, typer.Option("--row", help="search this row alone; with --design: its network")] = None,
    design: Annotated[bool, typer.Option("--design", help="search over designs of the SE block instead")] = False,
    protocol: options.ProtocolName = None,
    trials: Trials = 20,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=options.MOST_SEEDS, help="seeds of each trial")] = 1,
    fresh_seeds: Annotated[
        int | None, typer.Option("--fresh-seeds", min=0, max=options.MOST_SEEDS, help="seeds of the final verdicts (3)")
    ] = None,
    results: options.Results = None,
    device: options.Device = "auto",
    threads: options.Threads = 1,
) -> None:
    """Searches learning rate and weight decay on held-out training images, with Optuna.

    No test image is opened until the final verdicts, which train on all training images (--fresh-seeds 0: never).
    Every row of the table gets the same points, trials, seeds and epochs. The results are the expected best error
    against the number of trials, and the table's verdicts with every row at its own best point, on fresh seeds. --row
    searches one row alone, by TPE. --design searches forms of the SE block for low error, few multiply-adds and short
    steps. It measures time, so it wants a quiet machine, and takes one call alone. A call that was stopped goes on
    where it stopped; several calls side by side share the work of the other searches.
    """
    found, _ = study_of(catalogue.find_table(table), protocol, 1, [row] if row else None)
    root, where = results or RESULTS, device_named(device)
    if (design or row) and (seeds > 1 or fresh_seeds is not None):
        option = "--seeds" if seeds > 1 else "--fresh-seeds"
        raise StudyError(
            f"{option} belongs to the search over a table; designs and single rows are tried with one seed"
        )
    fresh = 0 if design or row else FRESH_SEEDS if fresh_seeds is None else fresh_seeds
    rows = [found.row(row or found.baseline)] if design or row else found.rows
    _refuse_unsearchable(rows, points=not design, verdicts=fresh > 0)
    trainer = _trainer(where, threads)
    _refuse_unnamed(found, rows[0] if design else None, whole=not (design or row))
    try:
        if design:
            _search_designs(found, row, trials, root, trainer)
        elif row:
            _search_row(found, row, trials, root, trainer)
        else:
            searched = _search_table(found, trials, seeds, root, trainer)
            if searched and fresh:
                _retest(found, searched, seeds, fresh, root, TrainingOptions(where, threads=threads))
    except StudyError:
        raise
    except Exception as error:
        if (text := extensions.blamed(error)) is not None:  # a user's own block or network raised it
            raise StudyError(text) from None
        raise


def _refuse_unnamed(table: Table, designed: Row | None, *, whole: bool) -> None:
    """Raises StudyError where names are too long for the table that the search writes at its end.

    designed: the row whose designs are searched. whole: whether the table is searched.
    """
    from senet_lab.search.fair import tuned_edition
    from senet_lab.search.files import designs_edition

    try:
        if designed:
            check_name("the edition of the table of designs", designs_edition(designed.cell))
        if whole:
            check_name("the edition of the tuned table", tuned_edition(table))
    except ValueError as error:
        raise StudyError(str(error)) from None


def _refuse_unsearchable(rows: "Sequence[Row]", *, points: bool, verdicts: bool) -> None:
    """Raises StudyError for rows that cannot be searched, before anything is opened or downloaded.

    points: whether the search tries points, which become parts of names. verdicts: whether it ends with verdicts, which
    need other images than those that choose the points.
    """
    from senet_lab.search.space import RANGES, Point, held_out_protocol

    for row in rows:
        protocol = row.cell.protocol
        if verdicts and protocol.evaluation_split == HELD_OUT:
            raise StudyError(
                f"protocol {protocol.name} evaluates on held-out training images, which choose the points here, so no "
                "verdict can come of them; say --fresh-seeds 0"
            )
        held_out = held_out_protocol(protocol)
        try:
            if points:
                Point.of({name: range_[0] * 1.2345 for name, range_ in RANGES.items()}).under(held_out)  # a long name
        except ValueError as error:
            raise StudyError(f"protocol {protocol.name} cannot be searched: {error}") from None
    count([row.cell for row in rows])


def _trainer(device: str, threads: int) -> "Trainer":
    try:
        import optuna  # noqa: F401 - only to see whether it is installed
    except ModuleNotFoundError:
        raise StudyError(f"senet-lab search needs Optuna; {to_install('search')}") from None
    import torch

    from senet_lab.search.trial import Trainer

    return Trainer(torch.device(device), threads, _tell)


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _journal(root: Path, name: str) -> Path:
    return root / "cache" / "search" / f"{name}.journal"


def _search_row(table: Table, label: str, trials: int, root: Path, trainer: "Trainer") -> None:
    from senet_lab.search.nuisance import search as search_nuisance

    cell = table.row(label).cell
    winner = search_nuisance(cell, trials, _journal(root, cell.key), trainer, _tell)
    print(
        f"{table.name} {label} under {cell.protocol.name}: {winner.point}: top-1 error {winner.top1_error_pct:.2f} % "
        f"on held-out training images, final epoch, best of {winner.trials} trials with one seed. "
        "To use it, write a new version into ablations/protocols."
    )


def _search_table(table: Table, trials: int, seeds: int, root: Path, trainer: "Trainer") -> "list[RowTrials] | None":
    """The trials of every row; None while other processes still work on some of them."""
    from senet_lab.search.fair import describe, search_table
    from senet_lab.search.files import search_folder, write_fair
    from senet_lab.search.journal import Journal

    protocol = table.paper_protocol
    name = f"{table.slug}-{protocol.name}"
    found = search_table(table, trials, seeds, Journal(_journal(root, name)), trainer, _tell)
    if found is None:
        print("other processes still work on trials of this search; call again later for its results")
        return None
    paths = write_fair(search_folder(root, name, protocol), table, protocol, found)
    print(
        f"{table.name} under {protocol.name}: top-1 error on held-out training images, final epoch, mean of {seeds} "
        f"seed{'s' * (seeds > 1)}; best of {trials} trials, the same points for every row:\n{describe(found)}"
    )
    _tell("written: " + ", ".join(str(path) for path in paths if path.suffix in (".csv", ".png", ".py")))
    return found


def _retest(table: Table, found: "list[RowTrials]", seeds: int, fresh: int, root: Path, how: TrainingOptions) -> None:
    from senet_lab.records.store import Store
    from senet_lab.search.files import search_folder
    from senet_lab.search.retest import retest_of, verdict_text, write_verdicts

    protocol = table.paper_protocol
    folder = search_folder(root, f"{table.slug}-{protocol.name}", protocol)
    retest = retest_of(table, found, seeds, fresh)
    train_runs(retest.tuned, retest.runs(), folder, how)
    store = Store(folder)
    judgement = retest.judgement(store)
    print(verdict_text(retest, judgement))
    _tell(f"written: {write_verdicts(folder, retest, judgement, store)}")


def _search_designs(table: Table, label: str | None, trials: int, root: Path, trainer: "Trainer") -> None:
    from senet_lab.search.design import search_designs
    from senet_lab.search.files import search_folder, write_designs
    from senet_lab.search.journal import Journal

    cell = table.row(label or table.baseline).cell
    name = f"designs-{cell.backbone}-{cell.protocol.name}"
    designs, importances = search_designs(cell, trials, Journal(_journal(root, name)), trainer, _tell)
    paths = write_designs(search_folder(root, name, cell.protocol), cell, designs, importances)
    print(
        f"designs of {cell.backbone} under {cell.protocol.name}: {len(designs)} trained with one seed, "
        f"{sum(one.on_front for one in designs)} that no other one beats in held-out error, "
        "multiply-adds and time of a step"
    )
    for objective, shares in importances.items():
        print(f"  {objective}: " + ", ".join(f"{choice} {share:.0%}" for choice, share in shares.items()))
    print("written: " + ", ".join(str(path) for path in paths if path.suffix in (".csv", ".png", ".py")))
