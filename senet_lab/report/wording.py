"""Puts statistics into words: differences, parts of claims, rules of verdicts, orders of rows, seeds needed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from senet_lab.records.cost import time_text
from senet_lab.records.precision import RESAMPLES
from senet_lab.stats.difference import SIGNIFICANCE, Difference
from senet_lab.stats.power_analysis import MOST_SEEDS, POWER, UPPER
from senet_lab.stats.rank_agreement import RankAgreement
from senet_lab.stats.seed_noise import FAR, FEWEST_ROWS, OWN_LIMIT, POOLED_SEEDS
from senet_lab.stats.seeds_needed import Need, Needs, Obstacle
from senet_lab.stats.verdicts import Judgement
from senet_lab.study.claim import Equivalent, Higher, LargerGain, Lower, NotWorse, Part
from senet_lab.study.measure import Measure

NONE = "–"


def sentence(words: str) -> str:
    """The words with a capital first letter."""
    return words[:1].upper() + words[1:]


def difference_text(difference: Difference | None) -> str:
    """A difference in points with its interval. It is marked where the interval is from one seed, over images only,
    and where neither seeds nor photos vary, as where no detector found anything."""
    if difference is None:
        return NONE
    if not difference.half_width:
        return f"{difference.value:+.2f} (no spread, no interval)"
    return f"{difference.value:+.2f} ± {difference.half_width:.2f}" + " (n = 1, images only)" * (difference.seeds == 1)


def part_text(part: Part) -> str:
    """A part in a few words: "SE < plain"."""
    match part:
        case Lower():
            return f"{part.row} < {part.than}"
        case Higher():
            return f"{part.row} > {part.than}"
        case NotWorse():
            return f"{part.row} < {part.than} + {part.margin:g}"
        case Equivalent():
            return f"{part.row} = {part.than} ± {part.margin:g}"
        case LargerGain():
            return f"{part.row} - {part.than} < {part.other} - {part.other_than}"
    least = f"{part.least:g} ≤ " if part.least else ""
    most = f" ≤ {part.most:g}" if part.most != float("inf") else ""
    return f"{least}{part.quantity.value} of {part.row} / {part.than}{most}"


_OF_STEPS = "; it allows for errors that move in steps of one image"
_INTERVALS = (
    f"± of an error is half of its 95 % interval over further seeds on these images (Student's t{_OF_STEPS}). With one "
    "seed there is none, since the seed noise is unknown. With two or three it says little.",
    "Differences are to the baseline, over the seeds of the error beside them, and paired by seed and image. Their ± "
    'is half of the 95 % interval over other seeds and other images. With one seed ("images only") it allows for '
    "images alone.",
    f"{POOLED_SEEDS[0]} to {POOLED_SEEDS[-1]} seeds say little about one row. So the seed noise of a difference is "
    f"estimated from all rows of the table together, if at least {FEWEST_ROWS} have these seeds. A row that varies "
    f"more than the others keeps its own, larger estimate (its {100 * OWN_LIMIT:.0f} % upper limit). Otherwise only "
    "the compared rows count. Verdicts use the same rule (docs/statistics.md).",
)
_INTERVALS_OF_AP = (
    _INTERVALS[0].replace("± of an error", "± of an AP").replace(_OF_STEPS, ""),
    "Higher is better. Differences are to the baseline, over the seeds of the AP beside them, and paired by seed "
    "and photo. Their ± is half of the 95 % interval over other seeds and other photos (over photos by a bootstrap "
    f'of {RESAMPLES:,} resamples that are the same in every run). With one seed ("images only") it allows for '
    "photos alone.",
    *_INTERVALS[2:],
)
INTERVALS = tuple(dict.fromkeys((*_INTERVALS, *_INTERVALS_OF_AP)))  # every note on the meaning of ±


def intervals(measure: Measure) -> tuple[str, ...]:
    """What the ± of a table's numbers means, in words."""
    return _INTERVALS_OF_AP if measure.higher_is_better else _INTERVALS


OTHER_COMPARISONS = (
    "The plan was begun with other comparisons: rows or claims were changed since, so its error rate does not hold."
)


def rule_text(judgement: Judgement) -> str:
    """The rule by which a table's verdicts were made, in words."""
    holm = (
        f"the chance of any false verdict among the {judgement.comparisons} comparisons of this table is below "
        f"{100 * SIGNIFICANCE:.0f} % (Holm)"
    )
    bad = (
        "A seed that fails badly, once in many and in one row only, breaks this, as it breaks every test of few seeds."
    )
    if judgement.plan is None:
        return (
            f"{holm}, if the number of seeds was chosen before looking. No plan records that here, and seeds added "
            f"after a look make false verdicts more frequent. {bad}"
        )
    plan, other = judgement.plan, "" if judgement.plan_fits else f"{OTHER_COMPARISONS} "
    levels = ", ".join(f"{plan.level_at(look):.2g}" for look in plan.looks())
    later = (
        "So do later seeds of a row that an earlier look settled. A look is made when all of its runs are there."
        if plan.leaves_out_settled
        else "A later seed of a row that was settled early would enter the looks that remain, so such a table is to be "
        "trained by its plan alone."
    )
    return (
        f"{other}{holm}, spent over looks at {', '.join(map(str, plan.looks()))} seeds from seed {plan.first_seed} on "
        f"(levels {levels}). That plan chose the number of seeds; after its last look, further seeds enter the "
        f"interval, not the verdict. {later} An interval at the moment of stopping is not adjusted for the looks. {bad}"
    )


UNTESTED_PLAN = "none is tested: under a plan this test needs the plan's largest number of seeds in every row"


def order_text(order: RankAgreement) -> str:
    """How far the measured order of the rows agrees with the published one, in one line."""
    text = f"Order of {order.rows} rows, published against measured: of {order.pairs} pairs of rows, "
    if order.tested_seeds:
        text += (
            f"tests put {order.in_order} in the published order and {order.against} in the reverse; {order.undecided} "
            f"are undecided (paired over {order.tested_seeds} seeds and all images; the chance of any false one among "
            "these pairs is below 5 %, Holm)"
        )
    else:
        text += "none is tested yet (one seed: no test)" if order.seeds == 1 else UNTESTED_PLAN
    over = "1 seed" if order.seeds == 1 else f"{order.seeds} seeds"
    return f"{text}. Kendall's tau of the means of {over} is {order.tau_b:+.2f}, a description without an interval."


def seeds_text(values_pct: Mapping[str, Mapping[int, float]], measure: Measure) -> Iterable[str]:
    """The number of every single seed in percent, for the rows with several seeds."""
    several = [
        f"{label}: " + ", ".join(f"{error:.2f} (seed {seed})" for seed, error in of_row.items())
        for label, of_row in values_pct.items()
        if len(of_row) > 1
    ]
    if several:
        yield f"Single seeds, {measure.first.short} in %: {'; '.join(several)}."


def far_text(judgement: Judgement, labels: Mapping[str, str]) -> Iterable[str]:
    """A warning about the runs that lie far from the others. labels: the rows' labels, by the key of their cell."""
    far = [f"{labels[run.cell.key]} seed {run.seed}" for run in judgement.far_runs if run.cell.key in labels]
    if far:
        yield (
            f"Warning: far from what the other runs of this table say (chance below {100 * FAR:g} % for the table): "
            f"{', '.join(far)}. No number leaves them out for that; look at their curves before believing a verdict "
            "about them."
        )


def needs_data(needs: Needs) -> dict[str, Any]:
    """How many seeds a table's comparisons need, as JSON values."""
    data = asdict(needs)
    data["comparisons"] = [
        asdict(need) | {"part": part_text(need.part), "now": difference_text(need.now)} for need in needs.comparisons
    ]
    return data


def needs_text(needs: Needs) -> str:
    """How many seeds a table's comparisons need, as text."""
    design, spread = needs.design, needs.spread
    of_pilot = "" if needs.pilot == needs.table else f" in {needs.pilot}, taken to be that of these rows"
    of_pilot += " (by the project's records, since this folder has too few)" if needs.elsewhere else ""
    wanted = f"{design.resolve:g} point{'s' * (design.resolve != 1)}"
    limit = f"{100 * UPPER:.0f} % upper limit {spread.upper.seeds**0.5:.2f}"
    lines = [
        f"{needs.table} under {needs.protocol}: the most seeds of a plan (train --until-resolved --seeds N) that has "
        f"{100 * POWER:.0f} % power to see {wanted}, or to show what lies within its margin, over all its looks and "
        f"{design.comparisons} comparisons (Holm's first step)",
        f"spread of a paired difference{of_pilot}: {spread.seeds**0.5:.2f} points from seed to seed (degrees of "
        f"freedom: {spread.freedom}; {limit}), {spread.images**0.5:.2f} from the choice of images; a range is by the "
        "spread and by its limit, and runs are counted by the limit",
    ]
    if needs.first_seed:
        lines.append(f"a plan begins with seed {needs.first_seed}: seeds recorded before it enter no verdict")
    if needs.plan_seeds:
        lines.append(f"the plan that was begun has at most {needs.plan_seeds} seeds, which cannot change")
    width = max((len(part_text(need.part)) for need in needs.comparisons), default=0)
    lines += [f"  {part_text(n.part):{width}}  {difference_text(n.now):34} {_answer(n)}" for n in needs.comparisons]
    if any(need.obstacle is None for need in needs.comparisons):
        lines.append(f"all comparisons with a number of seeds: {needs.cost.runs} more runs, {time_text(needs.cost)}")
    elif all(need.obstacle is Obstacle.SETTLED for need in needs.comparisons):
        lines.append("every comparison is settled")
    else:
        lines.append("no comparison can be planned for")
    return "\n".join(lines)


def _answer(need: Need) -> str:
    seeds = _seeds(need)
    match need.obstacle:
        case None:
            hours = "" if need.cost.seconds is None else f", {need.cost.seconds / 3600:.1f} hours"
            return f"{seeds} seeds, " + (f"{need.cost.runs} more runs{hours}" if need.cost.runs else "recorded")
        case Obstacle.IMAGES:
            return f"not settled by any number of seeds: by the pilot's image variance, {need.best:.2f} points at best"
        case Obstacle.SEEDS:
            return f"not settled by {MOST_SEEDS} seeds"
        case Obstacle.SETTLED:
            return "settled by the plan"
        case Obstacle.UPPER_LIMIT:
            return f"{need.seeds} to more than {MOST_SEEDS} seeds: a larger pilot would tell"
    return f"not settled: {seeds} seeds would take {(need.cost.seconds or 0.0) / 3600:.1f} hours"


def _seeds(need: Need) -> str:
    return f"{need.seeds}" if need.seeds == need.upper_seeds else f"{need.seeds} to {need.upper_seeds}"
