"""Compiled code that a killed process left unfinished."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from senet_lab.training.compiled_code import remove_unfinished

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have another form of libraries")
ROOT = Path(__file__).parents[2]
PROGRAM = """
import torch
from torch import nn
from senet_lab.training.compiled import compiled_network
torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
print(float(compiled_network(model.train())(torch.randn(2, 3, 8, 8)).detach().square().sum()))
"""


def compiled(folder, name, data):
    """A library where the compiler puts it."""
    path = folder / name[1:3] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def library(headers=3):
    """An ELF file of nothing but its section headers."""
    start = struct.pack("<4s36xQ10xHH", b"\x7fELF", 64, 64, headers)
    return start.ljust(64, b"\0") + bytes(64 * headers)


def test_libraries_that_are_not_whole_are_removed(tmp_path):
    """Empty, cut in the header, cut at the end, without a header yet; whole ones, sources and other folders stay."""
    whole = library()
    stay = [compiled(tmp_path, "caa.main.so", whole), compiled(tmp_path, "cbb.cpp", b""), tmp_path / "own.so"]
    stay[-1].write_bytes(b"")
    cut = [b"", whole[:40], whole[:-1], bytes(len(whole))]
    go = [compiled(tmp_path, f"cd{number}.main.so", data) for number, data in enumerate(cut)]

    assert remove_unfinished(tmp_path) == go
    assert [path.exists() for path in stay + go] == [True] * 3 + [False] * 4


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++, which compiled training needs")
def test_what_the_linker_writes_is_whole(tmp_path):
    """A library as the compiler has it made; and it is not whole without its last byte."""
    (tmp_path / "f.cpp").write_text('extern "C" int f() { return 1; }')
    subprocess.run(["g++", "-shared", "-fPIC", "-o", "f.so", "f.cpp"], cwd=tmp_path, check=True)
    data = (tmp_path / "f.so").read_bytes()
    whole, cut = compiled(tmp_path, "caa.so", data), compiled(tmp_path, "cab.so", data[:-1])

    assert remove_unfinished(tmp_path) == [cut]
    assert whole.read_bytes() == data


def test_a_library_that_is_being_linked_stays(tmp_path):
    """Another process holds its lock, by the compiler's name for it."""
    path = compiled(tmp_path, "caa.main.so", b"")
    (tmp_path / "locks").mkdir()
    with FileLock(tmp_path / "locks" / "caa.lock"):
        assert remove_unfinished(tmp_path) == []
        assert path.exists()

    assert remove_unfinished(tmp_path) == [path]


@pytest.mark.slow
def test_a_process_goes_on_from_half_a_cache(tmp_path):
    """Each library is cut, as by a linker that was killed; the next process says so and computes the same."""
    environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", PROGRAM]
    before = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    libraries = sorted(tmp_path.rglob("*.so"))
    for number, path in enumerate(libraries):
        os.truncate(path, (0, 100, 5000)[number % 3])
    after = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)

    assert len(libraries) > 1
    assert before.stdout == after.stdout
    assert [path for path in libraries if f"compiled again: {path}" not in after.stderr] == []
    assert all(path.stat().st_size > 5000 for path in libraries)
