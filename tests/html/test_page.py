"""The page: self-contained, the same from the same records, and every number leads to its record."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from senet_lab.html.charts import forest
from senet_lab.html.page import Contents, html_of, json_for_html, page_of
from senet_lab.html.runs import Origin
from senet_lab.html.sections import forests
from senet_lab.html.tables import html_table, sort_value
from senet_lab.report.blocks import Block
from senet_lab.report.load import load
from senet_lab.report.views import measured_views
from senet_lab.study import Row, SESpec
from senet_lab.study.counts import network_key
from tests.report.test_write import PRINTED
from tests.samples import (
    PLAIN,
    PROTOCOL,
    SE,
    SYNTHETIC,
    TABLE,
    comparison_of,
    comparisons_of,
    counted,
    failed,
    filled,
    finished,
    report_of_views,
)

pytest.importorskip("jinja2", reason="needs jinja2 (the extra html)")
pytest.importorskip("vl_convert", reason="needs vl-convert-python (the extra html)")

EVIL = "SE <img src=x onerror=alert(1)> </script>"
ROWS = (Row("plain", PLAIN, "ResNet-50"), Row(EVIL, SE, "SE-ResNet-50"))
NAMED = replace(TABLE, caption="A & <b>sample</b>", rows=ROWS)
SPEED = Block(
    "Images a second: a processor", ("network", "ours"), (("SE-net", "1000 (2.50)"),), ("Medians.",), label="s"
)
COUNTS = {network_key(SE): counted(138_870, 2_272, 17_462_272), network_key(PLAIN): counted(127_642, 2_272, 17_222_144)}


class Seen(HTMLParser):
    """Ids, links and outside sources of the page's elements; scripts and styles are not looked into."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.sources, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        for name in ("href", "src", "srcset", "action", "poster"):
            if name in given:
                (self.links if given[name].startswith("#") else self.sources).append(given[name])


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two rows, two seeds, one failed, under two protocols, with curves of six epochs."""
    cells = [replace(cell, protocol=p) for p in (PROTOCOL, SYNTHETIC) for cell in (PLAIN, SE)]
    records = [finished(cell, seed, 200 + 9 * i + seed) for i, cell in enumerate(cells) for seed in (0, 1)]
    root = tmp_path_factory.mktemp("results")
    filled(root, *records, failed(SE, 2), epochs=6)
    loaded = load(root, "results")
    compared = comparisons_of(NAMED, [loaded], numbers=PRINTED, counts=COUNTS)
    block = Block("None", ("a", "b"), (), (), label="none")
    contents = Contents(
        reports=[report_of_views(NAMED, [loaded], numbers=PRINTED, counts=COUNTS)],
        sources=[loaded],
        comparisons=compared,
        claims=[block],
        missing=(block, block),
        figures=[],
        speed=[SPEED],
        gates=[],
        origin_of=lambda run: Origin((f"table99 {EVIL}",), "senet-lab train table99"),
    )
    return page_of(contents)


@pytest.fixture(scope="module")
def text(page):
    return html_of(page)


@pytest.fixture(scope="module")
def seen(text):
    return Seen(text)


def test_every_link_leads_to_a_part_of_the_page(seen):
    """And no two parts share a name."""
    assert len(seen.links) > 10
    assert set() == {link[1:] for link in seen.links} - set(seen.ids)
    assert len(seen.ids) == len(set(seen.ids))


def test_the_page_asks_for_nothing(seen, text):
    """No element has a source outside the page, and the style none either."""
    style = text[text.index("<style>") : text.index("</style>")]

    assert seen.sources == ["data:,"]
    assert set() == {"iframe", "img", "object", "embed"} & set(seen.tags)
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_is_small(text):
    """Below five megabytes, most of it the script of the charts."""
    assert 0.5e6 < len(text.encode()) < 5e6


def test_the_same_records_give_the_same_bytes(page, text):
    """Nothing of the page depends on the clock or on the order of a set."""
    assert text == html_of(page)


def test_labels_stay_text(seen, text):
    """A row's name becomes neither an element nor the end of the data."""
    data = text[text.index('id="data">') + 10 :]
    read = json.loads(data[: data.index("</script>")])

    assert "img" not in seen.tags
    assert "&lt;b&gt;sample&lt;/b&gt;" in text
    assert EVIL in json.dumps(read["charts"])
    assert EVIL in read["copies"]["cvpr2018-table99-1"]["CSV"]


def test_a_measured_number_opens_its_record(page):
    """Measured error and difference link to the cell; what is published or counted does not."""
    ((table, *_),) = [view.tables for view in page.tables[0].views if view.label == "sample, results"]
    plain, se = table.lines

    assert ["", "", f"cell-{SE.key}", "", f"cell-{SE.key}", "", "", "", f"cell-{SE.key}", ""] == [c.link for c in se]
    assert plain[2].link == f"cell-{PLAIN.key}"


def test_a_record_says_where_it_comes_from(text):
    """Key, revision, device, hashes, versions, digest, command; a failed run says why."""
    part = text[text.index(f'id="cell-{SE.key}-seed-0"') :].partition("</details>")[0]
    said = ("0123456789", "a processor", "python 3.11", "data sha256, test", "digest of the file", "senet-lab train")

    assert [words for words in said if words not in part] == []
    assert "the loss is nan at step 7" in text


def test_speed_is_a_part_of_the_page(page, text):
    """With its note; without measurements there is none."""
    without = html_of(replace(page, speed=[]))

    assert ("Images a second: a processor" in text, "<li>Medians.</li>" in text) == (True, True)
    assert ('id="speed"' in text, 'id="speed"' in without, "#speed" in without) == (True, False, False)


def test_synthetic_data_are_marked(page):
    """Their view says so, and no forest plot of the first part has them."""
    views = {view.label: view.synthetic for view in page.tables[0].views}

    assert views == {"sample, results": False, "SYNTHETIC DATA, made-up, this machine": True,
            "published and counted": False}  # fmt: skip
    assert len(page.forests) == 1


def test_the_forest_plot_with_most_differences_is_the_first(tmp_path):
    """However its protocol is called: one with two measured differences stands before one with a single one."""
    other = replace(SE, se=SESpec(reduction=8))
    table = replace(NAMED, rows=(*NAMED.rows, Row("r=8", other)))
    few, many = (replace(PROTOCOL, name=name) for name in ("a-few", "most"))
    cells = [(PLAIN, few), (SE, few), (PLAIN, many), (SE, many), (other, many)]
    filled(tmp_path, *(finished(replace(cell, protocol=protocol)) for cell, protocol in cells))
    counts = COUNTS | {network_key(other): counted(1, 1, 1)}
    charts = forests([report_of_views(table, [load(tmp_path, "results")], counts=counts)])

    assert [re.search(r"protocol ([\w-]+)", chart.caption)[1] for chart in charts] == ["most", "a-few"]
    assert all("measured on CIFAR-10 with cifar_resnet11_bottleneck" in chart.caption for chart in charts)


def test_a_curve_stands_once(page):
    """Runs of five epochs and more are charts, and the chart of a table refers to them by name."""
    data = page.data()
    (spec,) = [chart.spec for chart in page.all_charts if chart.name == "cvpr2018-table99-1-curves"]

    assert {run["curve"] for run in spec["runs"]} <= data["curves"].keys()
    assert len(data["curves"][spec["runs"][0]["curve"]]["evaluation images"]) == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("29.82 (n = 1)", "29.82"),
        ("-2.41 ± 0.72 (n = 1, images only)", "-2.41"),
        ("+0.33", "0.33"),
        ("443,818", "443818"),
        ("–", ""),
        ("", ""),
        ("Lower", "lower"),
    ],
)
def test_cells_sort_by_their_number(text, expected):
    """By the number that they begin with, else by their words; a missing value has neither."""
    assert expected == sort_value(text)


def test_the_first_column_sorts_by_place():
    """It brings back the order of the paper: r=16 does not come before r=4."""
    block = Block("t", ("row", "n"), (("r=4", "1"), ("r=16", "2")), (), label="t")
    table = html_table(block, "t", "title", "csv")

    assert [line[0].sort for line in table.lines] == ["0", "1"]
    assert {"LaTeX", "CSV", "Markdown"} == table.copies.keys()
    assert (table.copies["CSV"], "tabular" in table.copies["LaTeX"]) == ("csv", True)
    assert table.words == (0,)


def test_json_cannot_end_its_script():
    """Whatever a label says."""
    written = json_for_html({"a": "</script><!--&"})

    assert not set("<>&") & set(written)
    assert json.loads(written) == {"a": "</script><!--&"}


def test_a_forest_has_the_interval(tmp_path):
    """From the same frame as the figure: low and high are the value less and plus its half-width."""
    cells = [PLAIN, SE]
    filled(tmp_path, *[finished(cell, seed, 200 + 20 * i + seed) for i, cell in enumerate(cells) for seed in (0, 1)])
    (view,) = measured_views(TABLE, [load(tmp_path, "results")])
    (line,) = forest([comparison_of(view)])["data"]["values"]

    assert line["measured_points"] == 2.0
    assert line["high"] - line["low"] == pytest.approx(2 * line["half_width_95"])
