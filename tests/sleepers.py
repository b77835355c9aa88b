"""Contenders for races in tests; alone, so that their processes load nothing else."""

import time


def sleeper(pace, seconds):
    """A step is a nap."""
    while True:
        time.sleep(seconds)
        pace()


def broken(pace):
    """Its first step fails."""
    raise ValueError("no step")
