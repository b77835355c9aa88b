"""A search over designs of the SE block for low held-out error, few multiply-adds and short training steps."""

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import optuna
from optuna.trial import FrozenTrial, TrialState

from senet_lab.errors import StudyError
from senet_lab.models.complexity import complexity
from senet_lab.models.registry import build_model, model_names, se_blocks
from senet_lab.search.journal import Journal, quiet, run_trials
from senet_lab.search.space import held_out_protocol
from senet_lab.search.trial import Trainer
from senet_lab.study.cell import Cell
from senet_lab.study.se import FIRST_STAGE, Excitation, Gate, Integration, SESpec
from senet_lab.training import provenance

OBJECTIVES = ("held_out_error_pct", "multiply_adds", "step_seconds")
REDUCTIONS = (2, 4, 8, 16, 32)
REVISION = "revision"  # a trial's user attribute
REDUCTION = "reduction_"  # begins the names of the parameters for a stage's reduction ratio
SEED = 0  # the seed of every trial's network and batches
ALL = "all"
FEWEST_TRIALS = 20  # that importances are computed from


@dataclass(frozen=True, slots=True)
class DesignSpace:
    """The choices for one backbone. Every combination of them can be built.

    reductions: the ratios for each stage. stages: sets of stages with blocks, as "2+3" or "all".
    """

    reductions: Mapping[int, tuple[int, ...]]
    stages: tuple[str, ...]
    integrations: tuple[str, ...]

    def choices(self) -> dict[str, Sequence[int | str]]:
        """The choices by the names of Optuna's parameters. The ratio of a stage without blocks has no effect."""
        return {
            "stages": self.stages,
            **{f"{REDUCTION}{stage}": ratios for stage, ratios in self.reductions.items()},
            "integration": self.integrations,
            "gate": [gate.value for gate in Gate],
            "excitation": [excitation.value for excitation in Excitation],
        }


@dataclass(frozen=True, slots=True)
class Design:
    """A trained design.

    number: the number of its trial. error_pct: the held-out top-1 error. multiply_adds: for one image. step_seconds:
    the median time of a training step. on_front: whether it is on the Pareto front of the three objectives. device,
    revision: what made it.
    """

    number: int
    se: SESpec
    error_pct: float
    multiply_adds: int
    step_seconds: float
    on_front: bool
    device: str
    revision: str


def space_of(backbone: str, num_classes: int) -> DesignSpace:
    """The space of designs for a backbone.

    It has the integration points that exist in all stages, and for each stage the reduction ratios that divide its
    widths. Raises ValueError for a backbone that cannot carry SE blocks, and StudyError for a network of a user's own.
    """
    if backbone not in model_names():
        raise StudyError(f"designs are searched for this project's networks; {backbone!r} is none of them")
    blocks = se_blocks(build_model(backbone, SESpec(reduction=1), num_classes, device="meta"))
    numbers = sorted({int(name.split("_")[1]) for name in blocks})

    def fits(stage: int, reduction: int, point: Integration) -> bool:
        se = SESpec(reduction=reduction, integration=point, stages=(stage,))
        try:
            build_model(backbone, se, num_classes, device="meta")
        except ValueError:
            return False
        return True

    points = [point for point in Integration if all(fits(stage, 1, point) for stage in numbers)]
    reductions = {
        stage: tuple(r for r in REDUCTIONS if all(fits(stage, r, point) for point in points)) or (1,)
        for stage in numbers
    }
    subsets = [part for size in range(1, len(numbers)) for part in combinations(numbers, size)]
    stages = [ALL, *("+".join(map(str, part)) for part in subsets)]
    return DesignSpace(reductions, tuple(stages), tuple(point.value for point in points))


def spec_of(values: Mapping[str, object]) -> SESpec:
    """The design of a trial's parameters. For a one-dimensional convolution the reduction ratios are ignored."""
    known = {int(name.removeprefix(REDUCTION)): r for name, r in values.items() if name.startswith(REDUCTION)}
    others = {name: value for name, value in values.items() if not name.startswith(REDUCTION)}
    chosen = str(others.pop("stages", ALL))
    stages = tuple(known) if chosen == ALL else tuple(int(stage) for stage in chosen.split("+"))
    if chosen != ALL:
        others["stages"] = stages
    ratios = [known[stage] for stage in stages]
    if others.get("excitation") != Excitation.CONV1D and len(set(ratios)) == 1:
        others["reduction"] = ratios[0]
    elif others.get("excitation") != Excitation.CONV1D:
        others["stage_reductions"] = ratios
        if stages[0] != FIRST_STAGE:  # without names the first ratio is that of FIRST_STAGE
            others["stages"] = stages
    return SESpec(**others)  # type: ignore[arg-type]  # it checks its values itself


def search_designs(
    cell: Cell, trials: int, journal: Journal, trainer: Trainer, tell: Callable[[str], None]
) -> tuple[list[Design], dict[str, dict[str, float]]]:
    """Searches over designs of a cell's network until there are ``trials`` trials, including those of earlier calls.

    Returns the designs, and for each objective the importance of each choice (``importances``). tell: prints a line for
    each trial. Raises StudyError for a protocol of photos, before any data is opened, for a journal whose times are of
    another machine, and where another process searches, and ValueError for a backbone without sites.
    """
    protocol = held_out_protocol(cell.protocol)
    space = space_of(cell.backbone, protocol.num_classes)
    plain = replace(cell, se=None, protocol=protocol)
    study = journal.study(f"design-by-stage-{plain.key}", objectives=len(OBJECTIVES))
    with quiet():
        study.set_metric_names(list(OBJECTIVES))

    def work(trial: optuna.Trial) -> list[float]:
        se = spec_of({name: trial.suggest_categorical(name, choices) for name, choices in space.choices().items()})
        designed = replace(plain, se=se)
        (error,) = trainer.error_pct(designed, [SEED])
        model = build_model(cell.backbone, se, protocol.num_classes, device="meta")
        work_done = complexity(model, protocol.image_size).multiply_adds
        seconds = trainer.step_seconds(designed)
        trial.set_user_attr(REVISION, provenance.revision()[0])
        tell(
            f"design {trial.number}: {words(se)}: held-out top-1 error {error:.2f} %, {work_done / 1e6:.3f} M "
            f"multiply-adds, {1e3 * seconds:.2f} ms a step"
        )
        return [error, float(work_done), seconds]

    alone = journal.claim("designs")
    if alone is None:
        raise StudyError("another process searches these designs; a second one would disturb its times of a step")
    try:
        _refuse_other_times(study, trainer.machine, journal)
        with quiet():
            run_trials(journal, study, trials, work)
    finally:
        alone.give_back()
    with quiet():
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        front = {trial.number for trial in study.best_trials}
        return [_design(trial, front, trainer.machine) for trial in complete], importances(study)


def _refuse_other_times(study: optuna.Study, machine: str, journal: Journal) -> None:
    """Raises StudyError where the trials' times of a step are of another machine, and notes this one else."""
    times_of = study.user_attrs.get("times_of", "an unknown machine")
    if times_of != machine and study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        raise StudyError(
            f"{journal.path} has times of a step on {times_of}, which cannot stand beside those of {machine}; search "
            "on there, or name another --results"
        )
    study.set_user_attr("times_of", machine)


def importances(study: optuna.Study) -> dict[str, dict[str, float]]:
    """For each objective, the importance of each choice (PED-ANOVA); the importances of an objective sum to one.

    A choice is important where the best quarter of the trials differs in it from the others. There is none for fewer
    than FEWEST_TRIALS trials, whose best quarter says nothing.
    """
    found: dict[str, dict[str, float]] = {}
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < FEWEST_TRIALS:
        return found
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25, evaluate_on_local=True)
    for place, name in enumerate(OBJECTIVES):
        with contextlib.suppress(ValueError, RuntimeError, UserWarning), warnings.catch_warnings():
            warnings.filterwarnings("error", message="Target and region quantiles select the same")
            found[name] = optuna.importance.get_param_importances(
                study, evaluator=evaluator, target=partial(_value, place)
            )
    return found


def _value(place: int, trial: FrozenTrial) -> float:
    return float(trial.values[place])


def _design(trial: FrozenTrial, front: set[int], machine: str) -> Design:
    error, multiply_adds, seconds = trial.values
    made = machine, str(trial.user_attrs.get(REVISION, ""))
    return Design(
        trial.number, spec_of(trial.params), error, round(multiply_adds), seconds, trial.number in front, *made
    )


def words(se: SESpec) -> str:
    """A design in words, as a row's label."""
    reduction = [] if se.excitation is Excitation.CONV1D else [se.ratio]
    stages = se.stages if se.stages == ALL else "+".join(map(str, se.stages))
    return ", ".join([*reduction, f"stages {stages}", se.integration.value, se.gate.value, se.excitation.value])
