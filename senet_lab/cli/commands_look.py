"""What looks into trained networks and draws: ``excitations`` and ``figures``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import RESULTS
from senet_lab.cli.runs import TrainingOptions, device_named, study_of, train_runs
from senet_lab.errors import StudyError
from senet_lab.study import Run

if TYPE_CHECKING:
    from senet_lab.excitations.subjects import Subject


def excitations(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="best, TABLE:ROW (table7:r=16), a .safetensors file, or timm:NAME")],
    data: Annotated[str | None, typer.Option("--data", help="cifar10, cifar100, synthetic, or a folder")] = None,
    classes: Annotated[list[str] | None, typer.Option("--classes", help="the classes to show, up to six")] = None,
    network: Annotated[str | None, typer.Option("--network", help="of a file: resnet50, or resnet50:gate=tanh")] = None,
    protocol: options.ProtocolName = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=options.MOST_SEEDS, help="which run of a TABLE:ROW")] = 0,
    figure: Annotated[list[str] | None, typer.Option("--figure", help="only this figure; may be repeated")] = None,
    random_weights: Annotated[bool, typer.Option("--random-weights", help="untrained, to try the way")] = False,
    results: options.Results = None,
    device: options.Device = "auto",
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

    chosen = [*(classes or []), *context.args]
    if data and Path(data).is_dir():  # a mistyped class is said before anything is trained or downloaded
        class_indices(open_labelled(data), chosen)
    subject = _subject(source, network, protocol, seed, random_weights, root, device)
    folder = look_at(subject, root, data, chosen, device_named(device))
    atlas = load_atlas(folder)
    found, path = write_statements(atlas, folder)
    paths = [path, *write_atlas_figures(atlas, root, names)]
    print(text_of(atlas, found))
    print(f"written: {folder}/*.csv, " + ", ".join(str(p) for p in paths if p.suffix == ".png"), file=sys.stderr)


def _subject(
    source: str, network: str | None, protocol: str | None, seed: int, random_weights: bool, root: Path, device: str
) -> "Subject":
    from senet_lab.excitations import subjects
    from senet_lab.records.store import Store

    store = Store(root)
    if source.startswith(subjects.TIMM):
        return subjects.from_timm(source.removeprefix(subjects.TIMM), random_weights)
    if source.endswith(".safetensors"):
        known = None if network else subjects.run_of_weights(Path(source))
        if known is None and network is None:
            raise StudyError(f"{source} is of no recorded run; say with --network what it is of")
        return subjects.recorded(*known) if known else subjects.from_file(Path(source), str(network))
    run = subjects.best(store) if source == "best" else None
    if run is None:
        name, colon, label = ("table7", ":", "r=16") if source == "best" else source.partition(":")
        if not colon:
            raise StudyError(f"{source!r} is none of best, TABLE:ROW, a .safetensors file, timm:NAME")
        table, runs = study_of(name, protocol, seed + 1, [label])
        run = Run(cell=table.row(label).cell, seed=seed)
        if source == "best" and not random_weights:
            train_runs(table, tuple(r for r in runs if r == run), root, TrainingOptions(device))
    return subjects.recorded(run, store, random_weights)


def figures(
    name: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="all figures unless named")] = None,
    results: options.Results = None,
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
