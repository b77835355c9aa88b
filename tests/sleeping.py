"""What a child process runs in the tests of processes: it loads nothing but Python's own packages."""

import multiprocessing
import time


def sleeps():
    """Says that it is there, for as long as it is."""
    print("here", flush=True)
    time.sleep(60)


def has_a_child():
    """A worker with a loader process, as PyTorch starts them: daemonic, by a fork."""
    child = multiprocessing.get_context("fork").Process(target=sleeps, daemon=True)
    child.start()
    child.join()
