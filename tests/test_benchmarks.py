"""Races on contenders that only sleep, and the tables that are made of a file of results. No test depends on a time."""

import json

import pytest

from benchmarks import table
from benchmarks.race import Contender, Slices, race
from senet_lab.errors import StudyError
from senet_lab.report.speed import speed_blocks
from tests.sleepers import broken, sleeper


@pytest.mark.slow
def test_every_contender_is_timed_in_every_round():
    """Two rounds of two contenders, one of two copies that count together; each was ready before the first."""
    said = []
    contenders = [
        Contender("one", sleeper, {"seconds": 0.001}, images=8, threads=1),
        Contender("two", sleeper, {"seconds": 0.001}, images=8, threads=1, copies=2),
    ]
    times = race(contenders, Slices(rounds=2, steps=3, settle=1, warm_up=1), said.append)

    assert {name: len(seconds) for name, seconds in times.items()} == {"one": 2, "two": 2}
    assert all(seconds >= 0.001 for seconds in times["one"])
    assert all(seconds >= 0.0005 for seconds in times["two"])
    assert [text[:10] for text in said] == ["one: ready", "two: ready", "round 1 of", "round 2 of"]


@pytest.mark.slow
def test_a_contender_that_breaks_is_named(capfd):
    """And the others do not stay behind."""
    with pytest.raises(RuntimeError, match="the contender 'broken' ended before the race"):
        race([Contender("broken", broken, {}, images=1, threads=1)], Slices(rounds=1, steps=1), print)


def section(result):
    return {
        "revision": "0123456789abcdef",
        "versions": {"torch": "2.11.0"},
        "finished_at": "2026-01-02T03:04:05+00:00",
        "rounds": 3,
        "steps": 10,
        "result": result,
    }


RESULTS = {
    "device": "A (processor)",
    "cores": 2,
    "sections": {
        "executors": section(
            {
                "SE-net": {
                    "bare loop": {"images_a_second": 400.0, "times_bare_loop": 1.0, "times_default_lightning": 1.1},
                    "device loop": {
                        "images_a_second": 1000.4,
                        "times_bare_loop": 2.501,
                        "times_default_lightning": 2.7,
                    },
                }
            }
        ),
        "price": section({"net, training": {"without, eager": {"price": 1.0}, "ours, eager": {"price": 1.04}}}),
        "lightning": section({"milliseconds_a_step": 0.512}),
    },
}


def test_results_become_tables_that_name_their_device(tmp_path, monkeypatch):
    """Rates with their ratio, the price, Lightning's cost; device, rounds, revision. Other files are left out."""
    monkeypatch.setattr(table, "FOLDER", tmp_path)
    table.file_of("A (processor)").write_text(json.dumps(RESULTS))
    (tmp_path / "inference.json").write_text(json.dumps({"studies": 3}))
    readme = tmp_path / "README.md"
    readme.write_text("head\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\ntail\n")
    table.write_readme(readme)
    text = readme.read_text()

    assert table.file_of("A (processor)").name == "a-processor.json"
    assert "old" not in text
    assert "A (processor), 2 cores" in text
    for cell in (
        "400 (1.00, 1.10)",
        "1000 (2.50, 2.70)",
        "1.040",
        "0.51",
        "3 interleaved rounds",
        "revision 0123456789",
    ):
        assert cell in text
    assert text.startswith("head\n")
    assert text.endswith("<!-- /benchmarks -->\ntail\n")


def test_a_section_without_a_result_is_left_out_and_each_names_its_own_cores(tmp_path):
    """A file of an older version may have an empty one; the number of cores of one section is not the other's."""
    sections = {name: dict(section) for name, section in RESULTS["sections"].items()}
    sections["price"]["result"] = {}
    sections["executors"]["cores"] = 1
    (tmp_path / "a.json").write_text(json.dumps({**RESULTS, "sections": sections}))
    titles = [block.title for block in speed_blocks(tmp_path)]

    assert [title for title in titles if "price" in title] == []
    assert next(title for title in titles if title.startswith("Training")).endswith("A (processor), 1 cores")


@pytest.mark.parametrize("text", ["no json", '{"sections": {"executors": {}}, "device": "A", "cores": 2}'])
def test_a_damaged_file_is_one_line(tmp_path, text):
    """It names the file and what to do."""
    (tmp_path / "a.json").write_text(text)

    with pytest.raises(StudyError, match=r"a\.json.*make bench"):
        speed_blocks(tmp_path)


def test_a_section_keeps_what_was_measured_under_the_same_conditions():
    """Another network joins; another revision begins anew."""
    first = table.joined({}, {"revision": "a", "rounds": 5}, {"net": 1})
    second = table.joined(first, {"revision": "a", "rounds": 5}, {"other": 2})

    assert second["result"] == {"net": 1, "other": 2}
    assert table.joined(second, {"revision": "b", "rounds": 5}, {"other": 3})["result"] == {"other": 3}
