"""Excitations are what the blocks' own weights give, counted image by image."""

import json
import weakref
from dataclasses import asdict
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import SqueezeExcitation

from senet_lab.errors import StudyError
from senet_lab.excitations.capture import capture_excitations
from senet_lab.excitations.statistics import ARRAYS, save
from senet_lab.models.registry import build_model, se_blocks
from senet_lab.study import SESpec
from tests.slow import slow_if

BACKBONE = "cifar_resnet11_bottleneck"
NAMES = ("a", "b", "c")
POINTS = ("standard", "pre", "post", "identity", "conv3x3")
GATES = (("avg", "sigmoid"), ("max", "tanh"), ("none", "relu"))
AXES = [
    # every point and every gate, and with the slow tests every pair of them
    slow_if((i + j) % len(GATES) != 0, {"integration": point, "squeeze": squeeze, "gate": gate})
    for i, point in enumerate(POINTS)
    for j, (squeeze, gate) in enumerate(GATES)
]
AXES += [{"squeeze": "none"}, {"excitation": "group", "gate": "tanh"}, {"excitation": "conv1d"}, {"bias": True}]
AXES += [{"integration": "identity", "gate": "double_sigmoid"}]


def images(n=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, 32, 32, generator=generator), torch.arange(n) % 3 // 2 + torch.arange(n) % 2


def batches(n=12, size=5, seed=0):
    x, labels = images(n, seed)
    return [(x[i : i + size], labels[i : i + size]) for i in range(0, n, size)]


def network(**fields):
    se = {"reduction": 16 if fields.get("excitation") == "conv1d" else 4} | fields
    if fields.get("integration") == "conv3x3" or fields.get("integration") == "pre":
        se["reduction"] = 4
    model = build_model(BACKBONE, SESpec(**se), 3, seed=1)
    for block in se_blocks(model).values():  # a grouped excitation starts with weights of 0
        for parameter in block.parameters():
            torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(2))
    return model


def written_out(block, u):
    """s of a block's weights and its input, from the paper's equations alone; averaged over space where it has some."""
    se, weights = block.se, dict(block.excitation.named_parameters())
    if se.squeeze == "none":
        rows = u.permute(0, 2, 3, 1).reshape(-1, u.shape[1])
    else:
        rows = u.flatten(2).mean(-1) if se.squeeze == "avg" else u.flatten(2).max(-1).values
    if se.excitation == "fc":
        hidden = rows @ weights["reduce.weight"].T + weights.get("reduce.bias", 0)
        logits = hidden.clamp(min=0) @ weights["expand.weight"].T + weights.get("expand.bias", 0)
    elif se.excitation == "group":
        width = rows.shape[1] // len(weights["weight"])
        logits = rows * weights["weight"].repeat_interleave(width) + weights["bias"].repeat_interleave(width)
    else:
        kernel = weights["conv.weight"].flatten()
        padded = F.pad(rows, (len(kernel) // 2,) * 2)
        logits = sum(k * padded[:, i : i + rows.shape[1]] for i, k in enumerate(kernel))
    s = {
        "sigmoid": lambda v: 1 / (1 + (-v).exp()),
        "tanh": torch.tanh,
        "relu": lambda v: v.clamp(min=0),
        "double_sigmoid": lambda v: 2 / (1 + (-v).exp()),
    }[se.gate](logits)
    return s.reshape(len(u), -1, s.shape[1]).mean(1)


@pytest.mark.parametrize("axes", AXES, ids=lambda axes: "-".join(axes.values()) if "bias" not in axes else "bias")
def test_gates_are_those_of_the_blocks_own_weights(axes):
    """At every point, squeeze, gate and excitation: means, variances and extremes of the written-out gate, to 1e-6."""
    model = network(**axes).eval().double()
    in_double = [(x.double(), y) for x, y in batches()]
    inputs: dict[str, list[torch.Tensor]] = {}
    hooks = [
        block.register_forward_pre_hook(lambda m, x, name=name: inputs.setdefault(name, []).append(x[0].clone()))
        for name, block in se_blocks(model).items()
    ]
    found = capture_excitations(model, in_double, NAMES)
    for hook in hooks:
        hook.remove()
    _, labels = images()

    assert found.over_space == (axes.get("squeeze") == "none")
    assert [span.name for span in found.spans] == list(se_blocks(model)) == ["SE_2_1", "SE_3_1", "SE_4_1"]
    for span, block in found.blocks():
        with torch.no_grad():
            s = written_out(se_blocks(model)[span.name], torch.cat(inputs[span.name])).double().numpy()
        for k in range(3):
            own = s[labels == k]
            assert np.allclose(own.mean(0), block.mean_KM[k], rtol=1e-9, atol=1e-6)
            assert np.allclose(own.var(0), block.variance_KM()[k], rtol=1e-9, atol=1e-6)
            assert np.allclose(own.min(0), block.lowest_KM[k], rtol=1e-6, atol=1e-6)
            assert np.allclose(own.max(0), block.highest_KM[k], rtol=1e-6, atol=1e-6)


def test_every_image_is_counted_once_in_its_class():
    """Counts are the labels', and each channel's histogram has as many entries."""
    found = capture_excitations(network(), batches(), NAMES)
    _, labels = images()

    assert np.bincount(labels, minlength=3).tolist() == found.count_K.tolist()
    assert (found.histogram_SMN.sum(axis=-1) == found.count_K[:, None]).all()


def test_classes_without_a_row_share_the_last():
    """The rows together are the whole, whichever classes have their own."""
    model = network()
    whole, some = (capture_excitations(model, batches(), NAMES, own_rows=rows) for rows in ((0, 1, 2), (1,)))

    assert (len(some.histogram_SMN), len(whole.histogram_SMN)) == (2, 3)
    assert np.array_equal(some.histogram_SMN[0], whole.histogram_SMN[1])
    assert np.array_equal(some.histogram_SMN.sum(0), whole.histogram_SMN.sum(0))


def test_a_file_of_a_capture_reads_back(tmp_path):
    """By NumPy alone: every array bit for bit, and the origin in words."""
    found = capture_excitations(network(gate="tanh"), batches(), NAMES)
    save(tmp_path / "all.npz", found)
    with np.load(tmp_path / "all.npz", allow_pickle=False) as file:
        card, arrays = json.loads(str(file["card"])), {name: file[name] for name in ARRAYS}

    assert all(np.array_equal(getattr(found, name), arrays[name]) for name in ARRAYS)
    assert (asdict(found.origin), "tanh", list(NAMES)) == (card["origin"], card["gate"], card["class_names"])
    assert [asdict(span) for span in found.spans] == card["spans"]


def test_a_large_relu_gate_falls_into_the_overflow_bin():
    """Gates from 4 on are counted in the last bin, and none is lost."""
    model = network(gate="relu")
    for block in se_blocks(model).values():
        torch.nn.init.constant_(block.excitation.expand.weight, 50.0)
    found = capture_excitations(model, batches(), NAMES)
    high = found.highest_KM >= 4

    assert high.any()
    assert (found.histogram_SMN[..., -1] > 0)[high].all()
    assert found.histogram_SMN.sum() == 12 * found.mean_KM.shape[1]


def test_memory_does_not_grow_with_the_images():
    """What is kept has the same size after ten times as many images."""
    model = network()
    sizes = [
        sum(getattr(capture_excitations(model, batches(n, 5), NAMES), name).nbytes for name in ARRAYS) for n in (5, 50)
    ]

    assert sizes[0] == sizes[1]


def test_a_stream_of_batches_is_not_kept():
    """Batches come one at a time, and the last is gone before the next but one is made."""
    made, most = [], 0

    def stream():
        nonlocal most
        for x, labels in batches(40, 4):
            most = max(most, sum(one() is not None for one in made))
            batch = x.clone()
            made.append(weakref.ref(batch))
            yield batch, labels

    capture_excitations(network(), stream(), NAMES)

    assert len(made) >= 10
    assert most <= 2


def test_the_network_is_as_before():
    """No hook, no wrapped method and no changed mode is left behind, not even after an error."""
    model = network().train()
    with pytest.raises(StudyError, match="none of 1 classes"):
        capture_excitations(model, batches(), NAMES[:1])

    assert model.training
    assert all("gate" not in vars(block) for block in se_blocks(model).values())


def test_a_plain_network_has_no_excitation():
    """One line says so."""
    with pytest.raises(StudyError, match="no SE block"):
        capture_excitations(build_model(BACKBONE, None, 3), batches(), NAMES)


class Squeezing(torch.nn.Module):
    """Three SE modules of torchvision with hard gates, at 16, 8 and 8 pixels of an image of 64."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convs = torch.nn.ModuleList(torch.nn.Conv2d(a, 8, 3, s, 1) for a, s in ((3, 4), (8, 2), (8, 1)))
        self.ses = torch.nn.ModuleList(
            SqueezeExcitation(8, 4, scale_activation=partial(torch.nn.Hardsigmoid, inplace=True)) for _ in range(3)
        )

    def forward(self, x):
        for conv, se in zip(self.convs, self.ses, strict=True):
            x = se(conv(x))
        return x


def test_torchvisions_hard_gates_are_captured_and_numbered_by_resolution():
    """relu6(x + 3) / 6 of the second FC layer, written out; a map of a quarter of the image is of stage 2."""
    model, x = Squeezing().eval(), torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = capture_excitations(model, [(x, torch.arange(6) % 2)], ("a", "b"))
    with torch.no_grad():
        u = model.convs[0](x)
        se = model.ses[0]
        z = u.mean((2, 3), keepdim=True)
        s = (F.relu6(se.fc2(torch.relu(se.fc1(z))) + 3) / 6).flatten(1).double()

    assert [span.name for span in found.spans] == ["SE_2_1", "SE_3_1", "SE_3_2"]
    assert found.origin.stages == {"SE_2": 16, "SE_3": 8}
    assert found.origin.non_linearity == "hard sigmoid"
    assert np.allclose(s[::2].mean(0).numpy(), found.mean_KM[0, :8], atol=1e-6)
    assert np.allclose(s[1::2].var(0, correction=0).numpy(), found.variance_KM()[1, :8], atol=1e-6)


def test_gates_that_are_no_numbers_are_refused():
    """Damaged weights make no figure."""
    model = network()
    with torch.no_grad():
        se_blocks(model)["SE_3_1"].excitation.expand.weight[0, 0] = float("nan")
    with pytest.raises(StudyError, match="not finite"):
        capture_excitations(model, batches(), NAMES)
