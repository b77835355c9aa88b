"""Signals to a command that trains."""

import os
import signal

import pytest

from senet_lab.fleet.signals import asking_to_end
from senet_lab.training.stopping import StopSign


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_the_first_signal_asks(number):
    """By its name; afterwards signals mean what they meant before."""
    before, stop = signal.getsignal(number), StopSign()
    with asking_to_end(stop):
        os.kill(os.getpid(), number)

    assert stop.reason == number.name
    assert signal.getsignal(number) is before


def test_a_second_interrupt_ends_at_once():
    """For those who do not want to wait for the end of a step."""
    stop = StopSign()
    stop.ask("the first")
    with asking_to_end(stop), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
