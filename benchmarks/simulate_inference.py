"""Studies with a known truth: do intervals cover it, are verdicts as seldom false as they say, does the planner plan?

    python -m benchmarks.simulate_inference [--studies 1000]

Writes results/benchmarks/inference.json and inference.md. Each study draws which images its runs have wrong from a
model with the structure of real records: hard and easy images, rows that disagree on some of them, seeds that shift a
run as a whole, the same seed's batches shared by all rows, and noise of its own for each run and image. The true error
of a row is known in closed form. Verdicts are taken by the code that takes them in reports.

K rows, n seeds, N images.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ablations.protocols import CIFAR10
from senet_lab.records.sequential import SequentialPlan
from senet_lab.report.render import markdown
from senet_lab.report.tables import Block
from senet_lab.stats.difference import Difference
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.power_analysis import POWER, pooled, power_of, seeds_needed
from senet_lab.stats.verdicts import Family, family_of, p_values, settled
from senet_lab.study import Cell, Row, Run, SESpec, Table
from senet_lab.study.claim import Claim, Comparison, Equivalent, Lower, NotWorse

OUT = Path("results/benchmarks")
LEVEL = 0.05
Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class World:
    """Where studies come from. Standard deviations on the scale of the noise of one image in one run, which is 1.

    error_pct: of the baseline. easy: of images; disagreement: of a row's own images; shift: of a run as a whole;
    batches: what a seed does to an image in every row.
    """

    name: str
    error_pct: float
    easy: float
    disagreement: float
    shift: float
    batches: float
    images: int = 10_000

    @property
    def scale(self) -> float:
        """The standard deviation of everything together."""
        return math.sqrt(1 + self.easy**2 + self.disagreement**2 + self.shift**2 + self.batches**2)

    def wrong(self, errors_pct: Sequence[float], seeds: int, random: np.random.Generator) -> Bits:
        """Which images are wrong, K x n x N, where the rows have these true errors."""
        rows, images = len(errors_pct), self.images
        means_K = np.array([NormalDist().inv_cdf(e / 100) for e in errors_pct], dtype=np.float32) * self.scale
        by_image_N = self.easy * random.standard_normal(images, dtype=np.float32)
        by_row_KN = self.disagreement * random.standard_normal((rows, images), dtype=np.float32)
        by_run_Kn = self.shift * random.standard_normal((rows, seeds), dtype=np.float32)
        by_seed_nN = self.batches * random.standard_normal((seeds, images), dtype=np.float32)
        latent = random.standard_normal((rows, seeds, images), dtype=np.float32)
        latent += (means_K[:, None] + by_run_Kn)[:, :, None] + (by_image_N + by_row_KN)[:, None, :] + by_seed_nN
        return (latent > 0).astype(np.uint8)


# The spreads of differences under cifar10-quick (31 % error, two epochs), and of networks trained to the end: one run
# against another disagrees on some 14 and 5 % of the images.
WORLDS = (
    World("short training, 31 % error", 31.0, easy=3.0, disagreement=0.35, shift=0.02, batches=0.3),
    World("full training, 6 % error", 6.0, easy=2.0, disagreement=0.35, shift=0.03, batches=0.3),
    World("full training, strong seeds", 6.0, easy=2.0, disagreement=0.35, shift=0.08, batches=0.3),
)


def table_of(rows: int) -> Table:
    """A table of so many rows under one protocol; the first is the baseline."""
    cell = Cell(backbone="cifar_resnet29_bottleneck", se=None, protocol=CIFAR10)
    cells = [cell, *(replace(cell, se=SESpec(reduction=2**i)) for i in range(rows - 1))]
    labelled = tuple(Row(f"row {i}", one) for i, one in enumerate(cells))
    return Table(
        edition="simulated", number="1", topic="simulated", caption="", baseline="row 0", rows=labelled, companions={}
    )


def paired_runs_of(table: Table, wrong: Bits) -> PairedRuns:
    """These runs as reports see them."""
    study = PairedRuns(())
    for row, of_row in zip(table.rows, wrong, strict=True):
        for seed, of_run in enumerate(of_row):
            study.add(Run(cell=row.cell, seed=seed), "simulated", of_run)
    return study


def studies(world: World, errors: Sequence[float], seeds: int, count: int, stream: int) -> Iterator[PairedRuns]:
    """So many studies of a table of rows with these true errors."""
    table, random = table_of(len(errors)), np.random.default_rng([20, stream, seeds])
    for _ in range(count):
        yield paired_runs_of(table, world.wrong(errors, seeds, random))


def coverage(world: World, seeds: int, count: int) -> dict[str, object]:
    """The share of 95 % intervals that hold the true difference: those of reports, and of a plain bootstrap."""
    shifts = (0.0, -0.3, -1.0, 0.5)
    errors = [world.error_pct, *(world.error_pct + shift for shift in shifts)]
    rows = table_of(len(errors)).rows
    covered, plain, total, widths = 0, 0, 0, []
    for study in studies(world, errors, seeds, count, stream=1):
        for row, shift in zip(rows[1:], shifts, strict=True):
            difference = study.difference(row.cell, rows[0].cell)
            assert difference is not None
            covered += abs(difference.value - shift) <= difference.half_width
            runs = [study.wrong(one.cell, range(seeds)) for one in (row, rows[0])]
            plain += abs(difference.value - shift) <= _plain_half_width(*runs)
            widths.append(difference.half_width)
            total += 1
    return {
        "world": world.name,
        "seeds": seeds,
        "coverage_pct": round(100 * covered / total, 2),
        "plain_bootstrap_coverage_pct": round(100 * plain / total, 2),
        "median_half_width": round(float(np.median(widths)), 3),
        "intervals": total,
    }


def _plain_half_width(wrong: Bits, other_wrong: Bits) -> float:
    """Of the plain two-way bootstrap: 1.96 standard deviations of its replicates, in closed form."""
    d = 100.0 * (wrong.astype(np.float64) - other_wrong)
    n, images = d.shape
    by_seed, by_image = d.mean(axis=1), d.mean(axis=0)
    rest = d - by_seed[:, None] - by_image + d.mean()
    variance = by_seed.var() / n + by_image.var() / images + (rest**2).sum() / (n * images) ** 2
    return 1.96 * math.sqrt(variance)


@dataclass(frozen=True, slots=True)
class Truth:
    """A table whose rows lie so many points above its baseline, and claims about it."""

    name: str
    shifts: tuple[float, ...]
    parts: tuple[Comparison, ...]


TRUTHS = (
    Truth("all rows equal", (0.0,) * 4, tuple(Lower(f"row {i}", f"row {j}") for i in range(1, 5) for j in range(1, i))),
    Truth("differences at the margin", (0.3,) * 4, tuple(Equivalent(f"row {i}", "row 0", 0.3) for i in range(1, 5))),
    Truth("no worse, at the margin", (0.3,) * 4, tuple(NotWorse(f"row {i}", "row 0", 0.3) for i in range(1, 5))),
    Truth("just within the margin", (0.2999,) * 4, tuple(Equivalent(f"row {i}", "row 0", 0.3) for i in range(1, 5))),
    Truth("one true effect among nulls", (-1.0, 0.0, 0.0, 0.0), (Lower("row 2", "row 3"), Lower("row 4", "row 3"))),
)


def family_and_truth(world: World, truth: Truth) -> tuple[Family, dict[str, float], list[float]]:
    """The comparisons of a table with these claims, their true differences, and the rows' true errors."""
    errors = [world.error_pct, *(world.error_pct + shift for shift in truth.shifts)]
    table = table_of(len(errors))
    claim = Claim(name="simulated", table=table, statement="", source="", parts=truth.parts)
    family = family_of(table, [claim])
    by_key = {row.cell.key: error for row, error in zip(table.rows, errors, strict=True)}
    return family, {n: by_key[a.key] - by_key[b.key] for n, (_, a, b) in family.items()}, errors


def is_false(part: Comparison, difference: Difference, true: float) -> bool:
    """Whether the verdict that this difference would be given is wrong. Of two equal rows none is lower or higher; at
    its margin a row is not within it."""
    for_it, against_it = p_values(part, difference)
    if isinstance(part, Lower):
        return true >= 0 if for_it < against_it else true <= 0
    beyond = true if isinstance(part, NotWorse) else abs(true)
    at_least = beyond >= part.margin - 1e-9
    return at_least if for_it < against_it else not at_least


def false_verdicts(
    world: World, truth: Truth, seeds: int, count: int, plan: SequentialPlan | None
) -> dict[str, object]:
    """The share of tables with any false verdict; with a plan, over all its looks."""
    family, true, errors = family_and_truth(world, truth)
    tables_with = 0
    for study in studies(world, errors, seeds, count, stream=2):
        found = settled(family, study, plan)
        decided = [(family[name], look, true[name]) for name, look in found.items()]
        tables_with += any(
            is_false(part, difference, shift)
            for (part, cell, than), look, shift in decided
            if (difference := study.difference(cell, than, look)) is not None
        )
    return {
        "world": world.name,
        "truth": truth.name,
        "seeds": seeds if plan is None else f"2 to {seeds}, looking after each",
        "comparisons": len(family),
        "tables_with_false_verdict_pct": round(100 * tables_with / count, 2),
        "tables": count,
    }


def planned(world: World, part: Comparison, resolve: float, count: int) -> dict[str, object]:
    """What the planner says, from the truth and from pilots of three seeds and five rows, beside simulated power."""
    errors = [world.error_pct] * 5
    rows, level = table_of(5).rows, LEVEL / 4
    pilots, large = [], []
    for study in studies(world, errors, 3, min(count, 200), stream=3):
        found = [study.difference(row.cell, rows[0].cell) for row in rows[1:]]
        pilots.append(pooled([d for d in found if d is not None]))
        large += [d for d in found if d is not None]
    spread = pooled(large)
    assert spread is not None
    needed = seeds_needed(part, spread, level, resolve)
    from_pilots = sorted(seeds_needed(part, p, level, resolve) or 51 for p in pilots if p is not None)
    if needed is None:
        raise SystemExit(f"{world.name}: {resolve} points cannot be settled; choose another resolution")
    shift = -resolve if isinstance(part, Lower) else 0.0
    few, many = max(2, math.floor(0.75 * needed)), math.ceil(1.25 * needed)
    measured = {n: _power(world, part, shift, n, level, count) for n in dict.fromkeys((few, needed, many))}
    quarter = len(from_pilots) // 4
    return {
        "world": world.name,
        "comparison": f"{type(part).__name__}, {resolve:g} points",
        "planned_seeds": needed,
        "pilots_median": from_pilots[len(from_pilots) // 2],
        "pilots_middle_half": [from_pilots[quarter], from_pilots[-quarter - 1]],
        "predicted_power": round(power_of(part, spread, needed, level, resolve), 3),
        "measured_power": {str(n): round(power, 3) for n, power in measured.items()},
        "within_25_pct": measured[few] < POWER + 0.02 and measured[many] > POWER - 0.02,
    }


def _power(world: World, part: Comparison, shift: float, seeds: int, level: float, count: int) -> float:
    rows = table_of(2).rows
    hit = 0
    for study in studies(world, (world.error_pct, world.error_pct + shift), seeds, count, stream=4):
        difference = study.difference(rows[1].cell, rows[0].cell)
        assert difference is not None
        hit += p_values(part, difference)[0] < level
    return hit / count


def simulate(count: int, say: Callable[[str], None]) -> dict[str, object]:
    """Everything, as JSON data."""
    result: dict[str, object] = {"studies": count, "worlds": [asdict(world) for world in WORLDS]}
    result["coverage"] = list(_said((coverage(w, n, count) for w in WORLDS for n in (2, 3, 5)), say))
    fixed = (false_verdicts(w, t, n, count, None) for w in WORLDS for t in TRUTHS for n in (2, 5))
    result["false_verdicts"] = list(_said(fixed, say))
    plan = SequentialPlan(table="", protocol="", most_seeds=6, level=LEVEL)
    looks = (false_verdicts(w, t, plan.most_seeds, count, plan) for w in WORLDS[1:] for t in TRUTHS)
    result["false_verdicts_sequential"] = list(_said(looks, say))
    asked: tuple[tuple[World, Comparison, float], ...] = (
        (WORLDS[0], Lower("", "x"), 0.8),
        (WORLDS[1], Lower("", "x"), 0.4),
        (WORLDS[2], Lower("", "x"), 0.8),
        (WORLDS[1], NotWorse("", "x", 0.3), 0.3),
        (WORLDS[1], Equivalent("", "x", 0.4), 0.4),
    )
    result["power"] = list(_said((planned(w, part, resolve, count) for w, part, resolve in asked), say))
    return result


def _said(results: Iterator[dict[str, object]], say: Callable[[str], None]) -> Iterator[dict[str, object]]:
    for one in results:
        say(json.dumps(one))
        yield one


def page(result: dict[str, object]) -> str:
    """The results as tables."""
    blocks = []
    for name in ("coverage", "false_verdicts", "false_verdicts_sequential", "power"):
        lines = result[name]
        assert isinstance(lines, list)
        cells = tuple(tuple(str(value) for value in line.values()) for line in lines)
        blocks.append(Block(name.replace("_", " "), tuple(lines[0]), cells, ()))
    return markdown(f"Simulated studies with a known truth, {result['studies']} of each kind", blocks)


def main() -> None:
    """Simulates and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--studies", type=int, default=1000)
    result = simulate(parser.parse_args().studies, print)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "inference.json").write_text(json.dumps(result, indent=1) + "\n")
    (OUT / "inference.md").write_text(page(result))


if __name__ == "__main__":
    main()
