"""Chooses the blocks of a network that stand for those in the paper's figures and statements, by their names alone.

Block names are the paper's: SE_2_3 is stage 2, third block. A network with other names counts as one stage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
PANELS = 6  # panels of a figure, as in the paper
LAST_STAGE = 3  # panels that show blocks of the last stage


@dataclass(frozen=True, slots=True)
class ChosenBlocks:
    """The blocks that stand for the paper's blocks: early for SE_2_3, later for SE_4_6 and SE_5_1, middle_of_last for
    SE_5_2, last for SE_5_3."""

    early: tuple[str, ...]
    later: tuple[str, ...]
    middle_of_last: tuple[str, ...]
    last: tuple[str, ...]


def stages_of(blocks: Sequence[str]) -> list[list[str]]:
    """The blocks of each stage, in forward order."""
    if not all(block.startswith("SE_") and block.count("_") == 2 for block in blocks):
        return [list(blocks)]
    stages: dict[str, list[str]] = {}
    for block in blocks:
        stages.setdefault(block.rpartition("_")[0], []).append(block)
    return list(stages.values())


def panels(blocks: Sequence[str]) -> list[str]:
    """The six blocks that a figure shows, or all blocks if there are fewer.

    As in the paper's figure, these are the last block of each early stage, and three blocks of the last stage. If that
    makes more than six, some early stages are left out; if it makes fewer, blocks from the widest gaps are added. Of a
    network with one stage they are six evenly spread blocks.
    """
    stages = stages_of(blocks)
    if len(stages) == 1:
        return evenly(list(blocks), PANELS)
    last = evenly(stages[-1], LAST_STAGE)
    early = evenly([stage[-1] for stage in stages[:-1]], PANELS - len(last))
    return _filled(list(blocks), [*early, *last])


def _filled(blocks: list[str], chosen: list[str]) -> list[str]:
    places = [blocks.index(block) for block in chosen]
    while len(places) < min(PANELS, len(blocks)):
        rest = [place for place in range(len(blocks)) if place not in places]
        places.append(max(rest, key=lambda place: (min(abs(place - other) for other in places), -place)))
    return [blocks[place] for place in sorted(places)]


def choose_blocks(blocks: Sequence[str]) -> ChosenBlocks:
    """The blocks that the paper's statements are about.

    In a network of one stage, the first block is early, the last but one is later and middle_of_last.
    """
    stages = stages_of(blocks)
    last = stages[-1]
    early = tuple(stages[0][-1:]) if len(stages) > 1 else tuple(blocks[:1])
    before = stages[-2][-1:] if len(stages) > 2 else []
    start = [last[0]] if len(stages) > 1 else list(last[-2:-1])
    return ChosenBlocks(early, (*before, *start), (last[-2] if len(last) > 1 else last[-1],), tuple(last[-1:]))


def evenly(items: Sequence[T], number: int) -> list[T]:
    """``number`` items, evenly spread from the first to the last; all items if there are fewer; the last for 1."""
    if len(items) <= number:
        return list(items)
    if number == 1:
        return list(items[-1:])
    return [items[round(i * (len(items) - 1) / (number - 1))] for i in range(number)]
