"""`senet-lab excitations` and `figures`: from weights to figures, and one line where something is not there."""

import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from ablations import protocols
from senet_lab.cli import catalogue
from senet_lab.data import synthetic
from senet_lab.data.open import open_source
from senet_lab.errors import StudyError
from senet_lab.excitations.frames import load_capture
from senet_lab.excitations.labelled_images import class_indices, of_protocol, open_labelled
from senet_lab.excitations.look import usual_classes
from senet_lab.excitations.networks_of_others import from_file
from senet_lab.excitations.recorded_runs import best, recorded, run_of_weights
from senet_lab.models.registry import build_model
from senet_lab.records.store import Store
from senet_lab.study import Run, SESpec
from senet_lab.study.network_names import described, parse_network
from senet_lab.training.final_weights import weights_path
from senet_lab.training.progress import silent
from senet_lab.training.run import make
from senet_lab.training.settings import Settings
from tests.pictures import draw_as

TINY = replace(protocols.DEMO, name="tiny", train_images=60, test_images=40, batch_size=20, epochs=1)
TABLE7 = catalogue.find_table("table7")
WNIDS = ("n01443537", "n02110958", "n02690373", "n09246464", "n99999999")


@pytest.fixture(autouse=True, scope="module")
def timms_names_are_read_once():
    """timm's names of the classes, which each folder of images asks for and nothing changes."""
    info = pytest.importorskip("timm").data.imagenet_info
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(info, "ImageNetInfo", cache(info.ImageNetInfo))
        yield


@cache
def few_images():
    """60 training and 40 test images."""
    return synthetic.synthetic(60, 40)


@pytest.fixture
def senet_lab(senet_lab, monkeypatch):
    """A command that knows the tiny protocol and has few images."""
    monkeypatch.setitem(protocols.PROTOCOLS, "tiny", TINY)
    few = few_images()
    monkeypatch.setattr(synthetic, "synthetic", lambda *_: few)
    torch.set_num_threads(1)
    return lambda *words: senet_lab(*map(str, words))


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    """The SE row of table7 under a tiny protocol, and the folder that it is trained into."""
    run = Run(cell=TABLE7.under(TINY).row("r=16").cell, seed=0)
    store = Store(tmp_path_factory.mktemp("trained"))
    make(run, open_source(TINY, torch.device("cpu")), store, Settings(), silent)
    return run, store.root


@pytest.fixture
def trained(trained_once, tmp_path):
    """The trained run, in a ``results`` of this test."""
    run, folder = trained_once
    shutil.copytree(folder, tmp_path / "results")
    return run, Store(tmp_path / "results")


@pytest.fixture
def photos(tmp_path):
    """Two noisy pictures in each of five class folders."""
    rng = np.random.default_rng(0)
    for wnid in WNIDS:
        folder = tmp_path / "photos" / "val" / wnid
        folder.mkdir(parents=True)
        for index in range(2):
            picture = rng.integers(0, 256, (70, 80, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / f"{index}.JPEG")
    return tmp_path / "photos"


def test_a_recorded_run_becomes_files_and_figures(senet_lab, trained, tmp_path, monkeypatch):
    """By table and row, by its file, and as the best there is: the same capture, and figures again from files alone."""
    run, store = trained
    path = weights_path(run, store)
    seen = []
    for source in (("table7:r=16", "--protocol", "tiny"), (path,), ("best",)):
        status, out, _ = senet_lab("excitations", *source, "--device", "cpu", "--figure", "depth")
        assert status == 0
        seen.append(out)
    (folder,) = (tmp_path / "results" / "excitations" / "demo").iterdir()

    assert seen[0] == seen[1] == seen[2]
    assert "SYNTHETIC images, cifar_resnet11_bottleneck, SE r=16, with biases; protocol tiny, seed 0" in seen[0]
    assert "40 images of 10 classes, 4 each" in seen[0]
    assert {"card.json", "means.csv", "deviations.csv", "histograms.csv", "blocks.csv", "statements.csv"} == {
        p.name for p in folder.iterdir()
    }
    assert (tmp_path / "results" / "cache" / "excitations" / f"{folder.name}.npz").exists()
    draw_as(monkeypatch, ["svg"])
    status, out, _ = senet_lab("figures", "depth")
    assert (status, len(out.splitlines())) == (0, 2)
    statements = (folder / "statements.csv").read_bytes()
    (folder / "statements.csv").unlink()
    assert (senet_lab("figures")[0], (folder / "statements.csv").read_bytes()) == (0, statements)


def test_the_weights_are_the_runs(trained):
    """The network from the file makes the errors that the record says."""
    run, store = trained
    subject = recorded(run, store)
    wrong = 0
    with torch.no_grad():
        for images, labels in of_protocol(run.cell.protocol).batches(torch.device("cpu")):
            wrong += int((subject.model.eval()(images).argmax(1) != labels).sum())

    assert store.read(run).top1_error_pct == pytest.approx(100 * wrong / 40)
    assert run == best(store)
    assert (run, store.root.resolve()) == (run_of_weights(weights_path(run, store))[0], store.root.resolve())


def test_a_file_needs_its_network(senet_lab, tmp_path):
    """A safetensors file of weights with --network; without, or with another one, a line that says so."""
    model = build_model("cifar_resnet11_bottleneck", SESpec(reduction=8, gate="tanh"), 10)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    right = "cifar_resnet11_bottleneck:reduction=8,gate=tanh"

    assert (
        senet_lab("excitations", "w.safetensors", "--network", right, "--data", "synthetic", "--figure", "depth")[0]
        == 0
    )
    status, _, err = senet_lab("excitations", "w.safetensors")
    assert (status != 0, "--network" in err, len(err.splitlines())) == (True, True, 1)
    for network, said in (("cifar_resnet20", "does not fit"), ("resnet51", "nearest"), ("resnet50:x=1", "SESpec")):
        status, _, err = senet_lab("excitations", "w.safetensors", "--network", network, "--data", "synthetic")
        assert (status != 0, said in err, len(err.splitlines())) == (True, True, 1), err
    by_stage = parse_network("resnet50:reduction=4+8,stages=2+3")
    assert by_stage == ("resnet50", SESpec(stages=(2, 3), stage_reductions=(4, 8)))
    assert described(*by_stage) == "resnet50, SE r=4+8, stages (2, 3)"
    assert ("resnet50", SESpec(stages=(2, 3), bias=True)) == parse_network("resnet50:stages=2+3,bias=true")


def test_what_is_not_there_is_said_in_one_line(senet_lab, photos):
    """Missing weights, a wrong class with the nearest, a wrong source, no data, too many words."""
    for words, said in (
        (("table7:r=16", "--protocol", "demo"), "final weights stay where a run was trained"),
        (("table7:r=61",), "nearest is 'r=16'"),
        (("timm:legacy_seresnet50", "--random-weights", "--data", photos, "--classes", "pug", "clif"), "'cliff'"),
        (("nothing",), "is none of best, TABLE:ROW"),
        (("table7:r=16", "--random-weights", "--data", "cifar11"), "neither synthetic"),
        (("best", "pug"), "one word too many"),
        (("best", "--seed", "0"), "--seed belongs to TABLE:ROW, not to best"),
        (("timm:legacy_seresnet50", "--protocol", "demo", "--data", photos), "--protocol belongs to TABLE:ROW"),
        (("table7:r=16", "--network", "resnet50"), "--network belongs to a file of weights"),
        (("x.safetensors", "--random-weights", "--network", "resnet50"), "leave --random-weights out"),
        (("timm:legacy_seresnet5000", "--data", photos), "nearest"),
        (("x.safetensors", "--network", "resnet50"), "is missing"),
    ):
        status, _, err = senet_lab("excitations", *words)
        assert (status != 0, said in err, len(err.splitlines())) == (True, True, 1), err
    assert senet_lab("figures")[0] != 0


def test_class_folders_have_human_names(photos):
    """The paper's four by its own names or by folder, others by folder; a file of names adds to them."""
    labelled = open_labelled(str(photos))

    assert labelled.class_names == ("goldfish", "pug", "plane", "cliff", "n99999999")
    assert class_indices(labelled, ["pug", "n02110958", "n99999999"]) == [1, 1, 4]
    assert (labelled.dataset, labelled.split, labelled.images) == ("a folder of ImageNet's classes", "", 10)
    (photos / "synset_words.txt").write_text("n99999999 teapot, pot\n")
    assert open_labelled(str(photos)).class_names[4] == "teapot"
    with pytest.raises(StudyError, match="no class folders: it is flat"):
        open_labelled(str(photos / "val" / WNIDS[0]))


def test_a_large_folder_is_opened_where_the_system_has_no_affinity(photos, monkeypatch):
    """As macOS: a loader process for each processor."""
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setattr("senet_lab.excitations.labelled_images.FEW_IMAGES", 5)

    assert open_labelled(str(photos)).source.processes == 3


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory):
    """Random weights of timm's MobileNetV3-Small as a training checkpoint, wrapped and prefixed."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model("tf_mobilenetv3_small_100", pretrained=False)
    path = tmp_path_factory.mktemp("weights") / "Small Net.pth.tar"
    torch.save({"state_dict": {f"module.{n}": t for n, t in model.state_dict().items()}}, path)
    return path


def test_a_file_of_weights_goes_into_timms_network(senet_lab, photos, mobilenet_file, tmp_path):
    """Nine hard-sigmoid gates numbered by resolution; the heading names network, file and its hash, not its folder."""
    status, out, _ = senet_lab(
        "excitations", "timm:tf_mobilenetv3_small_100", "--weights", mobilenet_file, "--data", photos,
        "--figure", "depth", "--device", "cpu",
    )  # fmt: skip
    (folder,) = (path for path in (tmp_path / "results" / "excitations").iterdir() if path.is_dir())
    captured = load_capture(folder)

    assert status == 0
    assert captured.block_names() == [
        "SE_2_1", "SE_4_1", "SE_4_2", "SE_4_3", "SE_4_4", "SE_4_5", "SE_5_1", "SE_5_2", "SE_5_3",
    ]  # fmt: skip
    assert out.startswith("timm tf_mobilenetv3_small_100; weights of Small Net.pth.tar, SHA-256 ")
    assert "a folder of ImageNet's classes: 10 images of 5 classes, 2 each" in out
    assert "Small Net.pth.tar: 244 tensors, 0 renamed, 0 reshaped" in out
    assert str(mobilenet_file.parent) not in out
    assert captured.card.origin.non_linearity == "hard sigmoid"


def test_what_does_not_fit_a_library_is_said_in_one_line(senet_lab, photos, mobilenet_file, tmp_path):
    """Another network's weights, a network without SE, one that is not there, words that exclude each other."""
    for words, said in (
        (("timm:legacy_seresnet18", "--weights", mobilenet_file), "does not fit timm legacy_seresnet18"),
        (("torchvision:mobilenet_v3_small", "--weights", mobilenet_file), "of another network"),
        (("torchvision:mobilenet_v3_smal", "--weights", mobilenet_file), "nearest is 'mobilenet_v3_small'"),
        (("torchvision:resnet18", "--random-weights"), "no SE block"),
        (("timm:legacy_seresnet18", "--weights", mobilenet_file, "--random-weights"), "exclude each other"),
        (("table7:r=16", "--weights", mobilenet_file), "--weights belongs to"),
        ((mobilenet_file,), "name its network with --network"),
    ):
        status, _, err = senet_lab("excitations", *words, "--data", photos)
        assert (status, said in err, len(err.splitlines())) == (2, True, 1), err


def test_a_file_needs_no_library_for_our_networks(senet_lab, tmp_path):
    """timm's names of a network of ours, with the biases that the SESpec asks for."""
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        named = timm.create_model("legacy_seresnet50").state_dict()
    torch.save({name: torch.zeros((), dtype=t.dtype).expand(t.shape) for name, t in named.items()}, tmp_path / "w.pth")
    subject = from_file(tmp_path / "w.pth", "resnet50:bias=true")

    assert subject.origin.network == "resnet50, SE r=16, with biases"
    assert (len(subject.notes), "384 tensors, 384 renamed, 32 reshaped" in subject.notes[0]) == (1, True)


@pytest.mark.parametrize("place", ["results/excitations", "results/cache/excitations", "results/figures/excitations"])
def test_what_cannot_be_written_is_said_before_the_pass(
    senet_lab, photos, mobilenet_file, tmp_path, monkeypatch, place
):
    """A file in a folder's place: one line, and no image was looked at."""
    blocked = tmp_path / place
    blocked.parent.mkdir(parents=True)
    blocked.write_text("")
    monkeypatch.setattr("senet_lab.excitations.look.capture_excitations", lambda *a, **k: pytest.fail("it looked"))
    status, _, err = senet_lab(
        "excitations", "timm:tf_mobilenetv3_small_100", "--weights", mobilenet_file, "--data", photos
    )

    assert (status, "cannot write to" in err, len(err.splitlines())) == (2, True, 1)


def test_hidden_names_are_no_classes_and_a_broken_image_is_named(senet_lab, photos, mobilenet_file):
    """Neither .ipynb_checkpoints nor ._x.JPEG counts; a truncated JPEG is one line with its path."""
    (photos / "val" / ".ipynb_checkpoints").mkdir()
    (photos / "val" / WNIDS[0] / "._0.JPEG").write_bytes(b"")
    assert open_labelled(str(photos)).images == 10
    broken = photos / "val" / WNIDS[1] / "0.JPEG"
    broken.write_bytes(broken.read_bytes()[:200])
    status, _, err = senet_lab(
        "excitations", "timm:tf_mobilenetv3_small_100", "--weights", mobilenet_file, "--data", photos
    )

    assert (status, f"{broken} is damaged (" in err, len(err.splitlines())) == (2, True, 1)


def test_classes_with_most_images_are_shown_where_the_papers_are_not_there(photos):
    """Four of those with the most, from the first to the last; the paper's four where they are."""
    labelled = open_labelled(str(photos))
    others = replace(labelled, class_names=tuple("abcdef"), folders=tuple("abcdef"), image_counts=(1, 3, 3, 2, 1, 3))

    assert sorted(usual_classes(labelled), key=[0, 3, 1, 2].index) == [0, 3, 1, 2]
    assert usual_classes(others) == [1, 2, 3, 5]


@pytest.mark.slow
def test_timms_network_goes_the_whole_way(senet_lab, photos, tmp_path, drawn):
    """Random weights, five class folders: four classes shown, every figure drawn, loudly called random."""
    pytest.importorskip("timm")
    status, out, _ = senet_lab(
        "excitations", "timm:legacy_seresnet50", "--random-weights", "--data", photos, "--classes",
        "goldfish", "pug", "plane", "cliff", "--device", "cpu",
    )  # fmt: skip
    figures = list((tmp_path / "results" / "figures" / "demo").iterdir())

    assert status == 0
    assert out.startswith("RANDOM WEIGHTS, timm legacy_seresnet50")
    assert "10 images of 5 classes, 2 each" in out
    assert len(figures) == 12
    assert str(tmp_path) not in "".join(p.read_text() for p in figures if p.suffix == ".svg")
