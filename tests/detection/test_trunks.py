"""What a trunk begins with: a recorded run of equal seed, or a file; one recipe for all rows, or nothing."""

import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from ablations.protocols.coco import pretrained_by
from senet_lab.errors import StudyError
from senet_lab.models.of_cell import build_cell, build_network
from senet_lab.records.publish import RunFiles, publish
from senet_lab.records.store import Store
from senet_lab.study import Run, SESpec
from senet_lab.training.checkpoint import Checkpoint
from senet_lab.training.state_file import Kind, Saved, to_bytes
from senet_lab.training.trunks import _in_short, trunk_of, with_trunks
from tests.samples import PROTOCOL as NAMES_PHOTOS
from tests.samples import finished

TOML = '[small]\nfile = "plain.safetensors"\nrecipe = "{}"\n[SE-small]\nfile = "se.safetensors"\nrecipe = "{}"\n'


def network(cell, seed=5):
    return build_network(cell, 7, seed)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder for the weights of both rows, which are made once."""
    return tmp_path_factory.mktemp("weights")


@pytest.fixture
def files(small, kept, tmp_path):
    """A file of trunks with one recipe, and the weights that it names, of 7 classes."""
    for row, name in zip(small.stage5.rows, ("plain", "se"), strict=True):
        path = kept / f"{name}.safetensors"
        if not path.exists():
            save_file(network(row.cell).state_dict(), path)
        shutil.copy(path, tmp_path)
    (tmp_path / "trunks.toml").write_text(TOML.format("ours, 90 epochs", "ours,  90 epochs"))
    return tmp_path / "trunks.toml"


def test_trunks_begin_with_files_of_one_recipe(small, files):
    """Both rows share a protocol that names recipe and digests; a detector has the weights of its file."""
    table = with_trunks(small.stage5, files)
    plain, se = table.cells
    trunk = trunk_of(Run(cell=se, seed=0), Store(files.parent), files)
    model, wanted = build_cell(se, 0, trunk=trunk.state), network(se).state_dict()

    assert plain.protocol == se.protocol != small.stage5.paper_protocol
    assert se.protocol.detection.pretraining.recipe == "ours, 90 epochs"
    assert {one.network for one in se.protocol.detection.pretraining.files} == {"small, plain", "small, SE r=16"}
    assert se.protocol.name.startswith(f"{small.stage5.paper_protocol.name}-trunks-")
    assert "trunks begin with files of weights, by ours, 90 epochs" in se.protocol.departures
    for name in ("stem.0.0.weight", "stages.1.0.transform.0.0.weight"):
        assert torch.equal(model.backbone.state_dict()[name], wanted[name])
    assert torch.equal(model.roi_heads.box_head.stage.state_dict()["0.transform.0.0.weight"],
                       wanted["stages.3.0.transform.0.0.weight"])  # fmt: skip


def test_keys_do_not_depend_on_how_networks_are_described(small, files):
    """A file's text names no biases, as always; two rows that differ in them alone are told apart."""
    biased = replace(small.stage5.rows[1].cell, se=SESpec(bias=True))
    without = replace(biased, se=SESpec())
    assert [_in_short(cell) for cell in (*small.stage5.cells, biased, without)] == [
        "small, plain",
        *["small, SE r=16"] * 3,
    ]

    plain, se = small.stage5.rows
    rows = (plain, replace(se, cell=biased), replace(se, label="without", cell=without))
    for cell, name in ((biased, "se"), (without, "without")):
        save_file(network(cell).state_dict(), files.parent / f"{name}.safetensors")
    both, recipe = (
        replace(small.stage5, rows=rows),
        '[without]\nfile = "without.safetensors"\nrecipe = "ours, 90 epochs"\n',
    )
    files.write_text(files.read_text() + recipe)
    table = with_trunks(both, files)

    assert {one.network for one in table.paper_protocol.detection.pretraining.files} == {
        "small, plain", "small, SE r=16", "small, SE r=16, with biases",
    }  # fmt: skip
    for cell in table.cells:
        trunk = trunk_of(Run(cell=cell, seed=0), Store(files.parent), files)
        assert build_cell(cell, 0, trunk=trunk.state)


def test_a_recipe_that_fits_no_line_of_a_page_is_one_line(small, files):
    """It becomes a part of names and pages."""
    files.write_text(TOML.format("r" * 200, "r" * 200))
    with pytest.raises(StudyError, match=r"trunks\.toml: .* at most|trunks\.toml: .*1 to 120 printable"):
        with_trunks(small.stage5, files)


def test_mixed_recipes_are_refused(small, files):
    """In one line that names both rows and both recipes."""
    files.write_text(TOML.format("torchvision, 90 epochs", "the authors' release"))
    with pytest.raises(StudyError) as found:
        with_trunks(small.stage5, files)

    assert str(found.value) == (
        "the trunks of small and SE-small were trained by different recipes ('torchvision, 90 epochs' and "
        '"the authors\' release"), which could explain any difference between these rows; name weights of one recipe'
    )


def test_weights_of_another_network_are_refused(small, files):
    """SE's weights in a plain trunk, and a file that is missing, are named."""
    plain = files.with_name("plain.safetensors")
    plain.write_bytes(files.with_name("se.safetensors").read_bytes())
    with pytest.raises(
        StudyError, match=r"plain\.safetensors is no trunk of small, plain: these weights are of another"
    ):
        with_trunks(small.stage5, files)
    plain.unlink()
    with pytest.raises(StudyError, match=r"plain\.safetensors is missing"):
        with_trunks(small.stage5, files)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[small", "is no TOML"),
        ("", "has no part; its parts are named after the rows of mine-table1: small, SE-small"),
        ('[other]\nfile = "x"\nrecipe = "y"\n', r"has \[other\]; its parts"),
        ('[small]\nfile = "x"\n', r"\[small\] must have file and recipe"),
    ],
)
def test_a_file_of_trunks_of_another_form_is_refused(small, files, text, said):
    """Each in one line."""
    files.write_text(text)
    with pytest.raises(StudyError, match=said):
        with_trunks(small.stage5, files)
    with pytest.raises(StudyError, match="cannot be read"):
        with_trunks(small.stage5, files.with_name("none.toml"))


def test_changed_weights_are_no_longer_those_of_the_protocol(small, files):
    """A run that was planned with a file goes on with that file only."""
    run = Run(cell=with_trunks(small.stage5, files).row("small").cell, seed=0)
    save_file(network(run.cell, seed=6).state_dict(), files.with_name("plain.safetensors"))
    with pytest.raises(StudyError, match="does not name the weights of small, plain"):
        trunk_of(run, Store(files.parent), files)
    with pytest.raises(StudyError, match="say with --trunks where it lies"):
        trunk_of(run, Store(files.parent), None)


def test_a_trunk_is_that_of_the_recorded_run_of_equal_seed(small, tmp_path):
    """Of the protocol that the recipe names; of another seed it is missing, and the line says what to train."""
    protocol = small.stage5.paper_protocol
    detection = replace(protocol.detection, pretraining=pretrained_by(NAMES_PHOTOS))
    cell = replace(small.stage5.row("SE-small").cell, protocol=replace(protocol, detection=detection))
    trained = replace(cell, protocol=NAMES_PHOTOS)
    state = build_cell(trained, 3).state_dict()
    weights = to_bytes(Kind.WEIGHTS, Run(cell=trained, seed=3), Saved(Checkpoint(state, {}, (), 0.0), ()))
    record = publish(Store(tmp_path), finished(trained, 3), RunFiles(weights=weights)).record
    trunk = trunk_of(Run(cell=cell, seed=3), Store(tmp_path), None)

    assert trunk.sha256 == record.files.weights
    assert all(torch.equal(trunk.state[name], tensor) for name, tensor in state.items())
    with pytest.raises(StudyError) as found:
        trunk_of(Run(cell=cell, seed=4), Store(tmp_path), None)
    assert "begins with the weights of sample v1 seed 4, which" in str(found.value)
    assert "name files of weights with --trunks" in str(found.value)


def test_a_trunk_without_pretraining_is_drawn(small, tmp_path):
    """No weights are asked for."""
    assert trunk_of(Run(cell=small.stage5.rows[0].cell, seed=0), Store(tmp_path), None) is None
