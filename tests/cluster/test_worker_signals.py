"""A worker of a queue whose command is interrupted by the queue's signal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("submitit")
ROOT = Path(__file__).parents[2]
# As submitit does: the worker runs in the main thread, and the signal's handler calls checkpoint() in that thread.
JOB = """
import os, signal, sys
from senet_lab.fleet import submit

submit.PROGRAM = (sys.executable, "-c")
command = (
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(75)); "
    "print('trains', flush=True); signal.pause()"
)
worker = submit.Worker((command,))

def requeue(*_):
    again = worker.checkpoint()
    print(type(again).__name__, worker.process.returncode, flush=True)
    os._exit(0)

signal.signal(signal.SIGUSR2, requeue)
worker()
"""


def test_a_worker_that_is_told_to_end_while_it_trains_is_queued_again():
    """The command saves and ends with 75, and the same work goes back to the queue."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    job = subprocess.Popen([sys.executable, "-c", JOB], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert job.stdout.readline() == "trains\n"
        job.send_signal(signal.SIGUSR2)
        out, _ = job.communicate(timeout=60)
    finally:
        job.kill()

    assert (out, job.returncode) == ("DelayedSubmission 75\n", 0)
