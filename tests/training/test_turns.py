"""Who may do what at the same time on a device that threads share."""

import threading

import pytest

from senet_lab.training.turns import Turns


def started(function):
    """A thread that has begun to call a function."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_shared_turns_are_at_the_same_time():
    """Two threads meet inside theirs."""
    turns, meeting, met = Turns(), threading.Barrier(2), []

    def share():
        with turns.shared():
            met.append(meeting.wait(timeout=60))

    threads = [started(share) for _ in range(2)]
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(met) == [0, 1]


def test_a_turn_alone_waits_for_those_that_share_and_they_for_it():
    """No thread sees another's turn while it is alone, however many there are."""
    turns, inside, seen = Turns(), [], []

    def work(alone):
        for _ in range(50):
            with turns.alone() if alone else turns.shared():
                inside.append(alone)
                seen.append((alone, list(inside)))
                inside.remove(alone)

    threads = [started(lambda alone=alone: work(alone)) for alone in (True, False, False, True)]
    for thread in threads:
        thread.join(timeout=60)

    assert len(seen) == 200
    assert all(there == [True] if alone else True not in there for alone, there in seen)


def test_who_waits_to_be_alone_goes_before_who_comes_later():
    """Otherwise steps of the neighbours would keep it waiting for ever."""
    turns, order = Turns(), []
    with turns.shared():

        def be_alone():
            with turns.alone():
                order.append("alone")

        first = started(be_alone)
        while not turns._waiting:
            pass

        def share():
            with turns.shared():
                order.append("shared")

        second = started(share)
    for thread in (first, second):
        thread.join(timeout=60)

    assert order == ["alone", "shared"]


@pytest.mark.parametrize("kind", ["shared", "alone"])
def test_an_error_ends_a_turn(kind):
    """The next thread has its turn."""
    turns = Turns()
    with pytest.raises(KeyError), getattr(turns, kind)():
        raise KeyError

    with turns.alone():
        pass
