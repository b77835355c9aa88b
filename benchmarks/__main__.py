"""Measures the speed of training on this machine: ``make bench``, or python -m benchmarks [SECTION]...

Sections: executors, price, lightning, side-by-side. All compare interleaved runs and give ratios. A section is written
to results/benchmarks/<device>.json when it is done; other sections in the file stay. The tables in docs/speed.md are
made from these files.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks import baselines, ours
from benchmarks.crowd import crowd_rates
from benchmarks.race import Contender, Slices, race
from benchmarks.table import file_of, joined, write_readme
from senet_lab.fleet.gpu_capacity import MOST_RUNS
from senet_lab.machine import cores
from senet_lab.records.files import replace_file
from senet_lab.report.render import markdown
from senet_lab.report.speed import speed_blocks
from senet_lab.study import SESpec
from senet_lab.training import provenance

BATCH = 128
NETWORKS = ("cifar_resnet20", "cifar_resnet29_bottleneck")
BASELINES = ("bare loop", "default Lightning")
PAIRS = ((False, "eager"), (True, "compiled"))
TABLE7 = (5, 5, 200, 390)  # rows, seeds, epochs, steps of an epoch

Section = dict[str, Any]


def say(text: str) -> None:
    """Prints a line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def executors(device: str, slices: Slices, networks: str) -> Section:
    """(a) Training speed in images a second, batch 128: both executors, the fleet, and the two baselines.

    device: of torch. slices: how long is measured. networks: measure only networks with this text in their name.
    """
    found: Section = {}
    many = cores() if device == "cpu" else 1
    for backbone in NETWORKS:
        for se, prefix in ((SESpec(), "SE-"), (None, "")):
            if networks not in prefix + backbone:
                continue
            plain = {"backbone": backbone, "se": se, "batch": BATCH, "device": device}
            run = {**plain, "precision": "bf16", "compiled": True}
            contenders = [
                Contender("bare loop", baselines.bare_loop, {**plain, "workers": 2}, BATCH, many, ours=False),
                Contender(
                    "default Lightning", baselines.default_lightning, {**plain, "workers": 2}, BATCH, many, ours=False
                ),
                Contender("device loop", ours.executor, {**run, "name": "device"}, BATCH, many),
                Contender("our Lightning path", ours.executor, {**run, "name": "lightning"}, BATCH, many),
            ]
            if device == "cpu":
                fleet = Contender("fleet", ours.executor, {**run, "name": "device"}, BATCH, 1, copies=many)
                contenders.append(fleet)
            say(f"{prefix}{backbone}")
            times = race(contenders, slices, say)
            found[prefix + backbone] = _rates(times, contenders)
    return found


def _rates(times: Mapping[str, Sequence[float]], contenders: Sequence[Contender]) -> Section:
    return {
        one.name: {
            "processes": one.copies,
            "threads_each": one.threads,
            "seconds_a_step": [round(s, 5) for s in times[one.name]],
            "images_a_second": round(one.images / median(times[one.name]), 1),
        }
        | {
            f"times_{base.replace(' ', '_').lower()}": round(_ratio(times[base], times[one.name]), 3)
            for base in BASELINES
        }
        for one in contenders
    }


def _ratio(seconds: Sequence[float], than: Sequence[float]) -> float:
    """The median over rounds of the ratio of two contenders' times. Both have the same batch size."""
    return median(s / t for s, t in zip(seconds, than, strict=True))


def price(device: str, slices: Slices, networks: str) -> Section:
    """(b) The price of SE: the time of a step with SE divided by the time without, for each implementation.

    Arguments as in ``executors``.
    """
    found: Section = {}
    small = device == "cpu"
    for backbone, size, batch in (
        ("cifar_resnet29_bottleneck", 32, 64 if small else 128),
        ("resnet50", 224, 4 if small else 64),
    ):
        for training in (True, False):
            name = f"{backbone}, batch {batch}, {'training' if training else 'inference'}"
            if networks not in name:
                continue
            options = {"backbone": backbone, "batch": batch, "size": size, "training": training, "device": device}
            contenders = [
                Contender(
                    f"{block}, {form}",
                    ours.step_with,
                    {**options, "block": block, "compiled": compiled, "precision": "bf16"},
                    batch,
                    cores(),
                )
                for compiled, form in PAIRS
                for block in ours.BLOCKS
            ]
            say(name)
            times = race(contenders, slices, say)
            found[name] = {
                who: {
                    "seconds_a_step": [round(s, 5) for s in seconds],
                    "price": round(_ratio(seconds, times[f"without, {who.split(', ')[1]}"]), 3),
                }
                for who, seconds in times.items()
            }
    return found


def lightning(device: str, slices: Slices, networks: str) -> Section:
    """(c) The time that Lightning adds to a step: our Lightning path minus the device loop.

    The network is very small, so that the difference shows. Arguments as in ``executors``.
    """
    options = {
        "backbone": "cifar_resnet11_bottleneck",
        "se": None,
        "batch": 2,
        "precision": "fp32",
        "compiled": False,
        "device": device,
    }
    contenders = [Contender(name, ours.executor, {**options, "name": name}, 2, 1) for name in ("device", "lightning")]
    times = race(contenders, slices, say)
    added = [1000 * (a - b) for a, b in zip(times["lightning"], times["device"], strict=True)]
    return {"milliseconds_a_step": round(median(added), 3), "by_round": [round(one, 3) for one in added]}


def side_by_side(device: str, slices: Slices, networks: str) -> Section:
    """(d), (e) Steps a second of SE-ResNet-29-bottleneck for one run and for several at once.

    From the best rate follows the time of table 7. Arguments as in ``executors``.
    """
    backbone = NETWORKS[1]
    options = {"backbone": backbone, "se": SESpec(), "batch": BATCH, "device": device}
    if device == "cpu":
        contenders = [
            Contender(
                f"{copies}",
                ours.executor,
                {**options, "name": "device", "precision": "bf16", "compiled": True},
                BATCH,
                1,
                copies=copies,
            )
            for copies in sorted({1, cores()})
        ]
        times = race(contenders, slices, say)
        rates = {int(name): 1 / median(seconds) for name, seconds in times.items()}
    else:
        rates = crowd_rates(backbone, BATCH, device, (1, 2, 4, 8, 16, MOST_RUNS))
    rows, seeds, epochs, steps = TABLE7
    hours = rows * seeds * epochs * steps / max(rates.values()) / 3600
    return {
        "steps_a_second": {str(runs): round(rate, 3) for runs, rate in rates.items()},
        "table7_5_seeds_200_epochs_hours": round(hours, 3),
        "extrapolated": "From the steps of some slices; evaluation is left out",
    }


SECTIONS: dict[str, Callable[[str, Slices, str], Section]] = {
    "executors": executors,
    "price": price,
    "lightning": lightning,
    "side-by-side": side_by_side,
}


def main() -> None:
    """Measures the sections that the command line names; all of them if it names none."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("section", nargs="*", help="sections to measure; all unless named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=15, help="timed steps in each slice")
    parser.add_argument("--network", default="", help="for executors and price: part of the name of networks")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = parser.parse_args()
    for name in asked.section:
        if name not in SECTIONS:
            parser.error(f"no section is called {name!r}; there are {', '.join(SECTIONS)}")
    where = provenance.device_name(torch.device(asked.device))
    path = file_of(where)
    for name in asked.section or SECTIONS:
        slices = Slices(asked.rounds, asked.steps)
        if name == "lightning":  # its steps are short, so more are timed
            slices = Slices(3 * asked.rounds, 10 * asked.steps)
        found = SECTIONS[name](asked.device, slices, asked.network)
        if not found:
            say(f"{name}: no network has {asked.network!r} in its name; nothing is measured")
            continue
        revision, dirty = provenance.revision()
        kept: Section = json.loads(path.read_text()) if path.exists() else {"device": where, "sections": {}}
        conditions = {
            "cores": cores(),
            "revision": revision + "+changes" * dirty,
            "versions": provenance.versions(torch.device(asked.device)),
            "rounds": slices.rounds,
            "steps": slices.steps,
        }
        kept["sections"][name] = joined(kept["sections"].get(name, {}), conditions, found)
        kept["sections"][name]["finished_at"] = provenance.now()
        replace_file(path, (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode())
    write_readme(Path("docs/speed.md"))
    print(markdown("Speed", speed_blocks(path.parent)))


if __name__ == "__main__":
    main()
