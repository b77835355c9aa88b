"""A run survives kills, full disks and odd file systems: a part of ``python -m benchmarks.faults``."""

import pytest

from benchmarks import faults
from tests.new_process import called

QUICK = 53  # of all calls each so many


def scores(place, every):
    return list(faults.scores(place, every))


def score_without_tidying(place):
    """The score of a command that does not tidy up."""
    faults.tidy = lambda *_: None
    faults.run_command(place / "whole", None)
    expected = faults.contents(place / "whole")
    fault = faults.Fault(None, None, ("write",), half=True)
    return faults.at_every_call("killed", fault, place / "x", expected, every=4)


def test_some_faults_of_every_kind_are_survived(tmp_path):
    """After each the same command finishes, and all files are those of a run that nothing happened to."""
    found = called(scores, tmp_path, QUICK)

    assert {score.kind: score.lost for score in found} == {score.kind: () for score in found}
    assert len(found) == 12
    assert sum(score.tried for score in found) > 12


@pytest.mark.slow
def test_every_fault_is_survived(tmp_path):
    """At each call to the file system."""
    found = called(scores, tmp_path, 1)

    assert {score.kind: score.lost for score in found} == {score.kind: () for score in found}
    assert sum(score.tried for score in found) > 650


def test_a_fault_that_is_not_survived_is_seen(tmp_path):
    """A command that does not tidy up leaves what a killed one left, and the score says where."""
    score = called(score_without_tidying, tmp_path)

    assert score.survived < score.tried
    assert "files differ" in score.lost[0]
