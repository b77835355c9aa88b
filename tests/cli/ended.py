"""The command, which a signal ends after a step that the environment names. Called as ``python -m tests.cli.ended``.

END_AT: the step of the run, from 1; END_BY: the signal's name; END_RANK: which of the processes gets it. A state is
saved after every second step. Processes that a fleet starts load this module too, so the same happens there; the signal
then goes to the command as well.
"""

import multiprocessing
import os
import signal

from senet_lab.cli.app import main
from senet_lab.training.run_state import Follower
from senet_lab.training.stopping import SavePlan, Wish

AT, BY, RANK = (os.environ.get(f"END_{name}", "") for name in ("AT", "BY", "RANK"))
after_step = Follower.after_step


def ended_after_step(self, epoch, steps):
    """As it is, and then the signal."""
    after_step(self, epoch, steps)
    if AT and epoch * self.state.protocol.steps_per_epoch + steps == int(AT) and os.environ.get("RANK", RANK) == RANK:
        number = signal.Signals[BY]
        if multiprocessing.parent_process() is not None:
            os.kill(os.getppid(), number)
        os.kill(os.getpid(), number)


def every_second_look(self):
    """Saves by the number of looks in place of the clock."""
    self.looks = getattr(self, "looks", 0) + 1
    return Wish.STOP if self.stop.reason else Wish(self.looks % 2)


Follower.after_step = ended_after_step
SavePlan.wish = every_second_look

if __name__ == "__main__":
    main()
