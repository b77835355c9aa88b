"""Signals to a command that trains."""

import os
import signal

import pytest

from senet_lab.fleet.signals import asking_to_end
from senet_lab.training.stopping import SIGNALS, StopSign, meant


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP])
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


def test_a_signal_that_nohup_has_ignored_stays_ignored():
    """The end of a terminal then asks for nothing, here and of the processes that train together."""
    before, stop = signal.signal(signal.SIGHUP, signal.SIG_IGN), StopSign()
    try:
        with asking_to_end(stop):
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop.reason == ""
        assert signal.SIGHUP not in meant(SIGNALS)
        assert signal.SIGTERM in meant(SIGNALS)
    finally:
        signal.signal(signal.SIGHUP, before)
