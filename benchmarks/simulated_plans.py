"""Simulated power: how often effects are found, how many seeds the planner asks for, and the power of its plans."""

from dataclasses import replace

import numpy as np

from benchmarks.simulated_studies import World, studies, table_of
from senet_lab.records.sequential import SequentialPlan
from senet_lab.stats.difference import SIGNIFICANCE
from senet_lab.stats.families import family_of
from senet_lab.stats.measured import measure_family
from senet_lab.stats.power_analysis import POWER, Design, Spread, pilot_spread, powers, seeds_needed
from senet_lab.stats.verdicts import decisions, p_values
from senet_lab.study.claim import ComparedPart, Lower


def effects(world: World, points: float, seeds: int, count: int) -> dict[str, object]:
    """How often a row gets the verdict "lower" that is truly ``points`` better than its baseline.

    Three other rows of the table equal the baseline.
    """
    table = table_of(5)
    family = family_of(table, [])
    (name,) = (name for name, one in family.comparisons.items() if one.cell == table.rows[1].cell)
    by_rule, by_own = list[bool](), list[bool]()
    errors = [world.error_pct, world.error_pct - points, *[world.error_pct] * 3]
    for study in studies(world, errors, seeds, count, stream=6):
        for told_by, found in ((family, by_rule), (replace(family, rows=()), by_own)):
            one = decisions(measure_family(told_by, study), None).get(name)
            found.append(one is not None and one.difference.value < 0)
    return {
        "world": world.name,
        "points": points,
        "seeds": seeds,
        "found_pct": round(100 * float(np.mean(by_rule)), 2),
        "found_with_own_spread_pct": round(100 * float(np.mean(by_own)), 2),
        "studies": count,
    }


def planned(world: World, part: ComparedPart, resolve: float, count: int) -> dict[str, object]:
    """The planner's answers for the true spread and for pilots of three seeds and five rows, and simulated power."""
    table, design = table_of(5), Design(5, 4, resolve)
    family = family_of(table, [])
    pilots = [
        spread
        for study in studies(world, [world.error_pct] * 5, 3, min(count, 60), stream=3)
        if (spread := pilot_spread(study, family)) is not None
    ]
    seeds, images = (float(np.mean(values)) for values in zip(*((s.seeds, s.images) for s in pilots), strict=True))
    true = Spread(seeds, images, 10_000)
    needed, power = seeds_needed(part, true, design), powers(part, true, design)
    if needed is None:
        raise SystemExit(f"{world.name}: {resolve} points cannot be settled; choose another resolution")
    by_spread = [seeds_needed(part, spread, design) or 51 for spread in pilots]
    by_limit = [seeds_needed(part, spread.upper, design) or 51 for spread in pilots]
    return {
        "world": world.name,
        "comparison": f"{type(part).__name__}, {resolve:g} points",
        "planned": needed,
        "by_pilots_spread": _quartiles(by_spread),
        "by_pilots_limit": _quartiles(by_limit),
        "assured_pct": round(100 * float(np.mean([power.get(most, 1.0) >= POWER for most in by_limit])), 1),
        "predicted_power": round(power[needed], 3),
        "measured_power": round(_power(world, part, resolve, needed, min(count, 400)), 3),
        "studies": min(count, 400),
    }


def _quartiles(seeds: list[int]) -> str:
    return " ".join(f"{value:g}" for value in np.quantile(seeds, [0.25, 0.5, 0.75], method="inverted_cdf"))


def _power(world: World, part: ComparedPart, resolve: float, most: int, count: int) -> float:
    """The share of studies in which a plan of ``most`` seeds supports the part at any look, at Holm's first step."""
    shift = -resolve if isinstance(part, Lower) else 0.0
    table, plan = table_of(5), SequentialPlan(table="", protocol="", most_seeds=most, level=SIGNIFICANCE)
    rows = table.rows
    pool = [row.cell for row in rows]
    hit = []
    for study in studies(world, [world.error_pct, world.error_pct + shift, *[world.error_pct] * 3], most, count, 4):
        found = [study.difference(rows[1].cell, rows[0].cell, pool, range(look)) for look in plan.looks()]
        p = [1.0 if one is None else 4 * p_values(part, one)[0] for one in found]
        hit.append(any(value < plan.level_at(look) for value, look in zip(p, plan.looks(), strict=True)))
    return float(np.mean(hit))
