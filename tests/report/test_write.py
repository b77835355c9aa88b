"""What a report writes, and where."""

import csv
import io
import json
from dataclasses import dataclass, replace

import pytest

from senet_lab.report.csv_tables import COLUMNS, WIDE_COLUMNS, table_csv, wide_csv
from senet_lab.report.figure_data import MADE, differences, errors
from senet_lab.report.figures import write_figures
from senet_lab.report.load import load, load_all
from senet_lab.report.published import Published, published_table
from senet_lab.report.views import measured_views
from senet_lab.report.write import write_report
from senet_lab.study import Row
from senet_lab.study.counts import network_key
from tests.samples import (
    PLAIN,
    PROTOCOL,
    SE,
    SYNTHETIC,
    TABLE,
    comparison_of,
    counted,
    failed,
    filled,
    finished,
    report_of_views,
)

COUNTS = {network_key(SE): counted(138_870, 2_272, 17_462_272), network_key(PLAIN): counted(127_642, 2_272, 17_222_144)}
PRINTED = [
    Published(
        edition="cvpr2018",
        table="T99",
        row=name,
        dataset="imagenet-val",
        metric="top1_error",
        unit="pct",
        value=value,
        protocol="some-recipe",
        confidence="verified",
        note="",
    )
    for name, value in (("ResNet-50", "24.80"), ("SE-ResNet-50", "23.29"))
]
NAMED = replace(TABLE, rows=(Row("plain", PLAIN, "ResNet-50"), Row("SE", SE, "SE-ResNet-50")))
MADE_UP = TABLE.under(SYNTHETIC)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Written:
    text: str
    paths: tuple


def write_of(root, table=NAMED, source="results"):
    """The report of a folder's records, with what it wrote below it."""
    found = report_of_views(table, load_all([(root, source)]), numbers=PRINTED, counts=COUNTS)
    return Written(found.text, write_report(found, root))


def report(root, *records, table=NAMED):
    """A report from these records alone, with what it wrote below ``root``."""
    filled(root, *records)
    return write_of(root, table)


def comparison(root, table=NAMED, source="results"):
    """The only view of a folder's records beside the published numbers."""
    (view,) = measured_views(table, [load(root, source)])
    return comparison_of(view, PRINTED, COUNTS)


def names_of(written):
    return [path.name for path in written.paths]


def both():
    return finished(PLAIN, 0, 210), finished(SE, 0, 200)


def test_synthetic_results_never_reach_the_committed_tables(tmp_path):
    """The demonstration's rows are in tables/demo and figures/demo only; the committed files do not name it."""
    written = report(tmp_path, *both(), *(finished(row.cell, 0, 300) for row in MADE_UP.rows))
    committed = [path for path in written.paths if "demo" not in path.parts]
    demo = [path for path in written.paths if "demo" in path.parts]

    assert {tmp_path / "tables" / f"cvpr2018-table99.{suffix}" for suffix in ("md", "csv", "tex")} < set(committed)
    assert len(demo) > len(committed)
    for path in committed:
        text = path.read_bytes().lower()
        assert b"synthetic" not in text
        assert b"made-up" not in text
    assert "measured on SYNTHETIC DATA" in (tmp_path / "tables" / "demo" / "cvpr2018-table99.md").read_text()
    assert "measured on SYNTHETIC DATA" in written.text


def test_only_synthetic_results_leave_the_committed_table_bare(tmp_path):
    """It shows the published numbers, and no measured block and no figure."""
    report(tmp_path, *(finished(row.cell) for row in MADE_UP.rows))

    assert "## Published beside measured" not in (tmp_path / "tables" / "cvpr2018-table99.md").read_text()
    assert not any(name.startswith("figures/cvpr") for name in files(tmp_path))
    assert any(name.startswith("figures/demo/cvpr") for name in files(tmp_path))


def test_a_report_says_what_it_compares(tmp_path):
    """Published difference, measured difference, split, n, device, revision, departures."""
    text = report(tmp_path, *both()).text
    (line,) = (line for line in text.splitlines() if line.startswith("| SE ") and "n = 1" in line)

    assert line.split("|")[2].strip() == "23.29"

    assert "-1.00 ± 0.62 (n = 1, images only)" in line
    assert "-1.51" in line
    for said in (
        "measured test top-1 err., %",
        "A sample",
        "on CIFAR-10, cifar_resnet11_bottleneck (",
        "Device a processor (device, 1 thread(s))",
        "revision 0123456789",
    ):
        assert said in text
    assert "Departure: it is never trained." in text


def test_a_table_without_records_is_the_published_one(tmp_path):
    """No measured block, no figure, no error."""
    written = report(tmp_path)

    assert files(tmp_path) == [
        "tables/cvpr2018-table99-notes.tex",
        "tables/cvpr2018-table99-wide.csv",
        "tables/cvpr2018-table99.csv",
        "tables/cvpr2018-table99.md",
        "tables/cvpr2018-table99.tex",
    ]
    assert "24.80" in written.text
    assert "## Published beside measured" not in written.text


def test_failed_runs_alone_make_a_table_and_no_figure(tmp_path):
    """Nothing can be drawn of them; the table lists them."""
    written = report(tmp_path, failed(SE, 0))

    assert "Failed runs of SE, in no mean: seed 0." in written.text
    assert not any(name.startswith("figures") for name in files(tmp_path))


def test_reports_come_out_the_same_twice(tmp_path, drawn_in):
    """Tables and figures from the same records are the same bytes, a second time and in another folder."""
    filled(tmp_path / "a", *both(), epochs=5)
    filled(tmp_path / "b", *reversed(both()), epochs=5)
    found = []
    for root in (tmp_path / "a", tmp_path / "b"):
        written = write_of(root)
        found.append({str(path.relative_to(root)): path.read_bytes() for path in written.paths})

    assert len(found[0]) == 5 + 3 * (1 + len(drawn_in))
    assert {"md", "csv", "tex", *drawn_in} == {name.rpartition(".")[2] for name in found[0]}
    assert found[0] == found[1]


def test_a_figure_has_its_numbers_beside_it(tmp_path):
    """The CSV of a figure holds what is drawn: a line a run, and a line a compared row."""
    filled(tmp_path, *both(), finished(SE, 1, 220))
    found = comparison(tmp_path)
    write_figures(found, tmp_path / "figures")
    stem = tmp_path / "figures" / "cvpr2018-table99-sample"
    drawn = errors(found.view)
    assert list(drawn[["row", "seed", "top1_error_pct", "in_mean"]].itertuples(index=False, name=None)) == [
        ("plain", 0, 21.0, True),
        ("SE", 0, 20.0, True),
        ("SE", 1, 22.0, False),  # the plain row lacks the seed, so no mean contains it
    ]
    assert set(drawn[list(MADE)].itertuples(index=False, name=None)) == {
        ("sample", "cifar10", "test", "final", "a processor", "0123456789")
    }
    assert {*MADE} <= {*differences(found).columns}
    written = rows_of(stem.with_name(stem.name + "-errors.csv").read_text())
    assert [[*line] for line in written] == [[*drawn.columns]] * 3
    (line,) = rows_of(stem.with_name(stem.name + "-forest.csv").read_text())
    assert line == {
        "table": "table99",
        "row": "SE",
        "baseline": "plain",
        "published_points": "-1.51",
        "published_dataset": "CIFAR-10",
        "measured_points": "-1.0",
        "dataset": "CIFAR-10",
        "half_width_95": "0.617",
        "interval_over": "images",
        "seeds": "1",
        "failed_seeds": "0",
        "verdict": "one seed: no test",
        **dict(zip(MADE, ("sample", "CIFAR-10", "test", "final", "a processor", "0123456789"), strict=True)),
    }


def test_another_folder_does_not_touch_the_committed_figures(tmp_path):
    """The names of its figures carry the folder's name."""
    filled(tmp_path / "mine", *both())
    paths = write_figures(comparison(tmp_path / "mine", source=str(tmp_path / "mine")), tmp_path / "figures")

    assert {f"cvpr2018-table99-sample-mine-{name}" for name in ("forest", "errors")} == {path.stem for path in paths}


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_tells_sources_apart(tmp_path):
    """Published, computed and measured values stand on lines of their own, each with its unit."""
    filled(tmp_path, *both())
    lines = rows_of(table_csv(published_table(NAMED, PRINTED), COUNTS, [comparison(tmp_path)]))

    assert {
        source: sum(line["source"] == source for line in lines) for source in ("published", "computed", "results")
    } == {"published": 2, "computed": 6, "results": 5}
    assert {"23.29"} == {line["value"] for line in lines if line["source"] == "published" and line["row"] == "SE"}
    assert set(COLUMNS) == set(lines[0])
    assert all(line["unit"] for line in lines)


def test_the_csv_names_the_seeds_of_each_number(tmp_path):
    """A mean and a difference are over the seeds that the baseline has too; n is their number."""
    filled(tmp_path, finished(PLAIN, 1, 230), finished(SE, 0, 200), finished(SE, 1, 210))
    lines = rows_of(table_csv(published_table(TABLE, []), COUNTS, [comparison(tmp_path, TABLE)]))
    found = {line["metric"]: line for line in lines if line["source"] == "results" and line["row"] == "SE"}

    error = found["top1_error_pct"]
    assert tuple(error[name] for name in ("value", "half_width_95", "n", "seeds")) == ("21.0", "", "1", "1")
    assert tuple(
        found["top1_error_difference"][name]
        for name in ("value", "half_width_95", "interval_over", "n", "seeds", "baseline", "unit")
    ) == ("-2.0", "0.8681", "images", "1", "1", "plain", "points")


def test_a_companion_says_that_it_is_one(tmp_path):
    """Under another protocol than the paper's, sizes are not to be compared, and the published difference is marked."""
    other = replace(PROTOCOL, name="other", epochs=3)
    text = report(tmp_path, *(finished(row.cell) for row in NAMED.under(other).rows)).text

    assert "published difference, points (CIFAR-10)" in text
    assert "A companion of the paper's table: other schedule." in text
    assert "Compare signs and order, not sizes." in text


def test_photos_that_were_left_out_are_told(tmp_path):
    """A run that skipped damaged photos says so below its table; the others need no word."""
    record = finished(NAMED.rows[0].cell)
    skipped = replace(record, provenance=replace(record.provenance, skipped_photos=3))

    assert "Damaged training photos were left out: 3 of a run, or fewer." in report(tmp_path / "a", skipped).text
    assert "Damaged" not in report(tmp_path / "b", record).text


def test_a_report_that_cannot_be_written_is_an_error(tmp_path):
    """A file where the folder belongs: OSError, which a command turns into one line."""
    (tmp_path / "tables").write_text("a file")

    with pytest.raises(OSError, match="tables"):
        report(tmp_path)


def test_the_wide_csv_has_both_sides_under_one_name(tmp_path):
    """A line a row and source, with timm's names; a published and a measured error stand in one column."""
    filled(tmp_path, *both())
    lines = rows_of(wide_csv(published_table(NAMED, PRINTED), [comparison(tmp_path)]))
    se = {line["source"]: line for line in lines if line["row"] == "SE"}

    assert set(WIDE_COLUMNS) == set(lines[0])
    assert (se["published"]["top1_err"], se["results"]["top1_err"]) == ("23.29", "20.0")
    assert (se["published"]["top1"], se["results"]["top1"]) == ("76.71", "80.0")
    assert tuple(se[source]["top1_err_difference"] for source in ("published", "results")) == ("-1.51", "-1.0")
    assert (se["results"]["param_count"], se["results"]["verdict"]) == ("0.139", "one seed: no test")
    assert (se["results"]["difference_interval_over"], se["results"]["adjusted_p"]) == ("images", "")
    assert (se["results"]["split"], se["results"]["selection"]) == ("test", "final")
    assert se["results"]["device"] == both()[0].provenance.device


def test_a_report_is_numbers_for_programs(tmp_path):
    """Values with units; what is not there is null."""
    filled(tmp_path, *both())
    found = report_of_views(NAMED, [load(tmp_path, "results")], numbers=PRINTED, counts=COUNTS)
    (view,) = json.loads(json.dumps(found.as_data(())))["views"]
    plain, se = view["rows"]

    assert se["top1_err"]["published"] == {"value": 23.29, "unit": "%"}
    assert se["top1_err"]["measured"] == {"value": 20.0, "unit": "%", "half_width_95": None, "n": 1}
    assert se["top1_err_difference"]["published"] == {"value": -1.51, "unit": "percentage points"}
    assert (se["top1_err_difference"]["measured"]["value"], se["verdict"]) == (-1.0, "one seed: no test")
    assert se["param_count"] == {"published": None, "measured": {"value": 138_870, "unit": "1"}}
    assert (plain["baseline"], plain["verdict"], plain["top1_err_difference"]["measured"]) == (None, None, None)


def test_curves_need_five_epochs(tmp_path):
    """Four points are no curve; with five the figure is there."""
    filled(tmp_path / "short", *both(), epochs=4)
    filled(tmp_path / "long", *both(), epochs=5)

    assert not any("curves" in name for name in names_of(write_of(tmp_path / "short")))
    assert "cvpr2018-table99-sample-curves.csv" in names_of(write_of(tmp_path / "long"))
