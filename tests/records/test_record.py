"""A record's file says exactly what was measured, or is refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from senet_lab.records.image_bits import ImageBits
from senet_lab.records.record import NO_FILES, SCHEMA, FileDigests, RecordError, from_json, to_json
from senet_lab.study import SESpec
from senet_lab.study.cell import to_plain
from tests.samples import IMAGES, PLAIN, PROVENANCE, SE, altered, failed, finished

GOLDEN = Path(__file__).parents[1] / "golden"


def read_bytes(data: bytes):
    """As a store reads it."""
    return from_json(data.decode("utf-8", errors="replace"), "the/path.json")


def test_schema_1_is_read_for_ever():
    """The committed file of a finished run has these values; it is never written anew."""
    record = from_json((GOLDEN / "record-schema-1.json").read_text(), "golden")

    assert (record.run.cell, record.run.seed) == (SE, 3)
    assert (record.status, record.failure) == ("finished", None)
    assert (record.top1_error_pct, record.top5_error_pct, record.best_top1_error_pct) == (21.5, 10.7, 21.5)
    assert record.correct_top1.unpack().tolist() == [False] * 215 + [True] * 785
    assert record.correct_top5.unpack().tolist() == [False] * 107 + [True] * 893
    assert (record.trainable, record.multiply_adds) == (1_234, 5_678)
    assert record.provenance == PROVENANCE
    assert (record.run.cell.protocol.title, record.run.cell.protocol.departures) == (
        "a sample",
        ("it is never trained",),
    )


def test_schema_2_is_read_for_ever():
    """It names the files that belong to the run; of schema 1 the same run names none."""
    text = (GOLDEN / "record-schema-2.json").read_text()
    record = from_json(text, "golden")

    assert json.loads(text)["schema"] == 2
    assert record.files == FileDigests(curve="ab" * 32, weights="cd" * 32)
    assert to_json(dataclasses.replace(record, files=NO_FILES)) == (GOLDEN / "record-schema-1.json").read_text()
    assert text == to_json(record)


def test_a_block_with_a_reduction_for_each_stage_is_of_schema_3():
    """Its block has a reduction ratio for each stage; an earlier version refuses it as of a later one."""
    text = (GOLDEN / "by-stage-record-schema-3.json").read_text()
    record = from_json(text, "golden")

    assert json.loads(text)["schema"] == 3
    assert record.run.cell.se == SESpec(stage_reductions=(4, 8, 16))
    assert text == to_json(record)


def test_every_schema_has_a_golden_record():
    """One that is written once and read for ever."""
    assert [f"record-schema-{n}.json" for n in range(1, SCHEMA + 1)] == sorted(
        path.name for path in GOLDEN.glob("record-schema-*.json")
    )


def test_failed_runs_of_schema_1_are_read_for_ever():
    """The committed file of a failed run says why, and has no errors."""
    record = from_json((GOLDEN / "failed-record-schema-1.json").read_text(), "golden")

    assert (record.run.cell, record.run.seed) == (PLAIN, 1)
    assert (record.status, record.failure) == ("failed", "the loss is nan at step 7")
    assert [
        record.top1_error_pct,
        record.best_top1_error_pct,
        record.correct_top1,
        record.correct_top5,
    ] == [None] * 4


@pytest.mark.parametrize("record", [finished(), finished(seed=4, wrong=0), finished(wrong=IMAGES), failed()])
def test_records_survive_their_file(record):
    """Reading and writing again gives the same bytes."""
    text = to_json(record)

    assert text == to_json(from_json(text, "path"))


def test_files_are_written_the_same_way():
    """Sorted keys, one fact a line, ASCII, a newline at the end: the committed files come out again."""
    for name, record in (("record", finished(seed=3, wrong=215)), ("failed-record", failed(PLAIN, seed=1))):
        text = (GOLDEN / f"{name}-schema-1.json").read_text()
        keys = [line.split('"')[1] for line in text.splitlines() if line.startswith(' "')]

        assert text == to_json(record)
        assert sorted(keys) == keys
        assert text.isascii()
        assert text.endswith("}\n")


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_no_changed_byte_is_believed(flip):
    """Every byte, one bit flipped: refused with the path, or the record is still the same."""
    data = to_json(finished()).encode()
    refusals, believed = [], []
    for position in range(len(data)):
        damaged = data[:position] + bytes([data[position] ^ flip]) + data[position + 1 :]
        try:
            record = read_bytes(damaged)
        except RecordError as error:
            refusals.append(str(error))
        else:
            believed.append(to_json(record).encode())

    assert all(text.startswith("the/path.json is no valid record") for text in refusals)
    assert len(refusals) > 1_900
    assert [data] * len(believed) == believed


def test_no_cut_file_is_believed():
    """A file that ends early is refused wherever it was cut; only the last newline may be missing."""
    data = to_json(finished()).encode()
    whole = {len(data) - 1, len(data)}

    for length in {*range(0, len(data), 101), len(data) - 2} - whole:
        with pytest.raises(RecordError, match=r"the/path\.json is no valid record"):
            read_bytes(data[:length])


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "3", '"text"', "{}", '{"schema": 1}', "{" * 99, "[" * 99_999, "\0" * 400]
)
def test_other_files_are_refused(text):
    """Whatever is no record raises RecordError, with the path and what to do."""
    with pytest.raises(RecordError, match=r"the/path\.json is no valid record .*; restore it from git, or delete it"):
        from_json(text, "the/path.json")


LATER = [
    {"schema": SCHEMA + 1},
    {"temperature": 21.5},
    {"provenance": dataclasses.asdict(PROVENANCE) | {"weather": "rain"}},
    {"cell": to_plain(SE, prose=True) | {"colour": "red"}},
]


@pytest.mark.parametrize("body", LATER)
def test_a_record_of_a_later_version_asks_for_an_update(body):
    """A later schema, or a fact that is not known here: nobody is told to delete what is healthy."""
    with pytest.raises(RecordError, match=r"^path was written by a later version \(.*\); update senet_lab$"):
        from_json(altered(finished(), **body), "path")


@pytest.mark.parametrize("schema", [0, -1, "1", None, True, 1.0])
def test_a_schema_is_a_whole_number_from_1(schema):
    """Anything else is damage, not the future."""
    with pytest.raises(RecordError, match="path is no valid record"):
        from_json(altered(finished(), schema=schema), "path")


def test_a_changed_fact_is_refused():
    """An error edited by hand does not fit the digest."""
    text = to_json(finished(wrong=200)).replace('"top1_error_pct": 20.0', '"top1_error_pct": 19.0')

    with pytest.raises(RecordError, match="digest does not fit"):
        from_json(text, "path")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"key": PLAIN.key}, "its key is not that of its cell"),
        ({"top1_error_pct": 19.0}, "top1_error_pct is not that of its images"),
        ({"top5_error_pct": 11.0}, "top5_error_pct is not that of its images"),
        ({"images": 2_000}, "1000 bits for 2000 images"),
        ({"images": 0}, "no images"),
        ({"images": "1000"}, "no images"),
        ({"images": 999}, "bits after the last image|is not that of its images"),
        ({"correct_top1": "?"}, "path is no valid record"),
        ({"correct_top1": None}, "a finished run with correct_top1 None"),
        ({"best_top1_error_pct": None}, "a finished run with best_top1_error_pct None"),
        ({"status": "failed"}, "status 'failed' with failure None"),
        ({"status": "failed", "failure": "it diverged"}, "a failed run with images 1000"),
        ({"failure": "it diverged"}, "status 'finished' with failure 'it diverged'"),
        ({"status": "done"}, "status 'done'"),
        ({"seed": "0"}, "seed is '0'"),
        ({"seed": -1}, "seed is -1"),
        ({"trainable": None}, "trainable is None"),
        ({"provenance": {"device": "a processor"}}, "revision"),
        ({"cell": {}}, "missing fields"),
        ({"cell": None}, "None is no Cell"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(body, named):
    """Even where the digest fits, a record whose parts disagree is not believed."""
    with pytest.raises(RecordError, match=named):
        from_json(altered(finished(), **body), "path")


def test_altered_is_otherwise_believed():
    """The digest of these tests' altered records fits: it is not the digest that refuses them."""
    assert to_json(finished()) == altered(finished())


def test_no_number_that_is_none_is_written():
    """NaN never reaches a file."""
    record = finished()
    object.__setattr__(record, "best_top1_error_pct", float("nan"))

    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(record)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 1_000])
def test_bits_survive_packing(n):
    """As many entries come back as went in, the first image in the highest bit."""
    correct = np.arange(n) % 3 == 0

    assert correct.tolist() == ImageBits.from_base64(ImageBits.of(correct).base64(), n).unpack().tolist()
    assert ImageBits.of(np.array([True] + [False] * 7)).base64() == "gA=="


def test_errors_are_percentages_of_whole_images():
    """One wrong of three is 33.3333 %."""
    assert ImageBits.of(np.array([True, False, True])).error_pct == 33.3333
    assert (ImageBits.of(np.ones(7, bool)).error_pct, ImageBits.of(np.zeros(7, bool)).error_pct) == (0.0, 100.0)


def test_the_message_is_one_line():
    """A path, a reason and a way out, without a line break."""
    with pytest.raises(RecordError) as caught:
        from_json(json.dumps({"schema": 1}), "the/path.json")

    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.exit_status == 2
