"""The commands: what they print for people and for programs, and how they answer a wrong name."""

import errno
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from unittest.mock import Mock

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.report import write
from senet_lab.study.cell import runs_of
from tests.samples import filled, finished, one_line

TABLE7 = catalogue.find_table("table7")
SUFFIXES = (".md", ".csv", "-wide.csv", ".tex", "-notes.tex")
CIFAR7 = studies.table_under(TABLE7, "cifar10-quick")
DEMO7 = studies.table_under(TABLE7, "demo")


def test_list_names_every_table_and_protocol_on_a_line(senet_lab):
    """One line each, with the names that may be typed, and two headings."""
    status, out, err = senet_lab("list")
    lines = out.splitlines()

    assert (status, err) == (0, "")
    assert len(catalogue.tables()) + len(catalogue.protocols()) + 2 + 3 == len(lines)  # imagenet, paper, -photos400
    assert "  table7, reduction " in out
    assert "  tpami-table12, gate, tpami-gate " in out


def test_list_loads_nothing_heavy(tmp_path):
    """No package but the one that parses commands: the answer comes at once, in a folder with nothing in it."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr))\n"
        "from senet_lab.__main__ import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "list"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    heavy = {"torch", "torchvision", "pytorch_lightning", "numpy", "pandas", "scipy", "matplotlib", "seaborn", "PIL"}

    assert done.returncode == 0
    assert "'senet_lab'" in done.stderr
    assert [name for name in heavy if f"'{name}'" in done.stderr] == []
    assert list(tmp_path.iterdir()) == []


def test_list_for_programs(senet_lab):
    """Tables with names, edition, number, caption and rows; protocols with name and title."""
    status, out, _ = senet_lab("list", "--json")
    data = json.loads(out)
    (table7,) = (table for table in data["tables"] if table["name"] == "table7")

    assert status == 0
    assert table7 == {
        "name": "table7",
        "aliases": ["reduction"],
        "edition": "cvpr2018",
        "number": "7",
        "caption": "SE-ResNet-50 at different reduction ratios",
        "rows": ["original", "r=4", "r=8", "r=16", "r=32"],
    }
    assert [protocol.name for protocol in catalogue.protocols()] == [entry["name"] for entry in data["protocols"]]
    assert all({"name", "title"} == set(entry) and entry["title"] for entry in data["protocols"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "tabel7"], "no table is called 'tabel7'; the nearest is 'table7'"),
        (["report", "table70"], "no table is called 'table70'; the nearest is 'table7'"),
        (["reproduce", "reducton"], "no table is called 'reducton'; the nearest is 'reduction'"),
        (["train", "tpami-tabel12"], "no table is called 'tpami-tabel12'; the nearest is 'tpami-table12'"),
        (["conform", "gats"], "no table is called 'gats'; the nearest is 'gate'"),
        (["plan", "table7", "--protocol", "cifr10"], "no protocol is called 'cifr10'; the nearest is 'cifar10'"),
        (
            ["train", "table7", "--protocol", "imagent"],
            "no protocol is called 'imagent'; the nearest is 'imagenet'",
        ),
        (["plan", "table7", "--row", "r=6"], "table7 has no row 'r=6'; the nearest is 'r=16'"),
        (["train", "table7", "--row", "Original"], "table7 has no row 'Original'; the nearest is 'original'"),
        (["train", "table7", "--device", "tpu"], "device 'tpu' is none of auto, cpu, cuda, cuda:N"),
        (["plan", "table2", "--protocol", "cifar10"], "table2 has no companion of resnet50 for cifar10"),
        (["plan", "missing.py"], "missing.py is no Python file"),
    ],
)
def test_a_wrong_name_is_one_line(senet_lab, words, said):
    """Exit status 2, nothing on stdout, and the nearest name where there is one."""
    status, out, err = senet_lab(*words)

    assert (status, out) == (2, "")
    assert one_line(err).startswith(f"senet-lab: {said}")


@pytest.mark.parametrize(
    "words",
    [["plan"], ["plan", "table7", "--seeds", "0"], ["plan", "table7", "--lr", "1"], ["tabels"], ["train", "--x"]],
)
def test_a_wrong_option_is_exit_status_2(senet_lab, words):
    """As typer says it; there is no option for any hyperparameter."""
    status, out, err = senet_lab(*words)

    assert (status, out) == (2, "")
    assert "Error" in err


def test_a_plan_names_what_is_missing_and_its_cost(senet_lab, tmp_path):
    """One line a run and one with the cost; the recorded run is not counted."""
    filled(tmp_path / "results", finished(DEMO7.row("r=16").cell))
    status, out, err = senet_lab("plan", "table7")
    lines = out.splitlines()

    assert (status, err, len(lines)) == (0, "", 6)
    assert [line.split("  ")[-1] for line in lines[:5]] == ["not run", "not run", "not run", "finished", "not run"]
    assert lines[5].startswith("4 of 5 runs are not recorded: about ")


def test_a_row_is_planned_with_its_baseline(senet_lab):
    """--row r=8 is two runs a seed: itself and the plain network."""
    _, out, _ = senet_lab("plan", "table7", "--row", "r=8", "--seeds", "2", "--json")

    assert [f"table7 {row} seed {seed}" for seed in (0, 1) for row in ("original", "r=8")] == [
        entry["label"] for entry in json.loads(out)
    ]


def test_a_plan_for_programs(senet_lab):
    """One object a run, with these entries; --dry-run of the other commands says the same and trains nothing."""
    _, out, _ = senet_lab("plan", "table7", "--protocol", "cifar10", "--json")
    first = json.loads(out)[0]

    assert {"label", "backbone", "protocol", "key", "seed", "status", "train_seconds", "estimated_from"} == set(first)
    assert tuple(first[name] for name in ("label", "backbone", "protocol", "seed", "status", "train_seconds")) == (
        "table7 original seed 0",
        "cifar_resnet29_bottleneck",
        "cifar10",
        0,
        "not run",
        None,
    )
    for command in ("train", "reproduce"):
        assert out == senet_lab(command, "table7", "--protocol", "cifar10", "--dry-run", "--json")[1]


def test_what_is_recorded_is_not_trained_again(senet_lab, tmp_path):
    """With every run recorded, train says so and does nothing."""
    filled(tmp_path / "results", *(finished(run.cell, run.seed) for run in runs_of(DEMO7.cells, 2)))
    status, out, err = senet_lab("train", "table7", "--seeds", "2", "--json")

    assert (status, json.loads(out)) == (0, {"trained": []})
    assert one_line(err) == "table7: all 10 runs are recorded, nothing to train"


def test_an_interrupt_is_explained(senet_lab, monkeypatch):
    """Ctrl-C: exit status 130, and that nothing is lost."""

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(catalogue, "listing", interrupt)
    status, _, err = senet_lab("list")

    assert status == 130
    assert one_line(err) == "senet-lab: interrupted; what was finished is kept, and the same command goes on"


def test_conform_for_programs(senet_lab):
    """An object a published figure with these entries; all of table 7 match."""
    status, out, err = senet_lab("conform", "table7", "--json")
    figures = json.loads(out)

    assert (status, err, len(figures)) == (0, "", 5)
    names = {"edition", "table", "row", "metric", "published", "computed", "matched", "convention", "note"}
    assert [names] * 5 == [set(figure) for figure in figures]
    assert tuple(figures[0][name] for name in ("edition", "table", "row", "metric", "published", "matched")) == (
        "cvpr2018",
        "T7",
        "ResNet-50",
        "params",
        25.6,
        True,
    )
    assert all(figure["matched"] and figure["convention"] for figure in figures)


def test_conform_fails_where_a_figure_no_longer_matches(senet_lab, tmp_path, monkeypatch):
    """A published 25.6 that reads 25.7 is exit status 1 and names the figure."""
    folder = tmp_path / "published"
    shutil.copytree(catalogue.published_folder(), folder)
    text = (folder / "cvpr2018.csv").read_text()
    line = "cvpr2018,T7,ResNet-50,imagenet-val,params,M,25.6"
    assert line in text
    (folder / "cvpr2018.csv").write_text(text.replace(line, line[:-1] + "7"))
    monkeypatch.setattr(catalogue, "published_folder", lambda: folder)
    status, _, err = senet_lab("conform", "table7")

    assert status == 1
    assert one_line(err) == "no longer matches: cvpr2018 T7 ResNet-50 params"


def test_a_report_for_programs(senet_lab, tmp_path):
    """The files that were written, the published numbers with their units, and no view without records."""
    status, out, _ = senet_lab("report", "table7", "--json")
    data = json.loads(out)

    assert status == 0
    assert [f"results/tables/cvpr2018-table7{suffix}" for suffix in SUFFIXES] == data["files"]
    assert (data["table"], data["views"]) == ("table7", [])
    assert data["published"][0] == {
        "row": "original",
        "top1_error": {"value": 24.8, "unit": "%"},
        "top5_error": {"value": 7.48, "unit": "%"},
        "params": {"value": 25.6, "unit": "million"},
    }


@pytest.mark.parametrize("words", [["report", "table7"], ["report", "table7", "--json"], ["claims"]])
def test_a_report_is_printed_where_it_cannot_be_written(senet_lab, tmp_path, monkeypatch, words):
    """As in a results folder of somebody else. What could not be written is said, and the status is not zero."""
    filled(tmp_path / "results", *(finished(row.cell, 0) for row in CIFAR7.rows))
    _, printed, _ = senet_lab(*words)
    monkeypatch.setattr(write, "replace_file", Mock(side_effect=OSError(errno.EROFS, "Read-only file system", "here")))
    status, out, err = senet_lab(*words)

    files = re.compile(r'"files": \[.*?\]', re.DOTALL)
    assert len(printed) > 1000
    assert files.sub("", printed) == files.sub("", out)
    assert (status, one_line(err)) == (1, "senet-lab: here: Read-only file system")


def test_latex_and_columns_are_chosen(senet_lab, tmp_path):
    """--latex prints floats, --columns those of the comparison; the files that are written do not change."""
    filled(tmp_path / "results", *(finished(row.cell, 0) for row in CIFAR7.rows))
    _, whole, _ = senet_lab("report", "table7")
    before = (tmp_path / "results" / "tables" / "cvpr2018-table7.md").read_bytes()
    status, out, _ = senet_lab("report", "table7", "--latex", "--columns", "row,measured")

    assert (status, before) == (0, (tmp_path / "results" / "tables" / "cvpr2018-table7.md").read_bytes())
    assert out.startswith(r"\begin{table}[t]")
    assert r"r=16 & 20.00 (n = 1) \\" in out
    assert "| published top-1" in whole
    status, _, err = senet_lab("report", "table7", "--columns", "error")
    assert (status, one_line(err)[:44]) == (2, "senet-lab: no column is called 'error'; ther")


def test_every_public_name_is_still_there():
    """Values, networks, Lightning's classes and trained networks; torch is loaded when it is needed."""
    import senet_lab

    values = {"SESpec", "BlockSpec", "Cell", "Run", "Row", "Table", "Protocol", "Schedule", "own_block", "StudyError"}
    choices = {"Excitation", "Gate", "Integration", "Squeeze"}
    claims = {"Claim", "Higher", "LargerGain", "Lower", "NotWorse", "Equivalent", "Costs", "Quantity"}
    assert values | choices | claims | {"build_model", "load", "SENetModule", "SENetData"} == set(senet_lab.__all__)
    assert senet_lab.build_model("cifar_resnet20", replace(senet_lab.SESpec(), reduction=4), 10) is not None
    with pytest.raises(AttributeError, match="no attribute 'build_models'"):
        _ = senet_lab.build_models
