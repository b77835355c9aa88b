"""The search over designs: a space without holes, a front, and table files that commands take."""

import functools
from dataclasses import replace

import pytest

from ablations.protocols import IMAGENET_100EP
from senet_lab.cli import catalogue
from senet_lab.errors import StudyError
from senet_lab.models.registry import build_model
from senet_lab.search import design
from senet_lab.search.design import DesignSpace, search_designs, spec_of, words
from senet_lab.search.files import front_table, write_designs
from senet_lab.search.journal import Journal
from senet_lab.search.table_file import table_source
from senet_lab.study import Row, SESpec, Table
from tests.search.test_searches import Pretended, silent
from tests.test_house import SOURCES, imports, module_of
from tests.tiny import BACKBONE, TINY, cell

space_of = functools.cache(design.space_of)


@pytest.fixture(scope="module", autouse=True)
def _one_space():
    """A search takes the space that another test found: it follows from the network, and builds it a hundred times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(design, "space_of", space_of)
        yield


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Twenty designs whose error follows from their reduction, and whose time from the name of their gate."""
    journal = Journal(tmp_path_factory.mktemp("designs") / "d.journal")
    designs, importances = search_designs(cell(TINY), 20, journal, Pretended(), silent)
    return journal, designs, importances


@pytest.mark.parametrize("smallest_in", ["all stages", pytest.param("every set", marks=pytest.mark.slow)])
def test_the_space_has_only_designs_that_can_be_built(smallest_in):
    """At every point, in every set of stages from one to all: the largest reductions of each stage, and the smallest.
    Where the largest divide a width, so do the smallest, so these stand in all stages alone by default."""
    space = space_of(BACKBONE, 10)
    small = ["all"] if smallest_in == "all stages" else space.stages
    for integration in space.integrations:
        for stages, place in [(stages, 0) for stages in small] + [(stages, -1) for stages in space.stages]:
            ratios = {f"reduction_{stage}": found[place] for stage, found in space.reductions.items()}
            spec = spec_of({"stages": stages, "integration": integration, **ratios, "reduction_3": 4})
            build_model(BACKBONE, spec, 10, device="meta")

    assert space == DesignSpace(
        reductions={2: (2, 4, 8, 16), 3: (2, 4, 8, 16, 32), 4: (2, 4, 8, 16, 32)},
        stages=("all", "2", "3", "4", "2+3", "2+4", "3+4"),
        integrations=("standard", "pre", "post", "identity", "conv3x3"),
    )


def test_parameters_mean_a_design():
    """A one-dimensional convolution has no reduction; equal reductions are one for all, others one for each stage."""
    values = {"stages": "2+4", "gate": "tanh", "excitation": "conv1d", "integration": "pre"}
    ratios = {"reduction_2": 8, "reduction_3": 2, "reduction_4": 8}
    other = {**ratios, "reduction_4": 16}

    assert SESpec(stages=(2, 4), gate="tanh", excitation="conv1d", integration="pre") == spec_of({**values, **ratios})
    assert words(spec_of({**values, **ratios})) == "stages 2+4, pre, tanh, conv1d"
    assert spec_of({"stages": "2+4", **ratios}) == SESpec(stages=(2, 4), reduction=8)
    assert spec_of({"stages": "2+4", **other}) == SESpec(stages=(2, 4), stage_reductions=(8, 16))
    assert spec_of({"stages": "all", **other}) == SESpec(stage_reductions=(8, 2, 16))
    late = {"reduction_3": 4, "reduction_4": 8}
    assert spec_of({"stages": "all", **late}) == SESpec(stages=(3, 4), stage_reductions=(4, 8))
    assert words(spec_of({"stages": "2+4", **other})) == "r=8+16, stages 2+4, standard, sigmoid, fc"


def test_no_design_of_the_front_is_beaten_in_all_three(searched):
    """And each of the others is beaten, or equalled, by one of the front."""
    _, designs, _ = searched
    numbers = {one.number: (one.error_pct, one.multiply_adds, one.step_seconds) for one in designs}
    front = {one.number for one in designs if one.on_front}

    def beaten(a, b):
        return all(x >= y for x, y in zip(a, b, strict=True)) and a != b

    assert len(designs) == 20
    assert front == {n for n, a in numbers.items() if not any(beaten(a, b) for b in numbers.values())}
    assert 0 < len(front) < 12


def test_what_mattered_is_a_share_of_each_choice(searched):
    """For each objective over every choice, adding up to one; time follows the gate's name here."""
    _, _, importances = searched

    assert {"held_out_error_pct", "multiply_adds", "step_seconds"} == set(importances)
    assert {"stages", "reduction_2", "reduction_3", "reduction_4", "integration", "gate", "excitation"} == set(
        importances["step_seconds"]
    )
    assert sum(importances["step_seconds"].values()) == pytest.approx(1.0)
    assert max(importances["step_seconds"], key=importances["step_seconds"].get) == "gate"


def test_a_later_call_makes_the_missing_ones_only(searched):
    """Nothing is trained where there are as many trials in all."""
    journal, designs, _ = searched
    trainer = Pretended()

    assert designs == search_designs(cell(TINY), 20, journal, trainer, silent)[0]
    assert trainer.calls == []


def test_few_trials_tell_no_importances(tmp_path):
    """The best quarter of two trials is none."""
    _, importances = search_designs(cell(TINY), 2, Journal(tmp_path / "d.journal"), Pretended(), silent)

    assert importances == {}


def test_times_of_two_machines_are_not_mixed(searched):
    """Nor are two searches side by side, which would disturb each other's times; the journal stays."""
    journal, designs, _ = searched
    other = Pretended()
    other.machine = "another processor (8 threads)"
    with pytest.raises(StudyError, match=r"times of a step on a processor \(1 thread\), which cannot stand beside"):
        search_designs(cell(TINY), 21, journal, other, silent)
    lease = journal.claim("designs")
    with pytest.raises(StudyError, match="another process searches these designs"):
        search_designs(cell(TINY), 21, journal, Pretended(), silent)
    lease.give_back()

    assert search_designs(cell(TINY), 20, journal, Pretended(), silent)[0] == designs


def test_photos_are_refused(tmp_path):
    """Before a journal is begun."""
    with pytest.raises(StudyError, match="32 x 32"):
        search_designs(cell(IMAGENET_100EP), 1, Journal(tmp_path / "j"), Pretended(), silent)
    assert list(tmp_path.iterdir()) == []


def test_the_front_is_a_table_file_that_commands_take(searched, tmp_path, drawn):
    """The plain network and each design of the front, under the cell's own protocol, read back as they were."""
    _, designs, importances = searched
    paths = write_designs(tmp_path, cell(TINY), designs, importances)
    table = catalogue.find_table(str(tmp_path / "front_table.py"))

    assert table == front_table(cell(TINY), designs)
    assert (table.row("plain").cell.se, table.baseline) == (None, "plain")
    assert {row.cell.se for row in table.rows[1:]} == {one.se for one in designs if one.on_front}
    assert {row.cell.protocol for row in table.rows} == {TINY}
    assert {"designs.csv", "designs.png", "importances.csv"} <= {path.name for path in paths}


def test_a_table_file_reads_back_as_the_table_whatever_its_text(tmp_path):
    """Protocols that differ, baselines of rows, quotes in labels and captions: the same value, the same keys."""
    other = cell(replace(TINY, name="other", weight_decay=3.217e-05), stages=(2, 3), gate="tanh")
    table = Table(
        edition="mine",
        number="3",
        topic="odd",
        caption='The "odd" one, r\'s and """ in it \\',
        baseline="a",
        rows=(
            Row("a", replace(cell(TINY), se=None)),
            Row('b "x"', other, baseline="a"),
        ),
        companions={},
    )
    path = tmp_path / "odd.py"
    path.write_text(table_source(table, 'a """ in the text \\', tmp_path))

    assert table == catalogue.find_table(str(path))
    assert [r.cell.key for r in table.rows] == [r.cell.key for r in catalogue.find_table(str(path)).rows]


def test_only_what_a_search_leaves_knows_reports():
    """What trains and chooses imports no page and no picture."""
    room = {module_of(path): path for path in SOURCES if module_of(path).startswith("senet_lab.search.")}

    assert {"senet_lab.search.files", "senet_lab.search.retest"} == {
        name for name, path in room.items() if any(other.startswith("senet_lab.report") for other in imports(path))
    }
