"""Checks the statistics on simulated studies with a known truth: intervals, verdicts, orders of rows, and plans.

    python -m benchmarks.simulate_inference [--studies 1000]

Writes results/benchmarks/inference.json and inference.md. It uses the same code for verdicts, orders and plans as
reports do; benchmarks/simulated_studies.py draws the studies.

K rows, n seeds, N images.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from benchmarks.simulated_plans import effects, planned
from benchmarks.simulated_studies import (
    EQUAL,
    FULL,
    NINE_EQUAL,
    NOISES,
    SETTLED_EARLY,
    SHORT,
    STRONG,
    TRUTHS,
    WITHIN,
    WORLDS,
    Bits,
    Noise,
    Truth,
    World,
    family_and_truth,
    plain_half_width,
    studies,
    table_of,
)
from senet_lab.records.sequential import SequentialPlan
from senet_lab.report.blocks import Block
from senet_lab.report.render import markdown
from senet_lab.stats.difference import CONFIDENCE, SIGNIFICANCE, Difference, tail
from senet_lab.stats.families import Family
from senet_lab.stats.measured import measure_family
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.rank_agreement import agreement_of
from senet_lab.stats.verdicts import decisions, p_values
from senet_lab.study.claim import ComparedPart, Directed, Equivalent, Lower, NotWorse
from senet_lab.training import provenance

EARLY_OR_NONE = (EQUAL, SETTLED_EARLY)
OUT = Path("results/benchmarks")
MEDIAN_OF = 200  # so many half-widths enter the median
SECTIONS = ("coverage", "false_verdicts", "false_verdicts_sequential", "effects", "orders", "power")
NOTES = {
    "coverage": (
        "The share of 95 % intervals that hold the true difference: by the rule of the reports (at 2 to 4 seeds the "
        "spread over seeds is told from all rows), with the two rows' own spread (the rule from 5 on), and of a plain "
        "bootstrap over seeds and images. Half-widths are medians, in points of 2,500 images. wide_row: of the "
        "comparisons with the row of threefold spread.",
    ),
    "false_verdicts": (
        "Tables with any false verdict, of which at most 5 % are allowed, by the rule of the reports, and with the "
        "pairs' own spread alone. One table has one standard error of at most 0.7.",
        "Bad seeds in one row break every test of few seeds: they are shown, not claimed to hold.",
    ),
    "false_verdicts_sequential": (
        "The same over all looks of a plan. With two large effects, later looks mostly leave out settled comparisons.",
    ),
    "effects": (
        "Studies of five rows, four against the baseline, in which a row that is truly better gets its verdict: by the "
        "rule of the reports, and with the two rows' own spread.",
    ),
    "orders": (
        "Pairs of rows that the test of the order puts the wrong way round, where the true order is the published one, "
        "the reverse of it, or where all rows are equal: at most 5 % of tables may have any. tau_covered_by_bootstrap: "
        "how often the percentiles of a bootstrap of Kendall's tau hold the true one, which is why they are not given.",
    ),
    "power": (
        "planned: the most seeds of a plan with 80 % power by the true spread; by_pilots: what pilots of three seeds "
        "and five rows say, by their spread and by its 80 % upper limit (quartiles). assured: the share of pilots "
        "whose upper limit gives a plan with 80 % power or more. measured_power: of the planned, by simulated looks.",
    ),
}


def coverage(world: World, seeds: int, count: int) -> dict[str, object]:
    """The share of 95 % intervals that hold the true difference: by the reports' rule and by two other rules.

    count: how many studies are drawn.
    """
    shifts = (0.0, -0.6, -2.0, 1.0)
    errors = [world.error_pct, *(world.error_pct + shift for shift in shifts)]
    rows = table_of(len(errors)).rows
    pool = [row.cell for row in rows]
    by_rule, own, plain = list[bool](), list[bool](), list[bool]()
    widths, own_widths = list[float](), list[float]()
    for study in studies(world, errors, seeds, count, stream=1):
        for row, shift in zip(rows[1:], shifts, strict=True):
            difference, alone = (study.difference(row.cell, rows[0].cell, told_by) for told_by in (pool, ()))
            assert difference is not None
            assert alone is not None
            off = abs(difference.value - shift)
            by_rule.append(_holds(difference, off))
            own.append(_holds(alone, off))
            plain.append(off <= plain_half_width(*(study.wrong(one.cell, range(seeds)) for one in (row, rows[0]))))
            if len(widths) < MEDIAN_OF:
                widths.append(difference.half_width)
                own_widths.append(alone.half_width)
    return {
        "world": world.name,
        "seeds": seeds,
        "coverage_pct": _pct(by_rule),
        "wide_row_pct": _pct(by_rule[len(shifts) - 1 :: len(shifts)]) if world.noise is Noise.WIDE_ROW else "",
        "own_spread_pct": _pct(own),
        "plain_bootstrap_pct": _pct(plain),
        "half_width": round(float(np.median(widths)), 3),
        "own_half_width": round(float(np.median(own_widths)), 3),
        "intervals": len(by_rule),
    }


def _holds(difference: Difference, off: float) -> bool:
    """Whether the 95 % interval holds a value ``off`` points away from the difference.

    With one degree of freedom ``tail`` decides, from which the half-width is computed.
    """
    if difference.freedom == 1:
        return tail(difference, off) >= (1 - CONFIDENCE) / 2
    return off <= difference.half_width


def _pct(found: Iterable[bool]) -> float:
    return round(100 * float(np.mean(list(found))), 2)


def is_false(part: ComparedPart, difference: Difference, true: float) -> bool:
    """Whether the verdict for this difference would be wrong. true: the true difference in points.

    Two equal rows are neither lower nor higher than each other. A row exactly at its margin is not within it.
    """
    for_it, against_it = p_values(part, difference)
    if isinstance(part, Directed):
        return true >= 0 if for_it < against_it else true <= 0
    beyond = true if isinstance(part, NotWorse) else abs(true)
    at_least = beyond >= part.margin - 1e-9
    return at_least if for_it < against_it else not at_least


def false_verdicts(
    world: World, truth: Truth, seeds: int, count: int, plan: SequentialPlan | None
) -> dict[str, object]:
    """The share of tables with any false verdict; with a plan, over all its looks. count: how many tables are drawn."""
    family, true, errors = family_and_truth(world, truth)
    own = replace(family, rows=())

    def any_false(of: Family, study: PairedRuns) -> bool:
        found = decisions(measure_family(of, study), plan).items()
        return any(is_false(one.compared.part, one.difference, true[name]) for name, one in found)

    by_rule, by_own = [], []
    for study in studies(world, errors, seeds, count, stream=2):
        by_rule.append(any_false(family, study))
        by_own.append(any_false(own, study) if plan is None else False)
    line: dict[str, object] = {
        "world": world.name,
        "truth": truth.name,
        "seeds": seeds if plan is None else "looks at " + ", ".join(map(str, plan.looks())),
        "comparisons": len(family.comparisons),
        "tables_with_false_verdict_pct": _pct(by_rule),
    }
    return line | ({"with_own_spread_pct": _pct(by_own)} if plan is None else {}) | {"tables": count}


ORDERS = {
    "published order": (0.0, 0.8, 1.6, 2.4, 3.2),
    "reversed": (3.2, 2.4, 1.6, 0.8, 0.0),
    "nearly equal": (0.0, 0.1, 0.2, 0.3, 0.4),
    "all equal": (0.0,) * 5,
}


def orders(world: World, name: str, seeds: int, count: int) -> dict[str, object]:
    """How often the test of the order puts a pair of rows in the wrong order, for five rows published 0 to 4.

    name: the true errors, as a name in ORDERS. count: how many tables are drawn.
    """
    table, shifts = table_of(5), ORDERS[name]
    published = {row.label: float(i) for i, row in enumerate(table.rows)}
    wrong_tables, right, undecided, covered = list[bool](), 0, 0, list[bool]()
    true_tau = float(np.sign(np.array(shifts)[-1] - np.array(shifts)[0]))
    for study in studies(world, [world.error_pct + shift for shift in shifts], seeds, count, stream=5):
        found = agreement_of(study, table, published)
        assert found is not None
        in_order, against = (found.in_order, found.against) if true_tau >= 0 else (found.against, found.in_order)
        wrong_tables.append(against > 0 or (true_tau == 0 and in_order > 0))
        right += in_order
        undecided += found.undecided
        if len(covered) < count // 20 and true_tau != 0:
            bits = np.stack([study.wrong(row.cell, range(seeds)) for row in table.rows])
            covered.append(_bootstrap_of_tau_holds(bits, true_tau))
    return {
        "world": world.name,
        "truth": name,
        "seeds": seeds,
        "tables_with_false_pair_pct": _pct(wrong_tables),
        "right_pairs_pct": round(100 * right / (10 * count), 1) if true_tau else "",
        "undecided_pct": round(100 * undecided / (10 * count), 1),
        "tau_covered_by_bootstrap_pct": _pct(covered) if covered else "",
        "tables": count,
    }


def _bootstrap_of_tau_holds(wrong: Bits, true_tau: float, replicates: int = 200) -> bool:
    """Whether the 95 % percentiles of a bootstrap over seeds and images hold the true tau of five rows."""
    rows, seeds, images = wrong.shape
    random = np.random.default_rng([2018, seeds])
    of_images = random.multinomial(images, np.full(images, 1 / images), size=replicates).astype(np.float32)
    of_seeds = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=replicates)
    by_run = (of_images @ wrong.reshape(rows * seeds, images).T.astype(np.float32)).reshape(replicates, rows, seeds)
    totals = (by_run * of_seeds[:, None, :]).sum(axis=2)
    first, second = np.triu_indices(rows, 1)
    taus = np.sign(totals[:, second] - totals[:, first]).mean(axis=1)
    low, high = np.quantile(taus, [0.025, 0.975])
    return bool(low <= true_tau <= high)


def simulate(count: int, say: Callable[[str], None]) -> dict[str, object]:
    """All results as JSON values. count: studies of each kind. say: prints each line of results."""
    plan = SequentialPlan(table="", protocol="", most_seeds=5, level=SIGNIFICANCE)
    asked: tuple[tuple[World, ComparedPart, float], ...] = (
        (SHORT, Lower("", "x"), 2.0),
        (FULL, Lower("", "x"), 1.0),
        (STRONG, Lower("", "x"), 2.0),
        (FULL, NotWorse("", "x", 0.8), 0.8),
        (FULL, Equivalent("", "x", 1.0), 1.0),
    )
    lines: dict[str, Iterator[dict[str, object]]] = {
        "coverage": (
            coverage(w, n, count // 2) for w in (*WORLDS, *NOISES) for n in (2, 3, 4, 5) if n < 5 or w in WORLDS
        ),
        "false_verdicts": (
            false_verdicts(w, t, n, count, None)
            for w, truths, ns in (
                (SHORT, (EQUAL,), (2, 3, 5)),
                (FULL, TRUTHS, (3,)),
                (STRONG, TRUTHS, (2, 3, 4, 5)),
                *((noisy, (EQUAL,), (2, 3, 4)) for noisy in NOISES),
                *((noisy, (WITHIN, NINE_EQUAL), (3,)) for noisy in NOISES),
            )
            for t in truths
            for n in ns
        ),
        "false_verdicts_sequential": (
            false_verdicts(w, t, plan.most_seeds, count, plan)
            for w, truths in ((STRONG, (*TRUTHS, SETTLED_EARLY)), *((noisy, EARLY_OR_NONE) for noisy in NOISES))
            for t in truths
        ),
        "effects": (
            effects(w, points, n, count)
            for w, points in ((FULL, 2.0), (STRONG, 3.0), (STRONG, 5.0))
            for n in (2, 3, 4, 5)
        ),
        "orders": (orders(w, name, n, count) for w in (FULL, STRONG) for name in ORDERS for n in (2, 3)),
        "power": (planned(w, part, resolve, count) for w, part, resolve in asked),
    }
    result: dict[str, object] = {"studies": count, "worlds": [asdict(world) for world in (*WORLDS, *NOISES)]}
    result["revision"] = provenance.revision().name
    return result | {name: list(_said(lines[name], say)) for name in SECTIONS}


def _said(results: Iterator[dict[str, object]], say: Callable[[str], None]) -> Iterator[dict[str, object]]:
    for one in results:
        say(json.dumps(one))
        yield one


def page(result: dict[str, object]) -> str:
    """The results as a Markdown page."""
    blocks = []
    for name in SECTIONS:
        lines = result[name]
        assert isinstance(lines, list)
        cells = tuple(tuple(str(value) for value in line.values()) for line in lines)
        blocks.append(Block(name.replace("_", " "), tuple(lines[0]), cells, NOTES[name]))
    of = f"{result['studies']} of each kind, revision {result['revision']}"
    return markdown(f"Simulated studies with a known truth, {of}", blocks)


def main() -> None:
    """Simulates the studies and writes both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--studies", type=int, default=1000)
    result = simulate(parser.parse_args().studies, print)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "inference.json").write_text(json.dumps(result, indent=1) + "\n")
    (OUT / "inference.md").write_text(page(result))


if __name__ == "__main__":
    main()
