"""The switches that decide numbers: off in one function, called wherever numbers are made."""

import os
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
import torch

from senet_lab.training import provenance
from senet_lab.training.numerics import set_switches

SOURCES = Path(__file__).parents[2]
SWITCH = re.compile(
    r"allow_tf32\s*=|set_float32_matmul_precision|cudnn\.(?:benchmark|deterministic)\s*=|set_default_dtype|set_flush_denorm"
)


@pytest.fixture
def switches_as_before():
    """Puts back what a test changes."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.get_num_threads()
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]
    torch.set_num_threads(before[2])


def test_fp32_is_computed_in_fp32(switches_as_before):
    """Whatever the process had chosen before: no TF32, no algorithms chosen by stopwatch, none without fixed order."""
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.deterministic = False
    set_switches(threads=2)

    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark
    assert torch.backends.cudnn.deterministic
    assert torch.get_num_threads() == 2


def test_switches_are_set_in_one_place():
    """No other source touches one, and every part whose processes make numbers calls the function."""
    texts = {
        str(path.relative_to(SOURCES)): path.read_text()
        for folder in ("senet_lab", "benchmarks")
        for path in (SOURCES / folder).rglob("*.py")
    }

    assert [name for name, text in texts.items() if SWITCH.search(text)] == ["senet_lab/training/numerics.py"]
    assert {
        "senet_lab/fleet/worker.py",
        "senet_lab/fleet/gpu_capacity.py",
        "senet_lab/search/trial.py",
        "senet_lab/training/together.py",
        "senet_lab/excitations/look.py",
        "senet_lab/evaluation/run.py",
        "senet_lab/exporting/predict.py",
        "senet_lab/training/lightning_module.py",
        "benchmarks/race.py",
    } <= {name for name, text in texts.items() if re.search(r"(?<!def )set_switches\(", text)}


def test_the_revision_is_that_of_the_start(monkeypatch):
    """A commit that is made while a process trains does not become the revision of what it trains."""
    answers = iter([f"{SOURCES}\naaaa", "", f"{SOURCES}\nbbbb", ""])
    monkeypatch.setattr(provenance, "_git", lambda *words: next(answers))
    provenance.revision.cache_clear()
    first, later = provenance.revision(), provenance.revision()
    provenance.revision.cache_clear()

    assert ("aaaa", False) == first == later


def test_no_git_is_no_revision(monkeypatch):
    """Where git is not installed, the record says that it does not know."""

    def absent(*words, **options):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", absent)
    provenance.revision.cache_clear()
    found = provenance.revision()
    provenance.revision.cache_clear()

    assert provenance.Revision("unknown", False) == found


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_a_repository_around_the_package_is_not_its_own(tmp_path, monkeypatch):
    """Installed inside a user's repository: that one's revision is not senet_lab's. One of its own is."""
    module = tmp_path / "lib" / "senet_lab" / "training" / "provenance.py"
    module.parent.mkdir(parents=True)
    module.touch()
    monkeypatch.setattr(provenance, "__file__", str(module))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    found = []
    for folder in (tmp_path, tmp_path / "lib"):
        git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x"]
        subprocess.run([*git, "init", "--quiet"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "x"], check=True)
        provenance.revision.cache_clear()
        found.append(provenance.revision().name)
    provenance.revision.cache_clear()

    assert found[0] == "unknown"
    assert len(found[1]) == 40


def _read(text):
    if text is None:
        raise FileNotFoundError
    return text


def test_the_processor_is_described_by_what_decides_bits(monkeypatch):
    """Model name and vector instructions of the first processor, on x86 and on ARM; no file is no mistake."""
    x86 = "processor\t: 0\nmodel name\t: A 9000\nflags\t\t: fpu sse4_2 avx2 fma ht\n\nprocessor : 1\nmodel name : B\n"
    files, found = {"x86": x86, "arm": "processor : 0\nFeatures : fp asimd sve bf16 crc32\n"}, {}
    for kind in ("x86", "arm", "none"):
        monkeypatch.setattr(Path, "read_text", partial(_read, files.get(kind)))
        provenance._cpu_information.cache_clear()
        found[kind] = (provenance.cpu_name(), provenance.cpu_flags())
    provenance._cpu_information.cache_clear()

    assert found["x86"] == ("A 9000", ("avx2", "fma", "sse4_2"))
    assert found["arm"][1] == ("asimd", "bf16", "sve")
    assert found["none"][1] == ()
