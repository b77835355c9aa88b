"""Calls a function in a new process, for tests that fork: where torch is loaded each fork copies its page tables."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor


def _without_waiting_for_the_disk() -> None:
    os.fsync = lambda handle: None


def called(function, *words):
    """What a function of a module returns there."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, _without_waiting_for_the_disk) as process:
        return process.submit(function, *words).result()
