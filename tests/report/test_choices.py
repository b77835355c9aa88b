"""Where the paper says nothing about a network, or a network departs from its source, the pages say it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab.models.registry import build_model, model_names
from senet_lab.models.se_block import FCExcitation
from senet_lab.report.choices import CHANNELS, OF_NETWORKS, OF_PLACES_IN, OF_SE, UNSAID, choices_of
from senet_lab.report.load import load
from senet_lab.report.notes import notes_of
from senet_lab.study import SESpec
from tests.samples import PLAIN, SE, TABLE, comparisons_of, filled, finished

BACKBONES = Path(__file__).parents[2] / "senet_lab" / "models" / "backbones"


def test_every_name_is_that_of_a_network():
    """None stands for a network that was renamed, and none of a family is forgotten."""
    named = {name for names in (*OF_NETWORKS, *OF_SE, *(names for _, names in OF_PLACES_IN)) for name in names}
    families = ("vgg", "inception_resnet", "shufflenet", "mobilenet", "cifar_preresnet", "cifar_wrn", "cifar_shake")
    basic = {name for name in model_names() if re.fullmatch(r"cifar_resnet\d+", name)}

    assert named == basic | {name for name in model_names() if name.startswith(families)}


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
        ("cifar_resnet29_bottleneck", "conv3x3", ["between them", "in stage 2 sees 16 channels"]),
        ("cifar_resnet29_bottleneck", "pre", ["the shortcut passes by SE-PRE", "in the first unit sees 16 channels"]),
        ("cifar_resnet29_bottleneck", "identity", ["stands behind it"]),
        ("cifar_resnet20", "standard", ["shortcuts without parameters", "has one hidden unit"]),
        ("vgg16", None, ["whether VGG-16 has dropout"]),
        ("shufflenet", "standard", ["has no SE block"]),
        ("shufflenet", None, []),
        ("vgg_small_of_a_user", None, []),
        ("mobilenet_of_a_user", "standard", []),
        ("cifar_wrn16_8", "pre", ["end of the branch", "passes by SE-PRE", "before the unit's first batch norm"]),
        ("cifar_wrn16_8", "post", ["end of the branch", "right after the sum"]),
    ],
)
def test_a_network_has_its_sentences_and_no_others(backbone, integration, said):
    """Those about SE blocks only where it has them."""
    found = choices_of([replace(PLAIN, backbone=backbone, se=integration and SESpec(integration=integration))] * 2)

    assert len(found) == len(said)
    assert all(text in sentence for text, sentence in zip(said, found, strict=True))


@pytest.mark.parametrize("name", [name for name in model_names() if re.match(r"cifar_(pre)?resnet\d+", name)])
def test_blocks_of_one_hidden_unit_are_where_the_pages_say(name):
    """Counted in the ResNets for 32 x 32 pixels: there and nowhere else at r=16, and no sentence at r=8."""
    for integration in ("standard", "pre", "post", "identity", "conv3x3"):
        spec = SESpec(integration=integration, reduction=CHANNELS)
        try:
            model = build_model(name, spec, 10, device="meta")
        except ValueError:  # r does not divide a width, or there is no such place
            continue
        narrow = [m for m in model.modules() if isinstance(m, FCExcitation) and m.reduce.out_features == 1]
        cells = [replace(PLAIN, backbone=name, se=replace(spec, reduction=r)) for r in (CHANNELS, 8)]
        told, at_eight = (any("one hidden unit" in text for text in choices_of([cell])) for cell in cells)

        assert (integration, bool(narrow), at_eight) == (integration, told, False)


def test_a_page_has_those_of_the_rows_that_were_trained(tmp_path):
    """A row that was not run has none."""
    identity = replace(SE, se=replace(SE.se, integration="identity"))
    rows = (TABLE.rows[0], replace(TABLE.rows[1], cell=identity))
    for number, runs in enumerate(([finished(PLAIN)], [finished(PLAIN), finished(identity)])):
        filled(tmp_path / str(number), *runs)
        (comparison,) = comparisons_of(replace(TABLE, rows=rows), [load(tmp_path / str(number), "results")])

        assert any(note.startswith(UNSAID) for note in notes_of(comparison)) == bool(number)
