"""What errors mean, and when a worker leaves its process."""

import errno
import io
import os
from pathlib import Path

import pytest
import torch

from senet_lab.errors import NoData, StudyError, lacks_memory
from senet_lab.fleet import gpu_capacity, worker
from senet_lab.fleet import outcome as outcomes
from senet_lab.fleet.outcome import Fate, Outcome, outcome_of
from senet_lab.records.store import Store
from senet_lab.training.settings import Settings
from senet_lab.training.stopping import Paused, SavePlan, Wish
from senet_lab.training.turns import TURNS
from tests.tiny import run

RESULTS = Path("results")
LACKS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB."),
    RuntimeError("CUDA error: out of memory"),  # where a graph is instantiated
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("GET was unable to find an engine to execute this computation"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to …"),
    MemoryError(),
]


@pytest.mark.parametrize("error", LACKS, ids=lambda error: f"{type(error).__name__} {error}"[:40])
def test_lack_of_memory_has_many_names(error, capsys):
    """Each of them lets the run wait for room."""
    assert outcome_of(error, RESULTS).fate is Fate.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (Paused("paused"), Fate.PAUSED),
        (NoData("no data"), Fate.NO_DATA),
        (StudyError("refused"), Fate.REFUSED),
        (OSError(errno.ENOSPC, "No space left on device"), Fate.NO_ROOM),
        (OSError(errno.EIO, "Input/output error"), Fate.BROKEN),
        (ValueError("r=7 does not divide 64 channels"), Fate.BROKEN),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), Fate.BROKEN),
    ],
)
def test_every_other_error_has_its_fate(error, fate, capsys):
    """And only what nobody foresaw is printed with its traceback."""
    with pytest.raises(type(error)) as raised:
        raise error

    assert outcome_of(raised.value, RESULTS).fate is fate
    assert ("Traceback" in capsys.readouterr().err) == (fate is Fate.BROKEN)
    assert not lacks_memory(error)


def test_a_file_that_a_worker_cannot_load_is_told_by_its_runs(tmp_path):
    """As one line with file and line, where the process would only be lost."""
    busy = worker._Worker(Store(tmp_path), Settings(), 1)
    busy.refusal = StudyError("my_table.py, line 3: KeyError: 'x'")
    outcome = busy._attempt(run(0), lambda progress: None)

    assert (outcome.fate, outcome.text) == (Fate.REFUSED, "my_table.py, line 3: KeyError: 'x'")


class Left(Exception):
    """The process would have ended."""


class Pipe:
    """One run, then nothing more."""

    def __init__(self):
        self.sent, self.runs = [], [run(0)]

    def recv(self):
        if not self.runs:
            raise EOFError
        return self.runs.pop()

    def send(self, message):
        self.sent.append(message)


@pytest.fixture
def gpu_worker(monkeypatch, tmp_path):
    """A worker that believes in a GPU on which every run meets an error."""

    def leave(status):
        raise Left

    monkeypatch.setattr(worker.os, "_exit", leave)
    monkeypatch.setattr(worker, "_own_stream", lambda settings: worker.contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch, "zeros", lambda *size, device: torch.tensor([0.0]))
    found = worker._Worker(Store(tmp_path), Settings(device="cuda"), 2)
    monkeypatch.setattr(found, "_opened", lambda run: None)

    def meets(error):
        def make(*_, **__):
            raise error

        monkeypatch.setattr(worker, "make", make)
        return found

    return meets


@pytest.mark.parametrize(
    ("error", "fate"), [(RuntimeError("a bug"), Fate.BROKEN), (RuntimeError("out of memory"), Fate.OUT_OF_MEMORY)]
)
def test_a_worker_stays_where_the_device_still_works(gpu_worker, error, fate):
    """The next run comes to the same process."""
    pipe = Pipe()
    gpu_worker(error).serve(pipe)

    assert [outcome.fate for outcome in pipe.sent] == [fate]


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered"), Fate.LOST),
        (RuntimeError("CUDA error: out of memory"), Fate.OUT_OF_MEMORY),
    ],
)
def test_a_worker_leaves_a_device_that_is_lost_to_it(gpu_worker, monkeypatch, error, fate):
    """After an error that stays, or a capture that broke, nothing works in this process: the run is told first."""

    def refuse():
        raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")

    monkeypatch.setattr(torch.cuda, "empty_cache", refuse)
    pipe = Pipe()
    with pytest.raises(Left):
        gpu_worker(error).serve(pipe)

    assert [outcome.fate for outcome in pipe.sent] == [fate]


def test_data_are_opened_once_and_nobody_waits_for_the_whole_device(monkeypatch, tmp_path):
    """The thread that opened them waits for its own stream, once; a sync of the device would break a capture."""
    waited = []

    class Stream:
        def synchronize(self):
            waited.append("stream")

    class Data:
        device = torch.device("cuda")

    def open_data(run, settings, opened):
        return opened.setdefault("protocol", Data())

    monkeypatch.setattr(worker, "open_data", open_data)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *device: waited.append("device"))
    found = worker._Worker(Store(tmp_path), Settings(device="cuda"), 2)

    assert found._opened(run(0)) is found._opened(run(1))
    assert waited == ["stream"]


def test_a_network_with_random_parts_is_not_compiled_beside_others(tmp_path):
    """PyTorch refuses to call compiled code in one thread while another compiles; alone it may be."""
    shaken = run(0, backbone="cifar_shake26_2x96d")
    settings = Settings(device="cuda", compiled=True)
    alone, beside = (worker._Worker(Store(tmp_path), settings, threads) for threads in (1, 2))

    assert alone._settings_for(shaken).compiles(shaken.cell)
    assert not beside._settings_for(shaken).compiles(shaken.cell)
    assert beside._settings_for(run(0)).compiles(run(0).cell)


@pytest.mark.parametrize("own", [False, True])
def test_a_network_is_looked_at_once_and_while_no_other_thread_works(monkeypatch, tmp_path, own):
    """Building changes the random stream and the default device of the process, which all threads share."""
    built, build = [], gpu_capacity.build_cell

    def noting(cell, *words, **named):
        built.append(TURNS._alone)
        return build(cell, *words, **named)

    monkeypatch.setattr(gpu_capacity, "build_cell", noting)
    monkeypatch.setattr(worker, "build_cell", noting, raising=False)
    for module in (worker, gpu_capacity):
        monkeypatch.setattr(module, "used_by", lambda cell: own)
    beside = worker._Worker(Store(tmp_path), Settings(device="cuda", compiled=True), 2)
    beside._settings_for(run(0))

    assert built == [True]
    assert not TURNS._alone


@pytest.mark.parametrize("due", [False, True])
def test_a_run_that_another_took_over_ends_without_writing(monkeypatch, tmp_path, due):
    """A process that stood still past its claim's heartbeat stops at the next step: the run is in other hands. Where a
    checkpoint is due then, it is not written over that of the new holder, even before the heart has beaten again."""
    pipe, make, store = Pipe(), worker.make, Store(tmp_path)
    kept, checkpoint = worker._Worker(store, Settings(), 1), store.path(run(0), "cache/checkpoints", ".safetensors")
    told = []

    def make_late(this, *words, lease, **named):
        def report(progress):
            told.append(progress.step)
            others = lease._file.with_name(lease._file.name.removesuffix("-1") + "-2")
            others.write_bytes(lease._file.read_bytes())
            checkpoint.parent.mkdir(parents=True)
            checkpoint.write_bytes(b"of the new holder")
            lease.lost = not due

        plan = SavePlan(minutes=None)
        plan.wish = lambda: Wish.SAVE if due and told else Wish.GO_ON
        return make(this, *words[:3], report, plan, lease=lease, **named)

    monkeypatch.setattr(worker, "make", make_late)
    kept.serve(pipe)

    assert [outcome.fate for outcome in pipe.sent] == [Fate.BUSY]
    assert told == [1]
    assert list((tmp_path / "records").rglob("*")) == []
    assert checkpoint.read_bytes() == b"of the new holder"


def test_a_folder_of_another_user_is_named(monkeypatch):
    """Not the results folder as a whole; and an error of a user's own block is no lack of room."""
    denied = PermissionError(13, "Permission denied", "results/cache/locks/cifar10/ab")
    told = outcome_of(denied, RESULTS)
    assert told.fate is Fate.NO_ROOM
    assert told.text.startswith("results/cache/locks/cifar10/ab: Permission denied; get the right to write there, or ")

    monkeypatch.setattr(outcomes, "blamed", lambda error: "mine.py, line 3: PermissionError")
    assert outcome_of(denied, RESULTS) == Outcome(Fate.BROKEN, "mine.py, line 3: PermissionError")


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_cannot_be_written_breaks_no_run(monkeypatch, tmp_path):
    """The worker's output then goes nowhere; an error is told by its outcome, though its traceback is lost."""
    told = []

    def dup2(file, number):
        told.append((os.readlink(f"/proc/self/fd/{file}"), number))

    monkeypatch.setattr(worker.os, "dup2", dup2)
    (tmp_path / "logs").write_text("no folder")
    worker.redirect(tmp_path / "logs" / "worker-0.log")
    monkeypatch.setattr(outcomes.sys, "stderr", Full())

    assert told == [("/dev/null", 1), ("/dev/null", 2)]
    assert outcome_of(KeyError("x"), RESULTS) == Outcome(Fate.BROKEN, "KeyError: 'x'")
