"""The commands. They parse, load the table that is named, and delegate; heavy imports stay inside functions."""

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from senet_lab.cli import catalogue
from senet_lab.cli.gather import RESULTS, count, gather, write_missing, write_page, write_reports
from senet_lab.cli.runs import How, device_named, labels_of, study_of, train_runs, train_until
from senet_lab.errors import StudyError
from senet_lab.study import Run, Table

INTERRUPTED = 130  # exit status

app = typer.Typer(
    help="Ablations of Squeeze-and-Excitation Networks: the paper's tables, published beside measured.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class ExecutorName(StrEnum):
    """Values of --executor."""

    AUTO = "auto"
    LIGHTNING = "lightning"
    DEVICE = "device"


TableName = Annotated[str, typer.Argument(metavar="TABLE", help="table7, tpami-table10, reduction, or my_table.py")]
ProtocolName = Annotated[str | None, typer.Option("--protocol", help="demo unless named; `senet-lab list` names all")]
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="how many seeds, from 0")]
RowNames = Annotated[list[str] | None, typer.Option("--row", help="only this row and its baseline; may be repeated")]
Results = Annotated[Path | None, typer.Option("--results", help="another place for records, beside the committed ones")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N")]
ExecutorOption = Annotated[ExecutorName, typer.Option("--executor", help="what drives a run")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="CPU threads of one run")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="runs side by side; cores / threads unless named")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would be trained, and train nothing")]
Resolve = Annotated[
    float | None, typer.Option("--resolve", help="how many seeds would settle differences of so many points")
]
MaxHours = Annotated[float | None, typer.Option("--max-hours", min=0.0, help="of one worker, a comparison")]
UntilResolved = Annotated[
    bool, typer.Option("--until-resolved", help="seed by seed until every comparison is settled, at most --seeds (10)")
]
TrainHours = Annotated[
    float | None, typer.Option("--max-hours", min=0.0, help="with --until-resolved: at most so long")
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """Names every table and protocol."""
    tables = catalogue.tables()
    if as_json:
        _print_json(
            {
                "tables": [
                    {
                        "name": t.name,
                        "aliases": catalogue.names_of(t, tables)[1:],
                        "edition": t.edition,
                        "number": t.number,
                        "caption": t.caption,
                        "rows": [row.label for row in t.rows],
                    }
                    for t in tables
                ],
                "protocols": [{"name": p.name, "title": p.title} for p in catalogue.protocols()],
            }
        )
        return
    print(catalogue.listing())


@app.command()
def plan(
    table: TableName,
    protocol: ProtocolName = None,
    seeds: Seeds = 1,
    row: RowNames = None,
    resolve: Resolve = None,
    max_hours: MaxHours = None,
    results: Results = None,
    as_json: AsJson = False,
) -> None:
    """Says which runs a table needs, which are recorded, and what the others cost. Reads records only.

    With --resolve: how many seeds would settle which comparison, and which ones none would.
    """
    found, runs = study_of(table, protocol, seeds, row)
    if resolve is not None:
        from senet_lab.records.store import Store
        from senet_lab.stats.seeds_needed import needs_of

        records = Store(results or RESULTS).read_all()
        needs = needs_of(found, catalogue.find_claims(table), records, resolve, max_hours)
        _print_json(needs.as_data()) if as_json else print(needs.text())
        return
    _show_plan(found, runs, results or RESULTS, as_json)


@app.command()
def train(
    table: TableName,
    protocol: ProtocolName = None,
    seeds: Seeds = 1,
    row: RowNames = None,
    results: Results = None,
    device: Device = "auto",
    executor: ExecutorOption = ExecutorName.AUTO,
    threads: Threads = 1,
    workers: Workers = None,
    until_resolved: UntilResolved = False,
    max_hours: TrainHours = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Trains what is not recorded. Writes results/records, results/curves and, outside git, results/cache.

    With --until-resolved it adds seed after seed to the rows whose comparisons are open, and stops where the verdicts
    are settled; its plan, which keeps the error rate over all looks, goes to results/sequential.
    """
    found, runs = study_of(table, protocol, seeds, row)
    if until_resolved and not dry_run:
        if row:
            raise StudyError("--until-resolved is about all comparisons of a table; leave --row out")
        claims, how = catalogue.find_claims(table), How(device, executor.value, threads, workers)
        train_until(found, claims, seeds, max_hours, results or RESULTS, how)
        return
    if max_hours is not None:
        raise StudyError("--max-hours belongs to --until-resolved")
    if dry_run:
        _show_plan(found, runs, results or RESULTS, as_json)
        return
    trained = train_runs(found, runs, results or RESULTS, How(device, executor.value, threads, workers))
    if as_json:
        _print_json({"trained": [{"key": run.cell.key, "seed": run.seed} for run in trained]})


@app.command()
def report(table: TableName, results: Results = None, as_json: AsJson = False) -> None:
    """Prints a table from records alone, and writes results/tables and results/figures."""
    _report(table, results, as_json)


@app.command()
def reproduce(
    table: TableName,
    protocol: ProtocolName = None,
    seeds: Seeds = 1,
    row: RowNames = None,
    results: Results = None,
    device: Device = "auto",
    executor: ExecutorOption = ExecutorName.AUTO,
    threads: Threads = 1,
    workers: Workers = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Trains what is not recorded, then reports: what `make table7` calls.

    Where no protocol is named and the table has no network for the synthetic images, it reports only.
    """
    try:
        found, runs = study_of(table, protocol, seeds, row)
    except catalogue.NoCompanion as error:
        if protocol is not None or dry_run:
            raise
        print(f"nothing is trained: {error}", file=sys.stderr)
        _report(table, results, as_json)
        return
    if dry_run:
        _show_plan(found, runs, results or RESULTS, as_json)
        return
    train_runs(found, runs, results or RESULTS, How(device, executor.value, threads, workers))
    _report(table, results, as_json)


@app.command("report-all")
def report_all(results: Results = None) -> None:
    """Rebuilds every table and figure, and the README's section of results, from the records alone."""
    from senet_lab.report.readme import put_sections, section
    from senet_lab.report.render import block_markdown
    from senet_lab.report.tables import title_of

    material = gather(catalogue.tables(), catalogue.claims(), results)
    sections = []
    for table, written in zip(material.tables, write_reports(material), strict=True):
        if written.kept:
            figures = [path for path in written.paths if path.suffix == ".png" and "demo" not in path.parts]
            sections.append(section(title_of(table), table.slug, written.kept, figures))
    page = write_page(material)
    write_missing(material)
    if results is None:
        put_sections(Path("README.md"), "results", sections)
        put_sections(Path("README.md"), "claims", [block_markdown(block, level=3) for block in page.measured])


@app.command("claims")
def all_claims(results: Results = None, as_json: AsJson = False) -> None:
    """Prints one page over all claims of the paper with their verdicts, from records alone; writes results/claims.*."""
    page = write_page(gather(catalogue.tables(), catalogue.claims(), results))
    if as_json:
        _print_json({"files": [str(path) for path in page.paths], "blocks": [asdict(b) for b in page.measured]})
        return
    print(page.text)
    print("written: " + ", ".join(str(path) for path in page.paths), file=sys.stderr)


@app.command(context_settings={"allow_extra_args": True})
def excitations(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="best, TABLE:ROW (table7:r=16), a .safetensors file, or timm:NAME")],
    data: Annotated[str | None, typer.Option("--data", help="cifar10, cifar100, synthetic, or a folder")] = None,
    classes: Annotated[list[str] | None, typer.Option("--classes", help="the classes to show, up to six")] = None,
    network: Annotated[str | None, typer.Option("--network", help="of a file: resnet50, or resnet50:gate=tanh")] = None,
    protocol: ProtocolName = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="which run of a TABLE:ROW")] = 0,
    figure: Annotated[list[str] | None, typer.Option("--figure", help="only this figure; may be repeated")] = None,
    random_weights: Annotated[bool, typer.Option("--random-weights", help="untrained, to try the way")] = False,
    results: Results = None,
    device: Device = "auto",
) -> None:
    """Looks at the gates of a trained network class by class: files, figures, and the paper's statements as numbers.

    ``best`` is the recorded SE network with the lowest error whose weights are here; where there is none, the SE row
    of table7 is trained on synthetic images. Arrays go to results/cache/excitations, what git keeps to
    results/excitations, figures to results/figures.
    """
    from senet_lab.excitations.figures import figure_names, write_atlas_figures
    from senet_lab.excitations.frames import load_atlas
    from senet_lab.excitations.statements import text_of, write_statements

    if context.args and not classes:
        raise StudyError(f"{context.args[0]!r} is one word too many; class names follow --classes")
    names, root = figure_names(figure or []), results or RESULTS
    from senet_lab.excitations.capture import look_at
    from senet_lab.excitations.labelled_images import class_indices, open_labelled

    if data and Path(data).is_dir():  # a mistyped class is said before anything is trained or downloaded
        class_indices(open_labelled(data), [*(classes or []), *context.args])
    subject = _subject(source, network, protocol, seed, random_weights, root, device)
    folder = look_at(subject, root, data, [*(classes or []), *context.args], device_named(device))
    atlas = load_atlas(folder)
    found, path = write_statements(atlas, folder)
    paths = [path, *write_atlas_figures(atlas, root, names)]
    print(text_of(atlas, found))
    print(f"written: {folder}/*.csv, " + ", ".join(str(p) for p in paths if p.suffix == ".png"), file=sys.stderr)


def _subject(
    source: str, network: str | None, protocol: str | None, seed: int, random_weights: bool, root: Path, device: str
) -> Any:
    from senet_lab.excitations import subjects as sources
    from senet_lab.records.store import Store

    store = Store(root)
    if source.startswith(sources.TIMM):
        return sources.from_timm(source.removeprefix(sources.TIMM), random_weights)
    if source.endswith(".safetensors"):
        known = None if network else sources.run_of_weights(Path(source))
        if known is None and network is None:
            raise StudyError(f"{source} is of no recorded run; say with --network what it is of")
        return sources.recorded(*known) if known else sources.from_file(Path(source), str(network))
    run = sources.best(store) if source == "best" else None
    if run is None:
        name, colon, label = ("table7", ":", "r=16") if source == "best" else source.partition(":")
        if not colon:
            raise StudyError(f"{source!r} is none of best, TABLE:ROW, a .safetensors file, timm:NAME")
        table, runs = study_of(name, protocol, seed + 1, [label])
        run = Run(cell=table.row(label).cell, seed=seed)
        if source == "best" and not random_weights:
            train_runs(table, tuple(r for r in runs if r == run), root, How(device))
    return sources.recorded(run, store, random_weights)


@app.command()
def figures(
    name: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="all figures unless named")] = None,
    results: Results = None,
) -> None:
    """Draws figures from files alone: activations (figure5), images, histograms, depth, curves, cost."""
    from senet_lab.excitations.figures import figure_names, write_atlas_figures
    from senet_lab.excitations.frames import atlas_folders, load_atlas
    from senet_lab.report.comparison_figures import COMPARISONS, write_comparison
    from senet_lab.report.load import COMMITTED, load_all
    from senet_lab.report.tables import measured_views

    root = results or RESULTS
    names = figure_names(name or [], COMPARISONS)
    own, compared = [n for n in names if n not in COMPARISONS], [n for n in names if n in COMPARISONS]
    atlases = [load_atlas(folder) for folder in atlas_folders(root)] if own else []
    paths = [path for atlas in atlases for path in write_atlas_figures(atlas, root, own)]
    loaded = load_all([(root, COMMITTED)]) if compared else []
    for table in catalogue.tables():
        for view in measured_views(table, loaded):
            paths += write_comparison(table, view, root, compared)
    if not paths:
        raise StudyError(f"{root} has nothing to draw yet; senet-lab excitations and senet-lab train make it")
    print("\n".join(map(str, paths)))


@app.command()
def conform(
    table: Annotated[str | None, typer.Argument(metavar="[TABLE]", help="all tables unless named")] = None,
    as_json: AsJson = False,
) -> None:
    """Compares every computed parameter and multiply-add count with the published one.

    Exit status 1 where a figure does not match that is not among the known open ones.
    """
    from senet_lab.report import check_counts as conformity
    from senet_lab.report.published import load_published

    tables = catalogue.tables() if table is None else [catalogue.find_table(table)]
    folder = catalogue.published_folder()
    notes = conformity.open_notes(folder)
    counts = count({row.cell for t in tables for row in t.rows})
    found = conformity.figures(tables, load_published(folder), counts, notes)
    regressed = conformity.regressions(found, notes)
    if as_json:
        _print_json([asdict(figure) for figure in found])
    else:
        _print_figures(found)
    for figure in regressed:
        print(f"no longer matches: {conformity.figure_name(figure)}", file=sys.stderr)
    raise typer.Exit(1 if regressed else 0)


@app.command()
def search(
    table: TableName,
    row: Annotated[str, typer.Option("--row", help="the row whose cell is searched")],
    protocol: ProtocolName = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="how many more trials")] = 20,
    results: Results = None,
    device: Device = "auto",
) -> None:
    """Searches learning rate and weight decay of one row on held-out training images, with Optuna.

    Trials are kept in results/cache/search; the winner is copied into ablations/protocols.py by hand.
    """
    found, _ = study_of(table, protocol, 1, [row])
    cell = found.row(row).cell
    import torch

    from senet_lab.data.open import open_arrays
    from senet_lab.search.nuisance import search as search_nuisance

    journal = (results or RESULTS) / "cache" / "search" / f"{cell.key}.journal"
    arrays = open_arrays(cell.protocol)
    winner = search_nuisance(
        cell, arrays, trials, journal, torch.device(device_named(device)), lambda text: print(text, file=sys.stderr)
    )
    print(
        f"{found.name} {row} under {cell.protocol.name}: peak lr {winner.peak_lr:.4g}, weight decay "
        f"{winner.weight_decay:.4g}: top-1 error {winner.top1_error_pct:.2f} % on held-out training images, final "
        f"epoch, best of {winner.trials} trials with one seed. "
        "To use it, write a new version into ablations/protocols.py."
    )


def _show_plan(table: Table, runs: tuple[Run, ...], root: Path, as_json: bool) -> None:
    from senet_lab.records.cost import cost_of, planned

    labels = labels_of(table, runs)
    lines = planned(runs, root)
    if as_json:
        _print_json([{"label": labels[line.run.cell.key, line.run.seed], **line.as_dict()} for line in lines])
        return
    for line in lines:
        cell, state = line.run.cell, line.status or "not run"
        print(f"{labels[cell.key, line.run.seed]:32} {cell.protocol.name:16} {cell.key}  {state}")
    print(cost_of(lines))


def _report(name: str, results: Path | None, as_json: bool) -> None:
    table, claims = catalogue.find_table(name), catalogue.find_claims(name)
    (written,) = write_reports(gather([table], claims, results))
    if as_json:
        _print_json(written.as_data())
        return
    print(written.text)
    print("written: " + ", ".join(str(path) for path in written.paths), file=sys.stderr)


def _print_figures(found: list[Any]) -> None:
    for convention in dict.fromkeys(figure.convention for figure in found):
        print(f"{'/'.join(dict.fromkeys(f.metric for f in found if f.convention == convention))}: {convention}")
    for figure in found:
        state = "matched" if figure.matched else "open"
        name = f"{figure.edition} {figure.table:4} {figure.row:28} {figure.metric:7}"
        print(
            f"{name} published {figure.published:8g}  computed {figure.computed:10.4f}  {state}  {figure.note}".rstrip()
        )
    matched = sum(figure.matched for figure in found)
    print(f"{matched} of {len(found)} figures match at the printed precision")


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1))


def main() -> None:
    """Runs a command; a user's mistake becomes one line on stderr and a non-zero exit status."""
    try:
        app()
    except StudyError as error:
        _fail(str(error), error.exit_status)
    except ModuleNotFoundError as error:
        _fail(f"this needs the package {error.name}, which is not installed; run make install", 1)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer's answer to Ctrl-C, which it does not explain
            _fail("interrupted; the same command goes on from the last finished epoch", INTERRUPTED)
        raise
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        _fail(f"{error.filename or ''}: {error.strerror}".lstrip(": "), 1)


def _fail(text: str, status: int) -> None:
    print(f"senet-lab: {text}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
