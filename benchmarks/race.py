"""Measures contenders in turn: each has a process of its own, which wakes for a slice of steps, round after round.

A disturbance of the machine slows all contenders of a round alike, so ratios within a round are more exact than times.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from senet_lab.training.settings import Settings, prepare_child

Pace = Callable[[], None]


class Finished(Exception):
    """The race is over; raised inside a contender's process."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One of several programs to compare.

    run: ``run(pace, **options)`` trains for ever and calls ``pace`` after every step. images: how many one step has.
    threads: of each process. copies: how many processes run at once and count together. ours: whether torch's switches
    are set as this project sets them; others keep torch's defaults, which on CUDA are faster.
    """

    name: str
    run: Callable[..., None]
    options: Mapping[str, Any]
    images: int
    threads: int
    copies: int = 1
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Slices:
    """How much is measured.

    rounds: how often each contender has its turn. steps: the timed steps of a slice. settle: untimed steps before them,
    which use up prefetched batches. warm_up: steps before the first slice; compilation happens in them.
    """

    rounds: int
    steps: int
    settle: int = 4
    warm_up: int = 6


def race(contenders: Sequence[Contender], slices: Slices, say: Callable[[str], None]) -> dict[str, list[float]]:
    """The seconds per step of every contender, one entry for each round.

    For a contender with copies it is the time divided by their number, since they do steps at the same time. say:
    prints progress. Raises RuntimeError where a contender's process ends.
    """
    crews = {}
    try:
        for contender in contenders:
            begun = time.perf_counter()
            crews[contender.name] = [_hire(contender) for _ in range(contender.copies)]
            _slice(crews[contender.name], slices.warm_up, 0, contender)
            say(f"{contender.name}: ready after {time.perf_counter() - begun:.0f} s")
        found: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        for number in range(slices.rounds):
            for contender in contenders:
                seconds = _slice(crews[contender.name], slices.steps, slices.settle, contender)
                found[contender.name].append(seconds / slices.steps / contender.copies)
            say(f"round {number + 1} of {slices.rounds}: " + _line(found))
        return found
    finally:
        for crew in crews.values():
            for process, connection in crew:
                connection.close()
                process.terminate()
                process.join()


def _line(found: Mapping[str, Sequence[float]]) -> str:
    return ", ".join(f"{name} {1000 * times[-1]:.1f} ms" for name, times in found.items())


Crew = list[tuple[multiprocessing.process.BaseProcess, Connection]]


def _slice(crew: Crew, steps: int, settle: int, contender: Contender) -> float:
    """Lets all copies run a slice, and returns the longest time that a copy took, in seconds."""
    for _, connection in crew:
        connection.send((steps, settle))
    try:
        return max(connection.recv() for _, connection in crew)
    except EOFError:
        raise RuntimeError(f"the contender {contender.name!r} ended before the race; see its message above") from None


def _hire(contender: Contender) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    prepare_child(Settings(contender.options.get("device", "cpu"), contender.threads))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_contend, args=(theirs, contender))
    process.start()
    theirs.close()
    return process, ours


class _Pace:
    """Counts steps, and sleeps between slices."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.left = self.settle = 0
        self.begun = 0.0
        self.wait()

    def wait(self) -> None:
        try:
            self.left, self.settle = self.connection.recv()
        except EOFError:
            raise Finished from None
        self.begun = time.perf_counter()

    def __call__(self) -> None:
        if self.settle:
            self.settle -= 1
            if not self.settle:
                _synchronise()
                self.begun = time.perf_counter()
            return
        self.left -= 1
        if not self.left:
            _synchronise()
            self.connection.send(time.perf_counter() - self.begun)
            self.wait()


def _synchronise() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _contend(connection: Connection, contender: Contender) -> None:
    import torch

    from senet_lab.training.numerics import set_switches

    if contender.ours:
        set_switches(contender.threads)
    else:
        torch.set_num_threads(contender.threads)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for progress bars; it stays open as long as the process lives
    try:
        contender.run(_Pace(connection), **contender.options)
    except Finished:
        return
