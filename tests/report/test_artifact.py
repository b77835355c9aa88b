"""The artifact appendix: its commands, its minutes, its digests, and what it leaves out."""

from dataclasses import replace

import pytest

from senet_lab.records.cost import CostModel
from senet_lab.records.record import scientific_digest
from senet_lab.records.sequential import SequentialPlan, begin_plan
from senet_lab.report.artifact import artifact_blocks, write_artifact
from senet_lab.report.artifact_commands import DATA_DISK, UNDECLARED, AppendixInputs, table_command
from senet_lab.report.load import load
from senet_lab.study import Row, Run, SESpec
from senet_lab.study.claim import Claim, Costs, Lower, Quantity
from senet_lab.study.counts import network_key
from senet_lab.study.protocol import Crop, Dataset, PhotoSet
from senet_lab.study.small_photos import table_from_small_photos
from tests.samples import PLAIN, PROTOCOL, PROVENANCE, SE, SYNTHETIC, TABLE, comparisons_of, counted, filled, finished

OTHER = replace(PROTOCOL, name="other", epochs=3)
PAPER = replace(TABLE, rows=tuple(Row(row.label, replace(row.cell, protocol=OTHER)) for row in TABLE.rows))
COUNTS = {network_key(PLAIN): counted(1, 0, 5_678), network_key(SE): counted(1, 0, 5_678)}


def blocks_of(root, *records, table=PAPER, declared=(PROTOCOL, OTHER)):
    filled(root, *records)
    loaded = load(root, "results")
    inputs = AppendixInputs(CostModel(loaded.records, COUNTS), {PLAIN.key: 3 << 30, SE.key: 1 << 30}, declared)
    return artifact_blocks([table], comparisons_of(table, [loaded]), inputs, root)


def lines_of(block):
    return [dict(zip(block.columns, line, strict=True)) for line in block.lines]


def claims_of(root, *records, tables, claims):
    """The lines of the appendix about claims."""
    filled(root, *records)
    loaded = load(root, "results")
    compared = [one for table in tables for one in comparisons_of(table, [loaded], claims, counts=COUNTS)]
    inputs = AppendixInputs(CostModel(loaded.records, COUNTS), {}, (PROTOCOL, OTHER))
    return lines_of(artifact_blocks(list(tables), compared, inputs, root)[3])


FRESH = Row("SE, r=8", replace(SE, se=SESpec(reduction=8)))
NEXT = replace(TABLE, number="98", rows=(TABLE.rows[0], FRESH))
ABOUT = Claim(
    name="c", table=TABLE, statement="it holds", source="here", parts=(Lower("SE", "SE, r=8"),), rows=(FRESH,)
)


def test_a_claims_command_trains_all_rows_of_the_claim(tmp_path):
    """A further row of the claim is trained as a row of another table; its minutes count, too."""
    records = [finished(cell, seed) for cell in (PLAIN, SE, FRESH.cell) for seed in (0, 1)]
    (line,) = claims_of(tmp_path, *records, tables=(TABLE, NEXT), claims=(ABOUT,))
    first, second = line["command"].split(" && ")

    assert first == "make table99 PROTOCOL=paper SEEDS=2 RESULTS=again"
    assert second == "senet-lab train table98 --row 'SE, r=8' --protocol paper --seeds 2 --results again"
    assert line["minutes"] == f"{6 * 12.5 / 60:.0f}"
    assert line["expected verdict"] == "undetermined"


def test_a_verdict_from_fewer_runs_than_the_command_trains_says_so(tmp_path):
    """SE has one seed, plain two: the command trains two of each. What is counted depends on no seed."""
    counted_alone = replace(ABOUT, name="d", parts=(Costs("SE", "plain", Quantity.PARAMETERS, 1.0),))
    compared = replace(ABOUT, parts=(Lower("SE", "plain"),), rows=())
    records = [finished(PLAIN), finished(PLAIN, 1), finished(SE)]
    lines = claims_of(tmp_path, *records, tables=(TABLE,), claims=(compared, counted_alone))

    assert [line["expected verdict"] for line in lines] == ["one seed: no test, from fewer runs", "supported"]


def test_a_run_of_another_folder_is_verified_there(tmp_path):
    """The command finds its record."""
    filled(tmp_path / "my runs", finished(PLAIN), finished(SE))
    loaded = load(tmp_path / "my runs", "my runs")
    inputs = AppendixInputs(CostModel(loaded.records, COUNTS), {}, (PROTOCOL, OTHER))
    _, _, runs, *_ = artifact_blocks([TABLE], comparisons_of(TABLE, [loaded]), inputs, tmp_path)

    assert {line["command"] for line in lines_of(runs)} == {
        f"senet-lab verify {cell.key}/0 --results '{tmp_path}/my runs'" for cell in (PLAIN, SE)
    }


def test_a_table_has_its_command_and_what_it_takes(tmp_path):
    """Three runs recorded, four asked for by two seeds; 12.5 s a run are 50 s; the larger memory of both rows."""
    _, trained, *_ = blocks_of(tmp_path, finished(PLAIN), finished(PLAIN, 1, 220), finished(SE))
    (line,) = lines_of(trained)

    assert line["command"] == "make table99 PROTOCOL=sample SEEDS=2 RESULTS=again"
    assert (line["runs"], line["minutes"], line["memory of a run"], line["disk"]) == ("4", "1", "3.0 GB", "0.4 GB")
    assert line["tolerance, points"] == "± 25.42"


def test_a_plan_is_copied_before_its_table_is_trained(tmp_path):
    """Without it the verdicts would be those of one test of all seeds."""
    plan = SequentialPlan(table=PAPER.slug, protocol="sample", most_seeds=2, level=0.05)
    begin_plan(tmp_path, plan)
    _, trained, *_ = blocks_of(tmp_path, finished(PLAIN), finished(SE))

    copied = f"mkdir -p again/sequential && cp results/sequential/{PAPER.slug}-sample.json again/sequential/ && "
    assert lines_of(trained)[0]["command"] == f"{copied}make table99 PROTOCOL=sample RESULTS=again"


def test_a_recipe_on_small_photos_is_declared_with_its_recipe(tmp_path):
    """Its name is taken by --protocol, though no table of protocols has it."""
    recipe = replace(PROTOCOL, dataset=Dataset.IMAGENETTE, crop=Crop.RESIZED_CROP, resize=256, crop_padding=0)
    own = replace(TABLE, rows=tuple(Row(row.label, replace(row.cell, protocol=recipe)) for row in TABLE.rows))
    small = table_from_small_photos(own)
    (compared,) = comparisons_of(TABLE, [load(filled(tmp_path, finished(PLAIN), finished(SE)).root, "results")])
    view = replace(compared.view, table=small)

    assert table_command(view, [recipe]) == "make table99 PROTOCOL=sample-photos400 RESULTS=again"
    assert table_command(view, []) == UNDECLARED


def test_without_two_seeds_no_tolerance_is_told(tmp_path):
    """And the command trains one seed."""
    _, trained, *_ = blocks_of(tmp_path, finished(PLAIN), finished(SE))
    (line,) = lines_of(trained)

    assert line["tolerance, points"].startswith("not told")
    assert line["command"] == "make table99 PROTOCOL=sample RESULTS=again"


def test_every_run_has_its_digest(tmp_path):
    """That of what was measured, as `show` prints it."""
    records = [finished(PLAIN), finished(SE)]
    _, _, runs, *_ = blocks_of(tmp_path, *records)

    assert {line["run"]: line["digest of what was measured, first digits"] for line in lines_of(runs)} == {
        f"{record.run.cell.key}/0": scientific_digest(record)[:16] for record in records
    }
    assert all(line["command"] == f"senet-lab verify {line['run']}" for line in lines_of(runs))


def test_the_command_that_draws_a_run_finds_one(tmp_path):
    """12.5, 125 and 250 s: of the limit that the note names, 3 minutes, two are within."""
    records = [finished(PLAIN), finished(SE), finished(FRESH.cell)]
    slow = [
        replace(one, provenance=replace(PROVENANCE, train_seconds=s))
        for one, s in zip(records[1:], (125, 250), strict=True)
    ]
    table = replace(PAPER, rows=(*PAPER.rows, Row("r=8", replace(FRESH.cell, protocol=OTHER))))
    _, _, runs, *_ = blocks_of(tmp_path, records[0], *slow, table=table)

    assert [int(line["minutes"]) for line in lines_of(runs)].count(0) == 1
    assert "senet-lab verify --minutes 3 draws one of those that take so long at most." in runs.notes


def test_what_is_measured_as_published_is_not_among_what_is_not_run(tmp_path):
    """A companion leaves its paper's table there."""
    *_, companion = blocks_of(tmp_path / "a", finished(PLAIN), finished(SE))
    *_, own = blocks_of(tmp_path / "b", finished(PLAIN), finished(SE), table=TABLE)

    assert [line["command"] for line in lines_of(companion)] == ["make table99 PROTOCOL=paper"]
    assert own.lines == ()


def test_a_protocol_that_went_away_has_no_command(tmp_path):
    """Since the one of that name may train otherwise."""
    _, trained, *_ = blocks_of(tmp_path, finished(PLAIN), finished(SE), declared=(replace(PROTOCOL, version=2), OTHER))

    assert lines_of(trained)[0]["command"] == "none: its protocol is not declared any more"


def test_own_photos_are_named_where_a_command_needs_them(tmp_path):
    """The recipe, which is declared, and the folder, which the project does not have."""
    photos = PhotoSet(name="mine", digest="0123456789abcdef")
    own = replace(PROTOCOL, name="mine-by-sample", dataset=Dataset.FOLDER, photos=photos, crop=Crop.RESIZED_CROP)
    table = replace(TABLE, rows=tuple(Row(row.label, replace(row.cell, protocol=own)) for row in TABLE.rows))
    records = [finished(row.cell) for row in table.rows]
    _, trained, runs, *_ = blocks_of(tmp_path, *records, table=table)

    assert [line["command"] for line in lines_of(trained)] == ["make table99 PROTOCOL=sample DATA=mine RESULTS=again"]
    assert {line["command"] for line in lines_of(runs)} == {
        f"senet-lab verify {cell.key}/0 --data mine" for cell in table.cells
    }


def test_synthetic_data_have_no_part_in_it(tmp_path):
    """They support nothing."""
    table = replace(TABLE, rows=tuple(Row(row.label, replace(row.cell, protocol=SYNTHETIC)) for row in TABLE.rows))
    _, trained, runs, claims, _ = blocks_of(tmp_path, *(finished(row.cell) for row in table.rows), table=table)

    assert (trained.lines, runs.lines, claims.lines) == ((), (), ())


def test_its_minutes_are_the_plans(tmp_path):
    """One estimate everywhere: the model that plans use is asked for the same runs."""
    _, _, runs, *_ = blocks_of(tmp_path, finished(PLAIN), finished(SE))
    model = CostModel([finished(PLAIN), finished(SE)], COUNTS)

    assert {line["minutes"] for line in lines_of(runs)} == {
        f"{model.total([Run(cell=PLAIN, seed=0)]).seconds / 60:,.0f}"
    }


def test_every_published_data_set_has_its_size():
    """All but generated images and a user's own photos."""
    assert set(Dataset) - set(DATA_DISK) == {Dataset.SYNTHETIC, Dataset.FOLDER}


def test_the_file(tmp_path):
    """One page with five parts."""
    path = write_artifact(blocks_of(tmp_path, finished(PLAIN), finished(SE)), tmp_path)

    assert path.read_text().count("\n## ") == 5


@pytest.mark.parametrize("text", ["[]", '{"a": 0}', '{"a": "x"}', "no json"])
def test_a_damaged_file_of_memory_is_one_line(tmp_path, monkeypatch, text):
    """It names the file and what to do."""
    from senet_lab.cli.memory_needs import memory_of
    from senet_lab.errors import StudyError

    monkeypatch.chdir(tmp_path)
    (tmp_path / "memory.json").write_text(text)

    with pytest.raises(StudyError, match=r"memory\.json.*delete it"):
        memory_of([SE], tmp_path)


def test_memory_is_estimated_once(tmp_path, monkeypatch):
    """And read from the file after that; cells that differ in their SE block share an estimate."""
    from senet_lab.cli.memory_needs import memory_of
    from senet_lab.fleet import memory

    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(memory, "needed_bytes", lambda cells: asked.append(cells) or 5)

    assert memory_of([SE, PLAIN], tmp_path) == memory_of([PLAIN, SE], tmp_path) == {SE.key: 5, PLAIN.key: 5}
    assert len(asked) == 1
