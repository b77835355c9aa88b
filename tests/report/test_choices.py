"""Where the paper says nothing about a network, or a network departs from its source, the pages say it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab.models.registry import model_names
from senet_lab.report.choices import OF_NETWORKS, OF_SE, UNSAID, choices_of
from senet_lab.report.load import load
from senet_lab.report.notes import notes_of
from senet_lab.study import SESpec
from tests.samples import PLAIN, SE, TABLE, comparisons_of, filled, finished

BACKBONES = Path(__file__).parents[2] / "senet_lab" / "models" / "backbones"


def test_every_beginning_is_that_of_a_network():
    """None stands for a network that was renamed."""
    beginnings = [name for names in (*OF_NETWORKS, *OF_SE) for name in names]

    assert [name for name in beginnings if not any(one.startswith(name) for one in model_names())] == []


def test_every_departure_in_the_code_of_a_network_is_on_its_pages():
    """A comment alone is read by nobody who reads the numbers."""
    departing = {path.stem for path in BACKBONES.glob("*.py") if re.search(r"^(# )?Departure:", path.read_text(), re.M)}
    told = {names[0] for names, text in {**OF_NETWORKS, **OF_SE}.items() if text.startswith("Departure")}

    assert departing == {"resnet", "shufflenet"}
    assert told == {"cifar_resnet20", "shufflenet"}


@pytest.mark.parametrize(
    ("backbone", "integration", "said"),
    [
        ("cifar_resnet29_bottleneck", "standard", []),
        ("cifar_resnet29_bottleneck", "conv3x3", ["between them"]),
        ("cifar_resnet29_bottleneck", "pre", ["the shortcut passes by SE-PRE"]),
        ("cifar_resnet29_bottleneck", "identity", ["stands behind it"]),
        ("cifar_resnet20", "standard", ["shortcuts without parameters"]),
        ("vgg16", None, ["whether VGG-16 has dropout"]),
        ("shufflenet", "standard", ["has no SE block"]),
        ("shufflenet", None, []),
    ],
)
def test_a_network_has_its_sentences_and_no_others(backbone, integration, said):
    """Those about SE blocks only where it has them."""
    backbone = next(name for name in model_names() if name.startswith(backbone))
    found = choices_of([replace(PLAIN, backbone=backbone, se=integration and SESpec(integration=integration))] * 2)

    assert len(found) == len(said)
    assert all(text in sentence for text, sentence in zip(said, found, strict=True))


def test_a_page_has_those_of_the_rows_that_were_trained(tmp_path):
    """A row that was not run has none."""
    identity = replace(SE, se=replace(SE.se, integration="identity"))
    rows = (TABLE.rows[0], replace(TABLE.rows[1], cell=identity))
    for number, runs in enumerate(([finished(PLAIN)], [finished(PLAIN), finished(identity)])):
        filled(tmp_path / str(number), *runs)
        (comparison,) = comparisons_of(replace(TABLE, rows=rows), [load(tmp_path / str(number), "results")])

        assert any(note.startswith(UNSAID) for note in notes_of(comparison)) == bool(number)
