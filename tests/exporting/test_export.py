"""Exports: the file computes what its source does, and its card says what the source is."""

import copy
import json
import sys
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from senet_lab import SESpec, StudyError, build_model, load
from senet_lab.exporting import export as export_module
from senet_lab.exporting.counterparts import Counterpart, Target
from senet_lab.exporting.export import export
from senet_lab.exporting.facts import facts_of_others
from senet_lab.exporting.trained import Trained, open_trained
from senet_lab.study.network_names import described
from tests.samples import IMAGES, one_line
from tests.tiny import BACKBONE

PIXELS = 64


def trained(backbone, se, classes=10, pixels=PIXELS) -> Trained:
    """A network with weights and statistics that are not the initial ones."""
    model = build_model(backbone, se, classes, seed=1).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, value in (*model.named_parameters(), *model.named_buffers()):
            if name.endswith(("running_mean", "bias")):
                value.add_(0.1 * torch.randn(value.shape, generator=generator))
    return Trained(
        source="some.pth",
        model=model,
        network=described(backbone, se),
        backbone=backbone,
        se=se,
        num_classes=classes,
        pixels=pixels,
        facts=facts_of_others("weights of the file some.pth", "unknown"),
    )


def logits(model) -> torch.Tensor:
    """In double precision, where two networks that compute the same differ by less than 1e-8 on any processor."""
    images = torch.randn(2, 3, PIXELS, PIXELS, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        return copy.deepcopy(model).double().eval()(images)


def same_logits(one, other) -> bool:
    return torch.allclose(logits(one), logits(other), rtol=0, atol=1e-8)


@pytest.fixture(scope="module")
def of_row(recorded) -> Trained:
    return open_trained(recorded.row, recorded.run.seed, root=recorded.root)


def test_safetensors_open_again_without_being_told_their_network(recorded, of_row, tmp_path):
    """The same bits, the same facts, and a second export writes the same file."""
    exported = export(of_row, Target.SAFETENSORS, tmp_path)
    again = open_trained(str(exported.paths[0]), root=tmp_path / "nothing")

    assert torch.equal(recorded.logits(recorded.model), recorded.logits(load(exported.paths[0])))
    assert of_row.facts == again.facts
    assert recorded.run == again.run
    second = export(again, Target.SAFETENSORS, tmp_path / "second")
    assert exported.paths[0].read_bytes() == second.paths[0].read_bytes()


def test_the_card_says_data_protocol_error_with_n_licence_digest_and_revision(recorded, of_row, tmp_path):
    """As JSON and for a person; synthetic data are said loudly."""
    exported = export(of_row, Target.SAFETENSORS, tmp_path)
    card = json.loads(exported.paths[1].read_text())
    text = exported.paths[2].read_text()

    assert {
        "dataset": "synthetic",
        "evaluation_split": "test",
        "images": IMAGES,
        "key": recorded.run.cell.key,
        "protocol": "tiny",
        "seed": 3,
        "synthetic": True,
        "top1_error_pct": 20.0,
        "weights_sha256": of_row.weights_sha256,
    }.items() <= card.items()
    assert card["check"]["largest_difference"] == 0
    assert "Apache-2.0" in card["licence"]
    assert card["revision"].startswith("0123456789")
    assert "SYNTHETIC images: top-1 error 20.00 %, top-5 10.00 % on 1,000 test images of synthetic; n = 1 run" in text
    assert card["file_sha256"] in text


def test_an_export_of_anothers_weights_keeps_the_name_of_their_network(tmp_path):
    """A plain one and one with SE, whose fields are in the header."""
    for se in (None, SESpec(reduction=4, bias=True, gate="tanh", stages=(2, 3))):
        source = trained(BACKBONE, se, pixels=32)
        exported = export(source, Target.SAFETENSORS, tmp_path)
        again = open_trained(str(exported.paths[0]))

        assert (se, BACKBONE, source.weights_sha256) == (again.se, again.backbone, again.weights_sha256)
        assert again.facts.error_line() == "error: not known here"


def test_onnx_computes_the_logits_for_any_number_of_images(recorded, of_row, tmp_path):
    """To 1e-4, by onnxruntime, from the file that was written."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    exported = export(of_row, Target.ONNX, tmp_path)
    session = onnxruntime.InferenceSession(str(exported.paths[0]), providers=["CPUExecutionProvider"])
    for count in (1, 3):
        images = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(count))
        with torch.no_grad():
            expected = recorded.model(images)
        (found,) = session.run(None, {"images": images.numpy()})

        assert float((expected - torch.from_numpy(found)).abs().max()) < 1e-4
    assert "SYNTHETIC" in session.get_modelmeta().custom_metadata_map["error"]


@pytest.mark.slow
def test_timm_takes_our_weights_and_gives_them_back(tmp_path):
    """A ratio of its own, FC layers without biases; the card's lines build timm's network."""
    pytest.importorskip("timm", reason="the extra evaluate is not installed")
    source = trained("resnet50", SESpec(reduction=8))
    exported = export(source, Target.TIMM, tmp_path)
    theirs = built(exported)

    assert "layer0.conv1.weight" in theirs.state_dict()
    assert same_logits(source.model, theirs)
    back = load(exported.paths[0], network="resnet50:reduction=8,bias=true")
    assert same_logits(source.model, back)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["resnet50", "resnext50"])
def test_torchvision_takes_plain_networks_with_the_lines_of_the_card(backbone, tmp_path):
    """Its network as it is would compute otherwise: the lines give it the paper's pooling and strides."""
    source = trained(backbone, None)
    exported = export(source, Target.TORCHVISION, tmp_path)

    assert same_logits(source.model, built(exported))
    from torchvision import models

    unchanged = models.get_model({"resnet50": "resnet50", "resnext50": "resnext50_32x4d"}[backbone], num_classes=10)
    unchanged.load_state_dict(load_file(exported.paths[0]))
    assert not torch.allclose(logits(source.model), logits(unchanged), atol=1e-2)


def built(exported):
    """What the lines of a card build, run in the folder of the export."""
    names = {}
    lines = "\n".join(exported.card.lines).replace("model.safetensors", str(exported.paths[0]))
    exec(lines, names)
    return names["model"]


@pytest.mark.parametrize(
    ("backbone", "se", "target", "said"),
    [
        (BACKBONE, SESpec(), Target.TIMM, "timm has no counterpart of cifar_resnet11_bottleneck"),
        (BACKBONE, None, Target.TORCHVISION, "torchvision has no counterpart of cifar_resnet11_bottleneck"),
        ("resnet50", None, Target.TIMM, "--to torchvision takes it"),
        ("resnet50", SESpec(), Target.TORCHVISION, "--to timm takes it"),
        ("resnet50", SESpec(gate="tanh"), Target.TIMM, "the standard SE block only"),
    ],
)
def test_a_network_without_a_counterpart_is_refused_in_one_line(backbone, se, target, said, tmp_path, small):
    """It says where the network can go, and nothing is written."""
    source = replace(small, backbone=backbone, se=se, network=described(backbone, se))
    with pytest.raises(StudyError) as refused:
        export(source, target, tmp_path / "out")

    assert said in one_line(str(refused.value))
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def small() -> Trained:
    return trained(BACKBONE, SESpec(), pixels=32)


def test_other_logits_stop_an_export_before_anything_is_written(small, tmp_path, monkeypatch):
    """One bias of the classifier is moved on the way."""
    other = build_model(BACKBONE, SESpec(), 10)
    other.load_state_dict(small.model.state_dict())
    with torch.no_grad():
        list(other.parameters())[-1][0] += 0.5
    monkeypatch.setattr(export_module, "counterpart", lambda one, target: Counterpart(other.eval(), ()))
    with pytest.raises(StudyError, match=r"is not the source: .* nothing is written"):
        export(small, Target.TIMM, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_one_line(small, tmp_path, monkeypatch):
    """It names the extra."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(StudyError, match=r"-e '\.\[onnx\]'"):
        export(small, Target.ONNX, tmp_path / "out")


def test_a_header_that_was_changed_is_refused(small, tmp_path):
    """One line, that says what to do."""
    path = tmp_path / "spoiled.safetensors"
    for header in ('{"facts": {}}', "[]", "[" * 5000):
        save_file({"a": torch.zeros(1)}, path, metadata={"senet_lab": header})
        with pytest.raises(StudyError, match=r"spoiled\.safetensors has a header .*export it again"):
            load(path)


def test_tensors_that_do_not_fit_their_header_are_named_with_their_file(tmp_path):
    """An export whose classifier was cut."""
    path = export(trained(BACKBONE, None, pixels=32), Target.SAFETENSORS, tmp_path).paths[0]
    with safe_open(path, "pt") as file:
        header = file.metadata()
    tensors = load_file(path)
    tensors["classifier.bias"] = torch.zeros(7)
    save_file(tensors, path, metadata=header)
    with pytest.raises(StudyError) as refused:
        load(path)

    assert one_line(str(refused.value)).startswith(f"{path} does not fit the network that its header names: 'classif")
