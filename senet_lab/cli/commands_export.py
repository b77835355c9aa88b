"""Commands that use a trained network outside the study: ``export`` and ``predict``."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from senet_lab.cli import options
from senet_lab.cli.gather import RESULTS
from senet_lab.cli.own_code import warn_of_runs
from senet_lab.cli.runs import device_named

SOURCES = "TABLE:ROW (table7:r=16), a cell's key, timm:NAME, torchvision:NAME, or a file of weights"


class TargetName(StrEnum):
    """Values of --to."""

    TIMM = "timm"
    TORCHVISION = "torchvision"
    ONNX = "onnx"
    SAFETENSORS = "safetensors"


Source = Annotated[str, typer.Argument(metavar="SOURCE", help=SOURCES)]
WhichSeed = Annotated[
    int, typer.Option("--seed", min=0, max=options.MOST_SEEDS, help="the seed of the run, for TABLE:ROW or a key")
]
Protocol = Annotated[
    str | None, typer.Option("--protocol", help="for TABLE:ROW; unless named, the one whose weights are here")
]
Data = Annotated[Path | None, typer.Option("--data", help="the photos that it was trained on, to name the classes")]
Network = Annotated[
    str | None, typer.Option("--network", help="for a weights file: resnet50:bias=true, resnet50:plain, timm:NAME")
]


def export(
    source: Source,
    to: Annotated[TargetName, typer.Option("--to", help="the target; onnx needs the extra onnx")],
    seed: WhichSeed = 0,
    protocol: Protocol = None,
    network: Network = None,
    data: Data = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder; results/cache/exports unless named")] = None,
    results: options.Results = None,
) -> None:
    """Writes a trained network for use elsewhere, with a model card (card.json, README.md).

    The exported file must compute the source's logits, or nothing is written. timm: its legacy_se* networks;
    torchvision: plain ResNet and ResNeXt; the card has the Python code that gives its network the paper's form.
    """
    from senet_lab.exporting.counterparts import Target
    from senet_lab.exporting.export import export as write
    from senet_lab.exporting.trained import open_trained

    root = results or RESULTS
    trained = open_trained(source, seed, protocol, network, root)
    warn_of_runs([trained.run] if trained.run else [], root)
    exported = write(trained, Target(to.value), out or root / "cache" / "exports", data)
    for note in trained.notes:
        print(note, file=sys.stderr)
    print(f"{exported.card.network}; {exported.card.facts.error_line()}")
    print(exported.card.agreement.line())
    print("written: " + ", ".join(map(str, exported.paths)))


def predict(
    source: Source,
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="files of photos")],
    seed: WhichSeed = 0,
    protocol: Protocol = None,
    network: Network = None,
    data: Data = None,
    results: options.Results = None,
    device: options.Device = "cpu",
    as_json: options.AsJson = False,
) -> None:
    """Says what a trained network sees on photos: its five likeliest classes with their shares of the softmax.

    The shares are not calibrated. The first line says what the network is, what it was trained on, and its error.
    """
    from senet_lab.exporting.predict import predict as look
    from senet_lab.exporting.trained import open_trained

    trained = open_trained(source, seed, protocol, network, results or RESULTS)
    warn_of_runs([trained.run] if trained.run else [], results or RESULTS)
    for note in trained.notes:
        print(note, file=sys.stderr)
    view, predictions = look(trained, photos, device_named(device), data)
    if as_json:
        shown = {one.photo: {guess.name: guess.share for guess in one.guesses} for one in predictions}
        error = trained.facts.error_line()
        print(json.dumps({"network": trained.network, "error": error, "view": str(view), "photos": shown}, indent=1))
        return
    print(f"{trained.network}; {trained.facts.error_line()}")
    print(f"view: {view}; shares of the softmax, not calibrated")
    for one in predictions:
        print(f"{one.photo}: " + ", ".join(f"{guess.name} {100 * guess.share:.1f} %" for guess in one.guesses))
