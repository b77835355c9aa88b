"""The record of a detector: AP and resamples in place of errors, and nothing of both."""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from senet_lab.errors import StudyError
from senet_lab.records.precision import RESAMPLES, FoundBoxes, boxes_from_bytes, drawn
from senet_lab.records.record import FileDigests, RecordError, from_json, to_json
from tests.detection.samples import PLAIN, SE, detector, precision
from tests.samples import finished

GOLDEN = Path(__file__).parents[1] / "golden" / "record-schema-3.json"


def test_records_of_schema_3_are_read_for_ever():
    """The committed file of a detector's run has its AP, its resamples and the digest of what it found."""
    record = from_json(GOLDEN.read_text(), "golden")

    assert to_json(record) == GOLDEN.read_text()
    assert (record.run.cell, record.run.seed, record.first, record.second) == (SE, 3, 37.9, pytest.approx(56.85))
    assert record.files == FileDigests(curve="ab" * 32, weights="cd" * 32, boxes="ef" * 32)
    assert record.precision == precision(37.9)
    assert record.text == "AP 37.90 %"
    assert len(record.precision.of_resamples()) == RESAMPLES


def test_a_record_without_boxes_says_nothing_new():
    """Records of networks that name photos keep their schema and their text."""
    body = json.loads(to_json(replace(finished(), files=FileDigests(curve="ab" * 32))))

    assert body["schema"] == 2
    assert "precision" not in body
    assert "boxes" not in body["files"]


@pytest.mark.parametrize(
    "record",
    [
        replace(detector(SE, 0, precision(10.0)), precision=None),
        replace(detector(SE, 0, None), precision=precision(10.0)),
        replace(finished(), precision=precision(10.0)),
        replace(finished(), run=detector(SE, 0, None).run),
        replace(detector(SE, 0, precision(10.0)), top1_error_pct=5.0),
    ],
    ids=["without AP", "failed with AP", "both", "errors of a detector", "an error beside AP"],
)
def test_a_record_has_errors_or_an_ap(record):
    """What its cell measures, and not the other."""
    with pytest.raises(RecordError, match="no valid record"):
        from_json(to_json(record), "it")


def test_a_failed_detector_is_read():
    """It says why."""
    record = from_json(to_json(detector(PLAIN, 1, None)), "it")

    assert (record.first, record.text) == (None, "failed: the training loss is nan in epoch 1")


def test_an_ap_is_a_percentage():
    """Of 1,000 resamples."""
    for wrong in ({"ap_pct": 101.0}, {"photos": 0}, {"resamples": "AAAA"}):
        with pytest.raises(ValueError, match=r"percentage|resamples"):
            dataclasses.replace(precision(10.0), **wrong)


def test_a_resample_has_as_many_photos():
    """Drawn with replacement, the same for whoever asks, another for another number."""
    assert drawn(40, 3).sum() == 40
    assert (drawn(40, 3) == drawn(40, 3)).all()
    assert not (drawn(40, 3) == drawn(40, 4)).all()


def test_found_boxes_survive_their_file():
    """The same boxes give the same bytes; a file of anything else is refused in one line."""
    boxes = FoundBoxes(
        photo=np.array([7, 5]),
        category=np.array([3, 18]),
        box=np.array([[1, 2, 3, 4], [0, 0, 9.5, 9]], dtype=np.float32),
        score=np.array([0.5, 0.25], dtype=np.float32),
    )
    read = boxes_from_bytes(boxes.to_bytes(), "it")

    assert read.to_bytes() == boxes.to_bytes()
    assert list(read.lines()) == [(7, [1, 2, 3, 4], 0.5, 3), (5, [0, 0, 9.5, 9], 0.25, 18)]
    for damaged in (b"", boxes.to_bytes()[:-40], b"PK nothing"):
        with pytest.raises(StudyError, match="here is no file of found boxes"):
            boxes_from_bytes(damaged, "here")


def test_no_changed_byte_of_found_boxes_is_a_traceback():
    """Wherever it is: in the archive's lists, in a header, in compressed numbers."""
    count = 40
    boxes = FoundBoxes(
        photo=np.arange(count) % 7,
        category=np.arange(count) % 3,
        box=np.arange(4 * count, dtype=np.float32).reshape(count, 4),
        score=np.linspace(0, 1, count, dtype=np.float32),
    )
    data, refused = boxes.to_bytes(), 0
    for position in range(0, len(data), 5):
        try:
            boxes_from_bytes(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :], "here")
        except StudyError as error:
            refused += "here is no file of found boxes" in str(error)

    assert refused > len(data) // 10
