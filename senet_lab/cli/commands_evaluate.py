"""``evaluate``: measures ImageNet networks that anybody trained on labelled photos, beside the paper's tables."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import RESULTS
from senet_lab.cli.printing import print_json, print_report
from senet_lab.cli.runs import device_named
from senet_lab.cli.studies import find_row
from senet_lab.errors import StudyError
from senet_lab.study import Table

if TYPE_CHECKING:
    from senet_lab.evaluation.networks import Network
    from senet_lab.evaluation.photo_set import PhotoSet
    from senet_lab.records.evaluation import Evaluated
    from senet_lab.study.released import View

PROTOCOL = "released"  # with this name ``reproduce`` (make PROTOCOL=released) evaluates instead of training
MOST_SHARDS, MOST_BATCH = 10_000, 4_096


@dataclass(frozen=True, slots=True)
class Choice:
    """The options of one evaluation. shard: part k of n, as "k/n". view: "crop/shorter side"; None: each network's own.

    batch: photos at once. precision: fp32 or bf16; None is fp32. rows: labels; empty for all.
    """

    data: Path
    results: Path
    device: str
    weights: Path | None = None
    random_weights: bool = False
    subset: bool = False
    precision: str | None = None
    batch: int = 64
    shard: str = "1/1"
    view: str | None = None
    blacklist: Path | None = None
    rows: tuple[str, ...] = ()
    excitations: bool = False

    @property
    def arithmetic(self) -> str:
        """The precision that is used."""
        return self.precision or "fp32"

    def refuse_invalid(self) -> None:
        """Raises StudyError for a shard or a precision that there is not, before anything is downloaded."""
        _shard(self.shard)
        if self.arithmetic not in ("fp32", "bf16"):
            raise StudyError(f"precision {self.arithmetic!r} is none of fp32, bf16")


def evaluate(
    what: Annotated[
        list[str], typer.Argument(metavar="TABLE|NETWORK...", help="table2, timm:NAME, torchvision:NAME.WEIGHTS")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="validation photos; $SENET_LAB_DATA/imagenet unless named")
    ] = None,
    weights: Annotated[Path | None, typer.Option("--weights", help="a file of weights for one network")] = None,
    subset: Annotated[bool, typer.Option("--subset", help="allow other photos than the 50,000")] = False,
    row: options.RowNames = None,
    view: Annotated[str | None, typer.Option("--view", help="crop/shorter side, such as 224/256")] = None,
    shard: Annotated[str, typer.Option("--shard", help="evaluate only part k of n, such as 2/4")] = "1/1",
    blacklist: Annotated[Path | None, typer.Option("--blacklist", help="the devkit's file, for rows marked †")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="fp32 (default) or bf16")] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, max=MOST_BATCH, help="photos at once")] = 64,
    random_weights: Annotated[bool, typer.Option("--random-weights", help="untrained, to try the command")] = False,
    excitations: Annotated[
        bool, typer.Option("--excitations", help="capture one network's gates, too; an interrupted pass begins anew")
    ] = False,
    results: options.Results = None,
    device: options.Device = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Evaluates trained networks on labelled photos: a table's rows by released weights, or networks by name.

    Photos are decoded once for all networks. Finished parts are kept: after an interruption, give the same command
    again. Records go to results/evaluations.
    """
    choice = Choice(
        data or default_data(),
        results or RESULTS,
        device_named(device),
        weights,
        random_weights,
        subset,
        precision,
        batch,
        shard,
        view,
        blacklist,
        tuple(row or ()),
        excitations,
    )
    choice.refuse_invalid()
    if len(what) == 1 and ":" not in what[0]:
        evaluate_table(catalogue.find_table(what[0]), choice, as_json)
        return
    if row:
        raise StudyError("--row belongs to a table")
    _evaluate_networks(what, choice, as_json)


def default_data() -> Path:
    """The folder of ImageNet where --data is not given."""
    from senet_lab.data.folder import data_folder

    return data_folder() / "imagenet"


def evaluate_table(table: Table, choice: Choice, as_json: bool = False) -> None:
    """Evaluates the released weights of a table's rows, and writes and prints their page.

    Raises StudyError for a table without such rows.
    """
    from senet_lab.cli.evaluated import left_out, write_released
    from senet_lab.evaluation.networks import open_network, with_view
    from senet_lab.records.evaluation import read_all
    from senet_lab.report.published import load_tables
    from senet_lab.report.released import as_data, releases_of

    if choice.weights or choice.excitations:
        option = "--weights" if choice.weights else "--excitations"
        raise StudyError(f"{option} belongs to one network; a table has one for each row")
    released = catalogue.released()
    for label in choice.rows:
        find_row(table, label)
    wanted = [one for _, one in releases_of(table, released, choice.rows)]
    if not wanted:
        raise StudyError(
            f"{table.name} has no row with released weights; senet-lab evaluate timm:NAME takes any network"
        )
    view = _view(choice)
    for one in wanted:
        if view and one.view and view.geometry != one.view.geometry:
            raise StudyError(
                f"--view: a row of {table.name} stands for {one.source} at {one.view}, and its page would not show "
                f"{choice.view}; name the network, as in senet-lab evaluate {one.source} --view {choice.view}"
            )
    without, photos = left_out(choice.blacklist), _photos(choice)
    opened, networks = {}, []
    for one in wanted:
        if one.source not in opened:
            print(f"{one.source}: weights are opened", file=sys.stderr)
            opened[one.source] = open_network(one.source, None, choice.random_weights)
        networks.append(with_view(opened[one.source], view or one.view))
    found = _made(networks, photos, choice, without)
    if None in found:
        _say_unfinished(found)
        return
    (paper,) = load_tables(catalogue.published_folder(), [table])
    written = write_released(paper, choice.results, read_all(choice.results))
    if as_json:
        print_json({"rows": [as_data(one) for one in found if one], "files": [str(path) for path in written[1]]})
        return
    print_report(*written)


def _evaluate_networks(sources: Sequence[str], choice: Choice, as_json: bool) -> None:
    from senet_lab.cli.evaluated import keep_excitations, left_out, watched
    from senet_lab.evaluation.networks import open_network, with_view
    from senet_lab.report.released import as_data, compared, error_text, made_text

    if (choice.weights or choice.excitations) and len(sources) > 1:
        raise StudyError(f"{'--weights' if choice.weights else '--excitations'} belongs to one network; name one")
    if choice.excitations and choice.shard != "1/1":
        raise StudyError("--excitations are of all photos; leave --shard out")
    if choice.weights and choice.random_weights:
        raise StudyError("--weights and --random-weights contradict each other; leave one out")
    without = left_out(choice.blacklist)
    photos, view = _photos(choice), _view(choice)
    opened = [open_network(source, choice.weights, choice.random_weights) for source in sources]
    networks = [with_view(one, view and replace(view, interpolation=one.view.interpolation)) for one in opened]
    task, watch = watched(opened[0], networks[0], photos, choice) if choice.excitations else (None, None)
    found = _made([replace(networks[0], watched=watch)] if watch else networks, photos, choice, without)
    done = [one for one in found if one is not None]
    if len(done) < len(found):
        _say_unfinished(found)
        return
    if task and watch:
        keep_excitations(task, watch)
    if as_json:
        data = [as_data(one) for one in done]
        print_json(data[0] if len(data) == 1 else data)
        return
    for one in done:
        print(f"{one.subject.source} (weights: {one.subject.weights}), {one.photos}, {one.subject.view}:")
        print(f"  top-1 error {error_text(one.top1)} %: {int(one.top1.sum()):,} of {one.images:,} right")
        print(f"  top-5 error {error_text(one.top5)} %: {int(one.top5.sum()):,} of {one.images:,} right")
        print(f"  {made_text(one)}")
    for other in done[1:]:
        print(compared(done[0], other))


def _photos(choice: Choice) -> "PhotoSet":
    """Opens the photos. This comes before any weights are downloaded, so that a wrong folder is found at once."""
    from senet_lab.evaluation.layouts import open_photos

    photos = open_photos(choice.data, choice.subset)
    print(f"{choice.data}: {photos.title}, {photos.layout}", file=sys.stderr)
    return photos


def _made(
    networks: "Sequence[Network]", photos: "PhotoSet", choice: Choice, without: frozenset[int] | None
) -> "list[Evaluated | None]":
    from senet_lab.cli.evaluated import say_without_blacklist
    from senet_lab.evaluation.run import Options, evaluate

    made = Options(choice.device, choice.arithmetic, choice.batch, _shard(choice.shard))
    found = evaluate(networks, photos, choice.results, made, lambda text: print(text, file=sys.stderr, flush=True))
    if without is not None:
        say_without_blacklist(without, [p.name for p in photos.photos], found)
    return found


def _say_unfinished(found: "Sequence[Evaluated | None]") -> None:
    open_ones = sum(one is None for one in found)
    print(f"this part is done; {open_ones} of {len(found)} networks wait for other parts", file=sys.stderr)


def _view(choice: Choice) -> "View | None":
    from senet_lab.study.released import View

    if choice.view is None:
        return None
    size, _, resize = choice.view.partition("/")
    try:
        return View(size=int(size), resize=int(resize))
    except ValueError as error:
        raise StudyError(f"view {choice.view!r} is no crop/shorter side such as 224/256 ({error})") from None


def _shard(text: str) -> tuple[int, int]:
    k, _, n = text.partition("/")
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n) <= MOST_SHARDS):
        raise StudyError(f"shard {text!r} is no part k/n with 1 <= k <= n <= {MOST_SHARDS:,}")
    return int(k), int(n)
