"""``excitations`` captures the gates of a trained network; ``figures`` draws from files alone."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import RESULTS, sources_of
from senet_lab.cli.own_code import warn_of_runs
from senet_lab.cli.printing import said_if_slow
from senet_lab.cli.runs import TrainingOptions, device_named, train_runs
from senet_lab.cli.studies import study_of
from senet_lab.errors import StudyError
from senet_lab.study import Run

COMPARISONS = ("curves", "cost")  # figures that are drawn from a table's records, not from captured gates

if TYPE_CHECKING:
    from senet_lab.excitations.trained_network import TrainedNetwork


def excitations(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help="best, TABLE:ROW (table7:r=16), timm:NAME, torchvision:NAME, or a file of weights")
    ],
    data: Annotated[str | None, typer.Option("--data", help="cifar10, cifar100, synthetic, or a folder")] = None,
    classes: Annotated[list[str] | None, typer.Option("--classes", help="the classes to show, up to six")] = None,
    network: Annotated[
        str | None, typer.Option("--network", help="for a weights file: resnet50, resnet50:gate=tanh, timm:NAME")
    ] = None,
    weights: Annotated[Path | None, typer.Option("--weights", help="a file, for timm:NAME or torchvision:NAME")] = None,
    protocol: options.ProtocolName = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=options.MOST_SEEDS, help="the seed of TABLE:ROW [default: 0]")
    ] = None,
    figure: Annotated[list[str] | None, typer.Option("--figure", help="draw only this figure; may be repeated")] = None,
    random_weights: Annotated[bool, typer.Option("--random-weights", help="untrained, to try the command")] = False,
    results: options.Results = None,
    device: options.Device = "auto",
) -> None:
    """Looks at the gates of a trained network class by class: files, figures, and the paper's statements as numbers.

    ``best`` is the recorded SE network with the lowest error whose weights are on this machine; with ``--data FOLDER``
    one of photos goes first. Where there is none, row r=16 of table7 is trained on synthetic images first. Arrays go to
    results/cache/excitations (outside git), class means to results/excitations, figures to results/figures.
    """
    from senet_lab.excitations.figures import figure_names
    from senet_lab.excitations.look import check_classes, look_at

    if context.args and not classes:
        raise StudyError(f"{context.args[0]!r} is one word too many; class names follow --classes")
    names, root, chosen = figure_names(figure or []), results or RESULTS, [*(classes or []), *context.args]
    _refuse_unused(source, network, protocol, seed, random_weights)
    if data:
        check_classes(data, chosen)
    where = device_named(device)
    found = _of_others(source, network, weights, random_weights)
    subject = found or _of_runs(
        source, protocol, seed or 0, random_weights, root, device, bool(data and Path(data).is_dir())
    )
    look = look_at(subject, root, data, chosen, where, names)
    print(look.text)
    print(look.written, file=sys.stderr)


def _refuse_unused(
    source: str, network: str | None, protocol: str | None, seed: int | None, random_weights: bool
) -> None:
    """Raises StudyError for an option that this source does not have."""
    from senet_lab.excitations.networks_of_others import is_of_a_library
    from senet_lab.weights import is_weights_file

    of_a_file = not is_of_a_library(source) and is_weights_file(source)
    if network is not None and not of_a_file:
        raise StudyError(f"--network belongs to a file of weights, not to {source}")
    if of_a_file and random_weights:
        raise StudyError(f"{source} holds weights; leave --random-weights out")
    if source == "best" or of_a_file or is_of_a_library(source):
        for name, value in (("protocol", protocol), ("seed", seed)):
            if value is not None:
                raise StudyError(f"--{name} belongs to TABLE:ROW, not to {source}")


def _of_others(source: str, network: str | None, weights: Path | None, random_weights: bool) -> "TrainedNetwork | None":
    """The network of a library or of a weights file; None where the source is neither."""
    from senet_lab.excitations import networks_of_others, recorded_runs
    from senet_lab.weights import is_weights_file

    if weights is not None and random_weights:
        raise StudyError("--weights and --random-weights exclude each other")
    if networks_of_others.is_of_a_library(source):
        return networks_of_others.from_library(source, weights, random_weights)
    if weights is not None:
        raise StudyError(f"--weights belongs to timm:NAME or torchvision:NAME, not to {source}")
    if not is_weights_file(source):
        return None
    known = None if network else recorded_runs.run_of_weights(Path(source))
    if known is not None:
        return recorded_runs.recorded(*known)
    if network is None:
        raise StudyError(f"{source} belongs to no recorded run; name its network with --network")
    return networks_of_others.from_file(Path(source), network)


def _of_runs(
    source: str, protocol: str | None, seed: int, random_weights: bool, root: Path, device: str, photos: bool
) -> "TrainedNetwork":
    """The network of a recorded run. Where ``best`` finds no run, one is trained on synthetic images first."""
    from senet_lab.excitations import recorded_runs
    from senet_lab.exporting.which_run import run_of_row
    from senet_lab.records.store import Store

    store = Store(root)
    run = recorded_runs.best(store, photos) if source == "best" else None
    if source == "best" and run is None and photos:
        raise StudyError(
            f"{root} has no network with its weights to show these photos to; name one, such as timm:NAME, or train "
            "one on photos"
        )
    if run is None:
        name, colon, label = ("table7", ":", "r=16") if source == "best" else source.partition(":")
        if not colon:
            raise StudyError(
                f"{source!r} is none of best, TABLE:ROW, timm:NAME, torchvision:NAME, "
                "or a file of weights (.safetensors, .pth)"
            )
        if source != "best" and not random_weights:
            run = run_of_row(source, seed, protocol, store)  # also one that was trained on a user's own photos
            warn_of_runs([run], root)
            return recorded_runs.recorded(run, store)
        table, runs = study_of(catalogue.find_table(name), protocol, seed + 1, [label])
        run = Run(cell=table.row(label).cell, seed=seed)
        if not random_weights:
            train_runs(table, tuple(r for r in runs if r == run), root, TrainingOptions(device))
    warn_of_runs([run], root)
    return recorded_runs.recorded(run, store, random_weights)


def figures(
    name: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="all figures unless named")] = None,
    results: options.Results = None,
    no_title: options.NoTitle = False,
    width: options.Width = options.WidthName.TWO,
) -> None:
    """Draws figures from files alone: activations (figure5), images, histograms, depth, curves, cost.

    Without names it writes the statements about depth again too.
    """
    from senet_lab.excitations.figures import figure_names, write_figures
    from senet_lab.excitations.frames import capture_folders, load_capture
    from senet_lab.excitations.statements import write_statements
    from senet_lab.report.figure_savers import saved_side_by_side
    from senet_lab.report.picture import Layout, laid_out

    root = results or RESULTS
    names = figure_names(name or [], COMPARISONS)
    own, compared = [n for n in names if n not in COMPARISONS], [n for n in names if n in COMPARISONS]
    chosen = Layout(not no_title, width is options.WidthName.ONE)
    with said_if_slow("drawing figures from files"), laid_out(chosen), saved_side_by_side():
        captures = {folder: load_capture(folder) for folder in capture_folders(root)} if own else {}
        paths = [path for captured in captures.values() for path in write_figures(captured, root, own)]
        paths += [] if name else [write_statements(captured, folder)[1] for folder, captured in captures.items()]
        paths += _comparisons(compared, root)
    if not paths:
        raise StudyError(f"{root} has nothing to draw yet; senet-lab excitations and senet-lab train make it")
    print("\n".join(map(str, paths)))


def _comparisons(names: list[str], root: Path) -> list[Path]:
    from senet_lab.report.cost_figures import write_cost
    from senet_lab.report.figures import write_plain_against_se
    from senet_lab.report.load import load_all
    from senet_lab.report.views import measured_views

    loaded = load_all(sources_of(root), catalogue.tables()) if names else []
    paths: list[Path] = []
    for table in catalogue.tables():
        for view in measured_views(table, loaded):
            folder = root / "figures" / ("demo" if view.synthetic else "")
            paths += write_plain_against_se(view, folder) if "curves" in names else []
            paths += write_cost(view, folder) if "cost" in names else []
    return paths
