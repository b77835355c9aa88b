"""Tests which faults a run survives, at every call to the file system: ``python -m benchmarks.faults``.

The run does everything that a command does with files, from tidying up to the report; only the training is a stub. It
is killed before each call and in the middle of each write. Each call fails once, as on a full or a bad disk. And it
runs on file systems that lack something. After each fault the same command is given again. It must finish, and every
file must equal, byte for byte, the file of an undisturbed run, with nothing left over.
"""

import argparse
import errno
import fcntl
import io
import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ablations.protocols import DEMO
from senet_lab.errors import StudyError
from senet_lab.records.curves import CurvePoint, curve_csv
from senet_lab.records.files import remove_file, replace_file
from senet_lab.records.image_bits import ImageBits
from senet_lab.records.lease import machine
from senet_lab.records.publish import RunFiles, publish, tidy
from senet_lab.records.reading import read_bytes
from senet_lab.records.record import Provenance, Record, Status
from senet_lab.records.store import Store
from senet_lab.study import Cell, Run, SESpec

EPOCHS, IMAGES = 2, 64
RUNS = [Run(cell=Cell(backbone="cifar_resnet11_bottleneck", se=se, protocol=DEMO), seed=0) for se in (SESpec(), None)]
WRITES = ("open", "write", "fsync", "link", "replace", "mkdir")  # calls that can fail on a full disk
CALLS = (*WRITES, "unlink", "listdir", "stat", "utime", "fstat", "scandir", "flock", "io.open")
FINISHED, REFUSED, BROKEN = 0, 3, 4  # exit statuses; REFUSED: the command ended with one of its own errors


def command(root: Path) -> None:
    """Trains the runs that are not recorded and reports, with the same work on files as ``senet-lab reproduce``."""
    store = Store(root)
    tidy(store, RUNS)
    missing = store.missing(RUNS)
    if missing:
        store.prepare()
    for run in missing:
        with store.lock(run) as held:
            if held is not None and store.read(run) is None:
                _train(run, store)
    lines = [f"{record.run.cell.key} {record.top1_error_pct}" for record in store.read_cells([r.cell for r in RUNS])]
    replace_file(root / "tables" / "table.md", "\n".join(lines).encode())


def _train(run: Run, store: Store) -> None:
    """A stub that writes a checkpoint after each epoch. Its state is the number of epochs."""
    checkpoint = store.path(run, "cache/checkpoints", ".safetensors")
    begun = len(read_bytes(checkpoint) or b"")
    for epoch in range(begun + 1, EPOCHS + 1):
        replace_file(checkpoint, b"x" * epoch)
    bits = ImageBits.of(np.arange(IMAGES) >= (8 if run.cell.se else 16))
    point = CurvePoint(
        epoch=1,
        learning_rate=0.1,
        train_loss=1.0,
        train_top1_error_pct=50.0,
        test_loss=1.0,
        test_top1_error_pct=bits.error_pct,
        test_top5_error_pct=bits.error_pct,
        seconds=1.0,
    )
    curve = [replace(point, epoch=epoch) for epoch in range(1, EPOCHS + 1)]
    record = Record(
        run=run,
        status=Status.FINISHED,
        failure=None,
        top1_error_pct=bits.error_pct,
        top5_error_pct=bits.error_pct,
        best_top1_error_pct=bits.error_pct,
        correct_top1=bits,
        correct_top5=bits,
        trainable=1,
        multiply_adds=1,
        provenance=_PROVENANCE,
    )
    publish(store, record, RunFiles(curve=curve_csv(curve), gates=b"gates", weights=b"weights"))
    remove_file(checkpoint)


_PROVENANCE = Provenance(
    revision="unknown",
    dirty=False,
    device="a processor",
    threads=1,
    executor="device",
    compiled=False,
    versions={},
    data_sha256={"test": "b" * 64},
    train_seconds=1.0,
    finished_at="2026-01-02T03:04:05+00:00",
)


@dataclass(slots=True)
class Fault:
    """Something that happens at one call to the file system, or at every one.

    number: the errno of the failure; None kills the process. at: the call's number, from 0; None for every call. calls:
    the names of the calls that are counted. half: half of a write is done before the fault. seen: how many calls were
    counted so far.
    """

    number: int | None
    at: int | None
    calls: Sequence[str] = CALLS
    half: bool = False
    seen: int = 0

    def strike(self, name: str, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Called before a call: counts it, and fails or kills the process where the fault is due.

        Raises OSError with the fault's number.
        """
        if name not in self.calls:
            return
        self.seen += 1
        if self.at is not None and self.seen - 1 != self.at:
            return
        if self.half and name == "write":
            function(args[0], bytes(args[1])[: len(args[1]) // 2])
        if self.number is None:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(self.number, os.strerror(self.number or 0), str(args[0]) if args else None)

    def install(self, root: Path) -> None:
        """Watches every call below ``root``, or on an open file, for the rest of this process."""
        for name in CALLS:
            owner, attribute = {"flock": (fcntl, "flock"), "io.open": (io, "open")}.get(name, (os, name))
            setattr(owner, attribute, self._watched(name, getattr(owner, attribute), str(root)))
        import builtins

        builtins.open = io.open

    def _watched(self, name: str, function: Callable[..., Any], root: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if name in ("write", "fsync", "fstat", "flock") or (args and str(args[0]).startswith(root)):
                self.strike(name, function, args)
            return function(*args, **options)

        return call


def run_command(root: Path, fault: Fault | None) -> tuple[int, int]:
    """Runs the command in a process of its own. Returns its exit status (negative: killed) and the number of calls."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about threads, which this child does not use
        child = os.fork()
    if child == 0:
        os.close(reader)
        status = BROKEN
        tell = os.write
        try:
            if fault is not None:
                fault.install(root)
            command(root)
            status = FINISHED
        except (StudyError, OSError):
            status = REFUSED
        finally:
            tell(writer, str(fault.seen if fault else 0).encode())
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        seen = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(seen or 0)


def contents(root: Path) -> dict[str, bytes]:
    """The content of every file below a folder, hidden files included."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the tried faults of one kind were survived. lost: what happened at the others."""

    kind: str
    survived: int
    tried: int
    lost: tuple[str, ...]


def at_every_call(kind: str, fault: Fault, place: Path, expected: dict[str, bytes], every: int) -> Score:
    """Lets the fault happen at each call of a fresh run in turn. every: only at each so many calls."""
    _, calls = run_command(place / "count", replace(fault, at=-1))
    lost = []
    points = range(0, calls, every)
    for at in points:
        root = place / f"{at}"
        status, _ = run_command(root, replace(fault, at=at))
        if status not in (FINISHED, REFUSED, -signal.SIGKILL):
            lost.append(f"call {at}: the command ended with status {status}")
        elif problem := _problem_after(root, expected):
            lost.append(f"call {at}: {problem}")
        shutil.rmtree(root, ignore_errors=True)
    return Score(kind, len(points) - len(lost), len(points), tuple(lost))


def always(kind: str, fault: Fault, place: Path, expected: dict[str, bytes]) -> Score:
    """Lets the fault happen at every call, as on a file system that lacks something. The first command must finish."""
    status, _ = run_command(place, fault)
    problem = f"the command ended with status {status}" if status else _problem_after(place, expected)
    return Score(kind, 0 if problem else 1, 1, (problem,) if problem else ())


def _problem_after(root: Path, expected: dict[str, bytes]) -> str:
    status, _ = run_command(root, None)
    if status:
        return f"the next command ended with status {status}"
    found = contents(root)
    if found != expected:
        return (
            f"files differ: {sorted(name for name in found.keys() | expected if found.get(name) != expected.get(name))}"
        )
    return ""


def scores(place: Path, every: int = 1) -> Iterator[Score]:
    """The scores of all kinds of faults. every: only each so many calls, for a quick look."""
    machine()  # computed before the processes start, so that its calls are not counted
    run_command(place / "whole", None)
    expected = contents(place / "whole")
    one = {
        "killed before a call": Fault(None, None),
        "killed in the middle of a write": Fault(None, None, ("write",), half=True),
        "disk full (ENOSPC)": Fault(errno.ENOSPC, None, WRITES),
        "disk full in the middle of a write": Fault(errno.ENOSPC, None, ("write",), half=True),
        "bad disk (EIO)": Fault(errno.EIO, None),
        "no hard link once (EPERM)": Fault(errno.EPERM, None, ("link",)),
        "no lock once (ENOLCK)": Fault(errno.ENOLCK, None, ("flock",)),
    }
    for number, (kind, fault) in enumerate(one.items()):
        yield at_every_call(kind, fault, place / f"one-{number}", expected, every)
    lacking = {
        "no hard links (EPERM)": Fault(errno.EPERM, None, ("link",)),
        "no hard links (EOPNOTSUPP)": Fault(errno.EOPNOTSUPP, None, ("link",)),
        "no flock (ENOLCK)": Fault(errno.ENOLCK, None, ("flock",)),
        "no flock (ENOSYS)": Fault(errno.ENOSYS, None, ("flock",)),
        "no sync (EINVAL)": Fault(errno.EINVAL, None, ("fsync",)),
    }
    for number, (kind, fault) in enumerate(lacking.items()):
        yield always(kind, fault, place / f"lacking-{number}", expected)


def main() -> None:
    """Prints a line for each kind of fault. Exit status 1 where a fault was not survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--every", type=int, default=1, help="test only each so many calls")
    every = parser.parse_args().every
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for score in scores(Path(folder), every):
            failed |= score.survived < score.tried
            print(f"{score.kind:36} {score.survived} of {score.tried} survived", flush=True)
            for line in score.lost:
                print(f"    {line}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
