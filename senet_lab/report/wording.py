"""What the statistics say, in words: differences, parts of claims, the rule of a verdict, orders, seeds needed."""

from dataclasses import asdict
from typing import Any

from senet_lab.stats.difference import SIGNIFICANCE, Difference
from senet_lab.stats.rank_agreement import Order
from senet_lab.stats.seeds_needed import Need, Needs
from senet_lab.stats.verdicts import Judgement
from senet_lab.study.claim import Equivalent, Lower, NotWorse, Part

NONE = "–"


def difference_text(difference: Difference | None) -> str:
    """A difference in points with its interval, marked where that knows of one seed only."""
    if difference is None:
        return NONE
    return f"{difference.value:+.2f} ± {difference.half_width:.2f}" + " (n = 1, images only)" * (difference.seeds == 1)


def part_text(part: Part) -> str:
    """A part in a few words: "SE < plain"."""
    match part:
        case Lower():
            return f"{part.row} < {part.than}"
        case NotWorse():
            return f"{part.row} < {part.than} + {part.margin:g}"
        case Equivalent():
            return f"{part.row} = {part.than} ± {part.margin:g}"
    least = f"{part.least:g} ≤ " if part.least else ""
    most = f" ≤ {part.most:g}" if part.most != float("inf") else ""
    return f"{least}{part.quantity.value} of {part.row} / {part.than}{most}"


def rule_text(judgement: Judgement) -> str:
    """How the verdicts of a table were taken, in words."""
    chance = f"{100 * SIGNIFICANCE:.0f} %"
    text = f"over this table's {judgement.comparisons} comparisons a false verdict has a chance below {chance}"
    if judgement.plan is None:
        return f"{text} (Holm), if the number of seeds was chosen before looking."
    return (
        f"{text} (Holm), spent over looks at {judgement.plan.looks()[0]} to {judgement.plan.most_seeds} seeds; further "
        "seeds enter the interval, not the verdict."
    )


def order_text(order: Order) -> str:
    """The order of the rows, published against measured, in one line."""
    over = "images alone, n = 1" if order.seeds == 1 else f"{order.seeds} seeds and all images"
    return (
        f"Order of {order.rows} rows, published against measured: Kendall's tau {order.tau:+.2f}, 95 % interval "
        f"{order.low:+.2f} to {order.high:+.2f} (two-way bootstrap over {over})."
    )


def needs_data(needs: Needs) -> dict[str, Any]:
    """What a table's comparisons need, for JSON."""
    data = asdict(needs)
    data["comparisons"] = [
        asdict(need) | {"part": part_text(need.part), "now": difference_text(need.now)} for need in needs.comparisons
    ]
    return data


def needs_text(needs: Needs) -> str:
    """What a table's comparisons need, for a person."""
    lines = [
        f"{needs.table} under {needs.protocol}: seeds a row for 80 % power to see {needs.resolve:g} points (or to "
        f"show what lies within its margin), at {needs.level:.2%} a comparison (Holm's first step)",
        f"spread of a paired difference: {needs.spread.seeds**0.5:.2f} points from seed to seed, "
        f"{needs.spread.images**0.5:.2f} from the choice of images, pooled over pairs ({needs.spread.pilots} degrees "
        "of freedom)",
    ]
    for need in needs.comparisons:
        answer = f"{need.seeds:3} seeds, {_cost(need)}" if need.seeds else f"not settled: {need.why_not}"
        lines.append(f"  {part_text(need.part):36} {difference_text(need.now):34} {answer}")
    lines.append(
        f"all that can be settled: {needs.missing_runs} more runs, about {needs.seconds / 3600:.1f} hours of one "
        f"worker on {needs.device}"
    )
    return "\n".join(lines)


def _cost(need: Need) -> str:
    return f"{need.missing_runs} more runs, {need.seconds / 3600:.1f} hours" if need.missing_runs else "recorded"
