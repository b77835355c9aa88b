"""The journal of a search: one file of Optuna's format. Several processes append to it; Optuna's dashboard can open it.

A journal cannot say whether the process of a trial is still alive. Therefore a lease beside the file says who works on
a trial.
"""

import contextlib
import importlib.metadata
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from senet_lab.errors import INVALID, StudyError
from senet_lab.extensions import digests
from senet_lab.records.lease import Lease, take
from senet_lab.records.reading import read_bytes
from senet_lab.study.cell import Cell, derive_seed
from senet_lab.training import provenance

MOST = 2**32  # seeds of Optuna's samplers must be smaller
PACKAGES = ("optuna", "scipy")
CODE = "code"  # a trial's user attribute: the digests of the user's own code that its network has
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True, slots=True)
class Journal:
    """The file of a search's trials."""

    path: Path

    def study(self, name: str, objectives: int = 1, pruner: optuna.pruners.BasePruner | None = None) -> optuna.Study:
        """The Optuna study of this name, new or with the trials of earlier calls. All objectives are minimised.

        Raises StudyError for a damaged file.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with quiet(), self._readable():
            return optuna.create_study(
                study_name=name,
                storage=self._storage(),
                load_if_exists=True,
                directions=["minimize"] * objectives,
                sampler=tpe(0),
                pruner=pruner or optuna.pruners.NopPruner(),
            )

    def _storage(self) -> JournalStorage:
        lock = JournalFileOpenLock(str(self.path))  # works without symbolic links, too
        self._mend(lock)
        return JournalStorage(JournalFileBackend(str(self.path), lock_obj=lock))

    def _mend(self, lock: JournalFileOpenLock) -> None:
        """Cuts off a last entry that its writer did not finish. No process relies on it.

        Raises StudyError for a damaged entry before it.
        """
        lock.acquire()
        try:
            data = read_bytes(self.path) or b""
            whole = data.rfind(b"\n") + 1
            for number, line in enumerate(data[:whole].splitlines(), start=1):
                try:
                    entry = json.loads(line)
                except INVALID:
                    entry = None
                if not isinstance(entry, dict) or "op_code" not in entry:
                    raise StudyError(
                        f"{self.path}, line {number} is no entry of a search. If a process was cut off there, as by a "
                        "full disk, remove that line: its trial is made again. Else move the file away to begin anew"
                    )
            if whole < len(data):
                with open(self.path, "r+b") as file:
                    file.truncate(whole)
        finally:
            lock.release()

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (KeyError, TypeError, ValueError, AssertionError) as error:
            raise StudyError(f"{self.path} is no journal of a search ({type(error).__name__}: {error})") from None

    def claim(self, name: str) -> Lease | None:
        """A lease to work on something in this search; None where another living process has it."""
        return take(self.path.with_name(f"{self.path.name}.leases") / name)

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Waits until no other process is inside a block of this name, then runs the block alone."""
        while (lease := self.claim(name)) is None:
            time.sleep(0.2)
        try:
            yield
        finally:
            lease.give_back()


def tpe(seed: int) -> optuna.samplers.TPESampler:
    """The TPE sampler. All arguments whose defaults may differ between releases are given."""
    return optuna.samplers.TPESampler(
        n_startup_trials=10, n_ei_candidates=24, multivariate=True, group=False, constant_liar=True, seed=seed
    )


def seed_of(study: optuna.Study) -> int:
    """A seed for the sampler. It changes with the number of trials, so that later calls draw new points."""
    return derive_seed(0, "search", study.study_name, len(study.get_trials(deepcopy=False))) % MOST


def ask(journal: Journal, study: optuna.Study, most: int) -> tuple[optuna.Trial, Lease] | None:
    """A trial to work on, with its lease: one whose process has died, else a new one.

    most: how many trials the study gets in all. Returns None where it has them and none is left by a dead process. The
    sampler of a new trial, its seed and all versions are noted in the study. Raises StudyError where another process
    holds the new trial.
    """
    with journal.alone(f"{study.study_name}-ask"):
        trials = study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state is TrialState.RUNNING and (lease := journal.claim(_lease(study, trial.number))):
                return optuna.Trial(study, trial._trial_id), lease
        if len(trials) >= most:
            return None
        seed = seed_of(study)
        study.sampler = tpe(seed)
        note(study, f"trial-{len(trials):05d}", tpe_arguments(seed))
        with quiet():
            new = study.ask()
        own = journal.claim(_lease(study, new.number))
        if own is None:
            raise StudyError(f"another process works on trial {new.number} of {journal.path}; call again")
        return new, own


def _lease(study: optuna.Study, number: int) -> str:
    return f"{study.study_name}-{number}"


def tpe_arguments(seed: int) -> dict[str, object]:
    """The arguments that ``tpe`` uses, for the journal."""
    return {
        "sampler": "TPESampler",
        "n_startup_trials": 10,
        "n_ei_candidates": 24,
        "multivariate": True,
        "group": False,
        "constant_liar": True,
        "seed": seed,
    }


def note(study: optuna.Study, key: str, values: dict[str, object]) -> None:
    """Notes in the study's user attributes how points were drawn, with versions and the revision of this project."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES} | provenance.versions()
    study.set_user_attr(key, {**values, "versions": found, "revision": provenance.revision()[0]})


def refuse_other_code(cell: Cell, study: optuna.Study, journal: Journal) -> None:
    """Raises StudyError where trials of a cell were made with other code of a user's own than is loaded now."""
    mine = digests(cell)
    for trial in study.get_trials(deepcopy=False):
        theirs = trial.user_attrs.get(CODE, mine)  # one that is begun, or of an older version, does not tell
        if theirs != mine:
            names = ", ".join(sorted(mine.keys() | theirs.keys()))
            raise StudyError(
                f"{journal.path} has trials that were made with another version of {names}; restore that, or name "
                "another --results"
            )


def ended(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that have ended, in the order of their numbers."""
    return study.get_trials(deepcopy=False, states=ENDED)


def run_trials(
    journal: Journal, study: optuna.Study, most: int, work: Callable[[optuna.Trial], float | Sequence[float]]
) -> None:
    """Works on trials until the study has ``most`` of them. A trial of a killed process is worked on again.

    work: computes the objectives of a trial.
    """
    while asked := ask(journal, study, most):
        trial, lease = asked
        try:
            with quiet():
                values = work(trial)
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        except optuna.exceptions.UpdateFinishedTrialError:
            pass  # this process was suspended, and another took the trial over
        except BaseException:  # the trial has no result yet: the next call works on it again
            lease.give_back()
            raise
        else:
            study.tell(trial, list(values) if isinstance(values, Sequence) else values, skip_if_finished=True)
        lease.remove()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences Optuna's log and its warnings about experimental features."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="The reported value is ignored")  # when a trial is made again
        warnings.filterwarnings("ignore", message="PedAnova.* low `target` values")  # low values are wanted here
        yield
