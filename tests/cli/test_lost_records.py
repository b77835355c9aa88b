"""A rebuild never replaces tables by poorer ones unless it is told to."""

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.study import Run
from tests.samples import counted, failed, filled, finished, one_line

CIFAR7 = studies.table_under(catalogue.find_table("table7"), "cifar10-quick")
RUNS = [Run(cell=CIFAR7.row(label).cell, seed=0) for label in ("original", "r=16")]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Two recorded runs; networks are not counted, which takes torch, and no figures are drawn."""
    from senet_lab.cli import network_counts
    from senet_lab.study.counts import network_key

    monkeypatch.setattr("senet_lab.report.figures.write_figures", lambda *_: [])
    monkeypatch.setattr(network_counts, "count", lambda cells: {network_key(cell): counted(1, 1, 1) for cell in cells})
    return filled(tmp_path / "results", *(finished(run.cell) for run in RUNS))


def shown(tmp_path):
    return (tmp_path / "results" / "tables" / "cvpr2018-table7.csv").read_text()


def test_a_record_that_went_away_stops_a_rebuild(senet_lab, store, tmp_path):
    """It is named; nothing is written, by any command that would; told so, the table becomes what is left."""
    assert senet_lab("report", "table7")[0] == 0
    before = shown(tmp_path)
    path = store.path(RUNS[1])
    path.unlink()
    for words in (["report", "table7"], ["report-all"], ["claims"]):
        status, out, err = senet_lab(*words)
        assert (status, out) == (2, "")
        assert one_line(err).startswith("senet-lab: 1 runs that results/tables shows have no record any more (cifar10-")
        assert f"{RUNS[1].cell.key}/seed-0.json" in err
        assert "--allow-fewer" in err
    assert shown(tmp_path) == before

    assert senet_lab("report", "table7", "--allow-fewer")[0] == 0
    assert RUNS[1].cell.key in before
    assert RUNS[1].cell.key not in shown(tmp_path)


@pytest.mark.parametrize("lost", ["failed", "without a baseline"])
def test_a_record_that_enters_no_mean_is_missed_too(senet_lab, store, tmp_path, lost):
    """A run that diverged, and a seed that the baseline lacks: without them the page would say something else."""
    run = Run(cell=RUNS[1].cell, seed=1)
    store.write(failed(run.cell, 1) if lost == "failed" else finished(run.cell, 1))
    assert senet_lab("report", "table7")[0] == 0
    store.path(run).unlink()
    status, out, err = senet_lab("report", "table7")

    assert (status, out) == (2, "")
    assert f"{run.cell.key}/seed-1.json" in one_line(err)


def test_more_runs_are_welcome(senet_lab, store, tmp_path):
    """Another seed, and a table that was not there."""
    senet_lab("report", "table7")
    filled(store.root, finished(RUNS[0].cell, seed=1))

    assert senet_lab("report", "table7")[0] == 0
    assert ",0 1," in shown(tmp_path)


def test_a_folder_that_cannot_be_read_stops_a_rebuild(senet_lab, store, tmp_path):
    """A file in the place of the records is not "no records"."""
    senet_lab("report", "table7")
    before = shown(tmp_path)
    store.root.joinpath("records").rename(tmp_path / "elsewhere")
    store.root.joinpath("records").write_text("")
    for words in (["report", "table7"], ["report-all"], ["claims"], ["plan", "table7"]):
        status, _, err = senet_lab(*words)
        assert status == 2
        assert one_line(err) == "senet-lab: results/records is a file, though a folder belongs there; move it away"
    assert shown(tmp_path) == before
