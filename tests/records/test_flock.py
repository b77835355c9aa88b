"""A lock ends where its holder leaves it, whichever processes were forked meanwhile."""

import os

from senet_lab.records.file_system import Flock, flock
from tests.children import exit_statuses, in_child


def test_a_child_that_was_forked_meanwhile_does_not_keep_the_lock(tmp_path):
    """As processes that load photos, which live longer than the run for which they were started."""
    ended, end = os.pipe()
    with flock(tmp_path / "run.lock") as first:
        child = in_child(lambda: (os.close(end), os.read(ended, 1)))
    try:
        with flock(tmp_path / "run.lock") as second, flock(tmp_path / "run.lock") as third:
            assert (first, second, third) == (Flock.HELD, Flock.HELD, Flock.BUSY)
    finally:
        os.close(end)
        assert exit_statuses([child]) == [0]
