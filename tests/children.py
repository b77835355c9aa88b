"""Processes that a test forks."""

import os
import warnings


def in_child(work, *words) -> int:
    """Starts a process that does some work; returns its number. Its exit status is 1 where the work raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the child does not use
        child = os.fork()
    if child == 0:
        try:
            work(*words)
            os._exit(0)
        finally:
            os._exit(1)
    return child


def exit_statuses(children) -> list[int]:
    """The exit statuses of such processes, once they have ended."""
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
