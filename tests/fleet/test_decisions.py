"""What the fleet makes of what its workers tell, with workers that tell what a test wants."""

import itertools
import signal
from dataclasses import replace

import pytest

from senet_lab.errors import StudyError
from senet_lab.fleet import fleet as fleet_module
from senet_lab.fleet.fleet import Fleet, by_cell, train_all
from senet_lab.fleet.outcome import Fate, Outcome
from senet_lab.records.store import Store
from senet_lab.training.progress import Progress
from senet_lab.training.settings import Settings
from senet_lab.training.stopping import EXIT_GO_ON, Paused, StopSign
from tests.tiny import AUGMENTED, run

from .test_fleet import Listener

DONE = Outcome(Fate.RECORDED, "top-1 error 10.00 %")
DIED = None


class Process:
    """A process that ended as it was told to."""

    exitcode = 0


class Seat:
    """A seat whose runs tell what is written for them, one thing after another."""

    def __init__(self, crew, process):
        self.crew, self.process, self.run = crew, process, None

    def give(self, run):
        self.run = run
        self.crew.given.append((run.seed, len(self.crew.busy())))
        return True

    def news(self):
        told = self.crew.script[self.run.seed].pop(0)
        if isinstance(told, int):
            self.process.exitcode, told = told, DIED
        return told


class Crew:
    """Stands for the processes. given: each run that was started, with how many were at work then."""

    def __init__(self, script, store, settings=None):
        self.store = store
        self.script = {seed: list(lines) for seed, lines in script.items()}
        self.settings, self.seats, self.given, self.hired, self.asked = settings or Settings(), [], [], [], 0

    def busy(self):
        return [seat for seat in self.seats if seat.run]

    def idle(self):
        return [seat for seat in self.seats if not seat.run]

    def hire(self, seats):
        process = Process()
        self.hired.append(seats)
        self.seats += [Seat(self, process) for _ in range(seats)]

    def with_news(self):
        return self.busy()

    def ask_to_end(self):
        self.asked += 1

    def close(self, seat):
        self.seats.remove(seat)

    def dismiss(self):
        self.seats = []


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(fleet_module, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(fleet_module, "SURE_SECONDS", 0.0)
    monkeypatch.setattr(fleet_module.processes, "end", lambda process: None)


@pytest.fixture
def train(monkeypatch, tmp_path):
    """Trains seeds 0, 1, … of one cell as a script says; returns the lines of failed runs, and the crew."""

    def call(*script, workers=1, settings=None, runs=None, stop=None, sharing=False):
        crew = Crew(dict(enumerate(script)), Store(tmp_path), settings)
        monkeypatch.setattr(fleet_module, "Crew", lambda store, settings: crew)
        runs = runs or [run(seed) for seed in range(len(script))]
        return train_all(runs, crew.store, crew.settings, workers, Listener(), stop, sharing), crew

    return call


GPU = Settings(device="cuda")


@pytest.mark.parametrize("fate", [Fate.BROKEN, Fate.REFUSED, Fate.NO_DATA, Fate.OUT_OF_MEMORY])
def test_a_failed_run_never_cancels_another(train, fate):
    """Whatever befell it; runs of another protocol go on where one's data set is missing."""
    other = [run(0), run(1, replace(AUGMENTED, epochs=4))]
    failed, crew = train([Outcome(fate, "why")], [DONE], runs=other)

    assert failed == [f"{other[0].cell.key} seed 0: why"]
    assert [seed for seed, _ in crew.given] == [0, 1]


def test_what_all_runs_lack_is_said_once(train):
    """A missing data set: one line, and the runs that wait for it are not tried."""
    with pytest.raises(StudyError, match=r"^data/cifar10 is missing$"):
        train([Outcome(Fate.NO_DATA, "data/cifar10 is missing")], [DONE], [DONE])


def test_a_full_disk_ends_all_runs_in_order(train):
    """Runs at work are asked to save, none is started, and the reason is told."""
    paused = Outcome(Fate.PAUSED, "paused")
    with pytest.raises(StudyError, match="no space"):
        train([Outcome(Fate.NO_ROOM, "no space")], [Progress(0, 3, 1, 9), paused], [DONE], workers=2)


def test_a_run_of_a_lost_process_does_not_wait_for_those_that_others_hold(train, monkeypatch):
    """Another machine holds seed 1 for hours: seed 0, whose process died, goes on meanwhile."""
    monkeypatch.setattr(fleet_module, "RETRY_SECONDS", 1e9)
    failed, crew = train([-9, DONE], [Outcome(Fate.BUSY, "another")], sharing=True)

    assert failed == []
    assert [seed for seed, _ in crew.given] == [0, 1, 0]


def test_a_run_held_elsewhere_is_asked_for_again(train):
    """Until it has a record."""
    failed, crew = train([Outcome(Fate.BUSY, "another"), Outcome(Fate.BUSY, "another"), DONE])

    assert (failed, len(crew.given)) == ([], 3)


def test_without_memory_fewer_runs_are_side_by_side(train):
    """The run for which there was no room comes again, beside fewer; alone and still without room it has failed."""
    lack = Outcome(Fate.OUT_OF_MEMORY, "out of memory")
    slow = [Progress(0, 3, step, 9) for step in range(4)]
    failed, crew = train([*slow, DONE], [lack, lack], workers=2)

    assert failed == [f"{run(1).cell.key} seed 1: out of memory"]
    assert crew.given == [(0, 1), (1, 2), (1, 1)]


def test_runs_that_lack_memory_together_come_again(train):
    """All at once or one after the other, the last one too: it ran beside the others. Then each is alone, and alone and
    still without room it has failed."""
    lack, slow = Outcome(Fate.OUT_OF_MEMORY, "out of memory"), Progress(0, 3, 1, 9)
    for script in (([lack, DONE], [lack, DONE]), ([lack, DONE], [slow, lack, DONE]), ([lack, DONE], [lack, lack])):
        failed, crew = train(*script, workers=2)

        assert failed == ([f"{run(1).cell.key} seed 1: out of memory"] if script[1] == [lack, lack] else [])
        assert [seed for seed, _ in crew.given][:2] == [0, 1]
        assert sorted(crew.given[2:]) == [(0, 1), (1, 1)]


def test_a_process_that_the_system_killed_had_no_memory(train):
    """On a CPU, beside others: it comes again with fewer neighbours."""
    slow = [Progress(0, 3, step, 9) for step in range(4)]
    failed, crew = train([*slow, DONE], [-signal.SIGKILL, DONE], workers=2)

    assert failed == []
    assert crew.given == [(0, 1), (1, 2), (1, 1)]


def test_runs_of_a_lost_process_are_tried_once_more_each_alone(train):
    """One of three threads takes the process with it, and again when it is alone: only that run has failed."""
    lost = Outcome(Fate.LOST, "illegal memory access")
    slow = Progress(0, 3, 1, 9)
    failed, crew = train([slow, DONE], [lost, -signal.SIGSEGV], [DONE], workers=3, settings=GPU)
    assert failed == [f"{run(1).cell.key} seed 1: its process ended with status -11"]
    assert crew.hired == [3, 1, 1]
    assert crew.given[3:] == [(1, 1), (0, 1)]  # run 2 was recorded before


def test_asked_to_end_it_starts_nothing_and_says_how_to_go_on(train, tmp_path):
    """Runs at work are asked once, and the exit status says: go on."""
    stop = StopSign()

    class Asked(Listener):
        def progressed(self, run, progress):
            stop.ask("SIGTERM")

    crew = Crew(
        {0: [Progress(0, 3, 1, 9), Progress(0, 3, 2, 9), Outcome(Fate.PAUSED, "paused")], 1: [DONE]}, Store(tmp_path)
    )
    fleet = Fleet(crew, 1, Asked(), stop)
    fleet.train([run(0), run(1)])

    assert (crew.asked, fleet.unfinished, [seed for seed, _ in crew.given]) == (1, 2, [0])
    with pytest.raises(Paused, match=r"2 of 2 runs to go \(SIGTERM\)") as paused:
        train([DONE], [DONE], stop=stop)
    assert paused.value.exit_status == EXIT_GO_ON


def test_who_shares_the_work_leaves_when_others_have_the_rest(train, monkeypatch):
    """Runs that are held elsewhere are left to their workers, without waiting for what becomes of them."""
    monkeypatch.setattr(fleet_module, "RETRY_SECONDS", 1e9)
    held = Outcome(Fate.BUSY, "another")
    failed, crew = train([held], [Progress(0, 3, 1, 9), DONE], [held], sharing=True)

    assert failed == []
    assert crew.script == {0: [], 1: [], 2: []}


def test_who_shares_the_work_does_not_leave_a_dead_workers_run(train, monkeypatch):
    """Its lease is over after a while: until then the run is asked for again."""
    monkeypatch.setattr(fleet_module, "SURE_SECONDS", 1e9)
    held = Outcome(Fate.BUSY, "another")
    failed, crew = train([held, held, DONE], [DONE], sharing=True)

    assert (failed, crew.script) == ([], {0: [], 1: []})


def test_an_error_of_the_one_that_gives_out_lets_runs_save(tmp_path, monkeypatch):
    """They are asked to end, and their last words are waited for, before their processes are ended."""

    def broken(self, run, progress):
        raise OSError("a line that cannot be written")

    monkeypatch.setattr(Listener, "progressed", broken)
    crew = Crew({0: [Progress(0, 3, 1, 9), Progress(0, 3, 2, 9), Outcome(Fate.PAUSED, "saved")]}, Store(tmp_path))
    with pytest.raises(OSError, match="cannot be written"):
        fleet_module.Fleet(crew, 1, Listener(), StopSign()).train([run(0)])

    assert (crew.asked, crew.script) == (1, {0: []})


@pytest.mark.parametrize(("given", "used", "starts"), [(600, 530, 2), (600, 550, 0), (60, 20, 2), (60, 40, 0)])
def test_no_run_is_started_that_has_no_time_to_save(train, given, used, starts):
    """As long as no start has been seen, a minute is left for it, but at most half the time that there is in all."""
    now = [0.0]

    class Late(StopSign):
        """The time passes while the fleet is made ready."""

        def seconds_left(self):
            left, now[0] = super().seconds_left(), used
            return left

    stop = Late(given, clock=lambda: now[0])
    if starts:
        assert train([DONE], [DONE], stop=stop)[1].given == [(0, 1), (1, 1)]
        return
    with pytest.raises(Paused, match=r"2 of 2 runs to go \(the time that is left is too short to start another\)"):
        train([DONE], [DONE], stop=stop)


def test_a_worker_that_was_asked_to_end_gets_no_further_run(train):
    """As by kill or by a watcher of the memory, which the fleet does not see: it would pause every run after a step."""
    failed, crew = train([Outcome(Fate.PAUSED, "paused"), DONE], [DONE])
    assert (failed, crew.hired) == ([], [1, 1])

    failed, crew = train([Outcome(Fate.PAUSED, "paused"), DONE], [DONE], workers=2, settings=GPU)
    assert (failed, crew.hired) == ([], [2, 2])


def test_a_gpu_has_at_most_31_runs_side_by_side(train):
    """PyTorch has 32 streams; a thread takes one."""
    _, crew = train(*[[DONE]] * 40, workers=64, settings=GPU)

    assert crew.hired == [31]


def test_runs_come_by_cell_on_a_gpu():
    """A table is planned seed by seed; a cell is compiled once for all its seeds."""
    cells = [run(0).cell, run(0, reduction=8).cell]
    planned = [replace(run(seed), cell=cell) for seed, cell in itertools.product(range(3), cells)]

    assert by_cell(planned) == [replace(run(seed), cell=cell) for cell in cells for seed in range(3)]
