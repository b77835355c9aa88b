"""P-values in words: with their digits, for which comparisons they are adjusted, and what a verdict needs."""

from collections.abc import Iterable

from senet_lab.report.wording import NONE
from senet_lab.stats.difference import SIGNIFICANCE
from senet_lab.stats.verdicts import Judgement, PartResult


def p_number(adjusted_p: float | None) -> float | None:
    """A p-value with three significant digits, for files."""
    return None if adjusted_p is None else float(f"{adjusted_p:.3g}")


def p_text(adjusted_p: float | None) -> str:
    """A p-value with four decimals: with two, 0.0497 would be the limit itself."""
    if adjusted_p is None:
        return NONE
    return "< 0.0001" if adjusted_p < 0.0001 else f"{adjusted_p:.4f}"


def at_look_text(result: PartResult | None) -> str:
    """At which look of a plan a p-value was found, in words; nothing without a plan."""
    if result is None or result.looked_at is None:
        return ""
    return f"{_look(result)}, for {_comparisons(result.tested)}"


def adjusted_text(result: PartResult, comparisons: int) -> str:
    """For which comparisons a p-value is adjusted, in words. comparisons: those of the table."""
    if result.looked_at is None:
        return f"the {_comparisons(comparisons)} of this table"
    if result.tested == comparisons:
        return f"the {_comparisons(comparisons)} of this table{_look(result)}"
    return f"the {result.tested} of {comparisons} comparisons that were still open{_look(result)}"


def _look(result: PartResult) -> str:
    return f" at the look at {result.looked_at} seeds"


def _comparisons(number: int | None) -> str:
    return f"{number} comparison{'s' * (number != 1)}"


def needed_p(judgements: Iterable[Judgement]) -> str:
    """How small an adjusted p-value must be for a verdict, in words."""
    planned = {judgement.plan is not None for judgement in judgements}
    text = f"less than {SIGNIFICANCE:g}"
    if planned == {True}:
        return "less than the level of its look"
    return f"{text}, with a plan less than the level of its look" if True in planned else text
