"""senet_lab.load: a trained network by row, by key, or from a file."""

import shutil
import subprocess
import sys

import pytest
import torch

import senet_lab
from senet_lab import SESpec, StudyError, build_model, load
from tests.samples import one_line
from tests.tensors import assert_same_tensors
from tests.tiny import BACKBONE


def test_a_row_its_key_and_its_file_give_the_trained_network(recorded):
    """The same bits in evaluation mode; the seed alone would give other ones."""
    expected = recorded.logits(recorded.model)
    for source, seed in ((recorded.row, 3), (recorded.run.cell.key, 3), (recorded.weights, 0)):
        model = load(source, seed, results=recorded.root)

        assert not model.training
        assert torch.equal(expected, recorded.logits(model))
    untrained = build_model(BACKBONE, SESpec(reduction=4), 10, seed=3).eval()
    assert not torch.equal(expected, recorded.logits(untrained))


def test_a_copied_file_of_weights_is_known_by_its_card(recorded, tmp_path):
    """With the store that has its record; in another one it is of no known run."""
    copy = shutil.copy(recorded.weights, tmp_path / "mine.safetensors")
    model = load(copy, results=recorded.root)

    assert torch.equal(recorded.logits(recorded.model), recorded.logits(model))
    with pytest.raises(StudyError, match="has no record of the cell"):
        load(copy, results=tmp_path)


def test_files_of_others_need_the_name_of_their_network(tmp_path):
    """With it, weights under other names are loaded; plain networks are named as such."""
    for network, se in (("resnet", SESpec(reduction=4)), ("plain", None)):
        model = build_model(BACKBONE, se, 10, seed=7).eval()
        path = tmp_path / f"{network}.pth"
        torch.save({"state_dict": model.state_dict()}, path)
        with pytest.raises(StudyError, match="does not say which network"):
            load(path)
        found = load(path, network=f"{BACKBONE}:{'plain' if se is None else 'reduction=4'}")

        assert_same_tensors(model.state_dict(), found.state_dict())


@pytest.mark.parametrize(
    ("source", "seed", "said"),
    [
        ("nonsense", 0, "is none of TABLE:ROW"),
        ("table7:r=15", 0, "the nearest is 'r=16'"),
        ("table7:r=16", 0, "senet-lab train table7 --row r=16"),
        ("0123456789abcdef", 0, "no record of the cell"),
        ("KEY", 0, "is recorded with seed 3, not with seed 0"),
        ("missing.pth", 0, "missing.pth is missing"),
    ],
)
def test_what_is_not_here_is_one_line(recorded, source, seed, said):
    """It names what is wrong and what to do."""
    with pytest.raises(StudyError) as refused:
        load(recorded.run.cell.key if source == "KEY" else source, seed, results=recorded.root)

    assert said in one_line(str(refused.value))


def test_a_damaged_file_is_refused(recorded, tmp_path):
    """One changed bit in the weights that a record names."""
    root = shutil.copytree(recorded.root, tmp_path / "copy")
    path = root / recorded.weights.relative_to(recorded.root)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(StudyError, match="not the file that its record names"):
        load(recorded.run.cell.key, 3, results=root)


def test_every_public_name_works():
    """Each one is there, is what its own module has, and says what it is."""
    assert {"load", "SESpec", "SENetModule", "own_block", "Claim", "Table"} <= set(senet_lab.__all__)
    for name in senet_lab.__all__:
        value = getattr(senet_lab, name)

        assert value.__module__.startswith("senet_lab.")
        assert value.__doc__
        assert name == value.__name__
    assert set(senet_lab.__all__) <= set(dir(senet_lab))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        senet_lab.Nothing  # noqa: B018


def test_the_package_loads_without_torch():
    """Its values too."""
    code = "import sys, senet_lab; senet_lab.Claim, senet_lab.SESpec; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
