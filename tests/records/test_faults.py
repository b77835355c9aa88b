"""A run survives kills, full disks and odd file systems: a part of ``python -m benchmarks.faults``."""

import pytest

from benchmarks import faults

QUICK = 53  # of all calls each so many


def test_some_faults_of_every_kind_are_survived(tmp_path):
    """After each the same command finishes, and all files are those of a run that nothing happened to."""
    found = list(faults.scores(tmp_path, QUICK))

    assert {score.kind: score.lost for score in found} == {score.kind: () for score in found}
    assert len(found) == 12
    assert sum(score.tried for score in found) > 12


@pytest.mark.slow
def test_every_fault_is_survived(tmp_path):
    """At each call to the file system."""
    found = list(faults.scores(tmp_path))

    assert {score.kind: score.lost for score in found} == {score.kind: () for score in found}
    assert sum(score.tried for score in found) > 650


def test_a_fault_that_is_not_survived_is_seen(tmp_path, monkeypatch):
    """A command that does not tidy up leaves what a killed one left, and the score says where."""
    monkeypatch.setattr(faults, "tidy", lambda *_: None)
    faults.run_command(tmp_path / "whole", None)
    expected = faults.contents(tmp_path / "whole")
    fault = faults.Fault(None, None, ("write",), half=True)
    score = faults.at_every_call("killed", fault, tmp_path / "x", expected, every=4)

    assert score.survived < score.tried
    assert "files differ" in score.lost[0]
