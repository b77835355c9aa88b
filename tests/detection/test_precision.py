"""AP by COCO's own code on found boxes, and of resamples by ours: both agree."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from senet_lab.data.coco import read_boxes
from senet_lab.records.precision import FoundBoxes
from senet_lab.training import coco_evaluation
from senet_lab.training.coco_evaluation import average_precision, evaluated, matches_of, precision_of
from tests.detection.boxes import annotations_file, coco_folder

pytest.importorskip("pycocotools")


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    root = coco_folder(tmp_path_factory.mktemp("boxes"), train=2, test=9)
    return read_boxes(annotations_file(root, "val"), root / "val")


def as_found(truth, which, score=1.0):
    """Objects as if they had been found."""
    categories = np.array([number for number, _ in truth.categories])
    return FoundBoxes(
        photo=truth.numbers[truth.photo[which]],
        category=categories[truth.labels[which] - 1],
        box=truth.boxes[which].astype(np.float32),
        score=np.full(len(which), score, dtype=np.float32),
    )


def noisy(truth, count=150, seed=0):
    """Boxes near objects, with scores that tie."""
    rng = np.random.default_rng(seed)
    which = rng.choice(np.flatnonzero(~truth.crowd), size=count)
    found = as_found(truth, which)
    box = found.box + rng.normal(0, 3, found.box.shape)
    box[:, 2:] = box[:, 2:].clip(1)
    return replace(found, box=box.astype(np.float32), score=rng.integers(1, 20, count).astype(np.float32) / 20)


@pytest.fixture
def few(monkeypatch):
    """Three resamples in place of a thousand; the others are zero."""
    resampled = coco_evaluation.resampled

    def of_few(matches, photos, look):
        monkeypatch.setattr(coco_evaluation, "RESAMPLES", 3)
        found = resampled(matches, photos, look)
        return np.concatenate([found, np.zeros(997)])

    monkeypatch.setattr(coco_evaluation, "resampled", of_few)


def test_the_objects_themselves_score_100(truth, few):
    """Every object found with its own box, crowds not: 100 at every overlap."""
    found = precision_of(truth, as_found(truth, np.flatnonzero(~truth.crowd)))

    assert (found.ap_pct, found.ap50_pct, found.ap75_pct) == (100.0, 100.0, 100.0)
    assert found.of_resamples()[:3].tolist() == [100.0] * 3
    assert (found.photos, found.boxes) == (9, 16)


def test_nothing_found_scores_0(truth, few):
    """No box, no error."""
    found = precision_of(truth, as_found(truth, np.array([], dtype=int)))

    assert (found.ap_pct, found.boxes) == (0.0, 0)


def test_our_ap_is_that_of_cocos_code(truth):
    """Every photo once: equal to 1e-9, and neither perfect nor nothing."""
    evaluation = evaluated(truth, noisy(truth))
    ours = average_precision(matches_of(evaluation, truth.numbers), np.ones(len(truth), dtype=int))

    assert ours == pytest.approx(evaluation.stats[0], abs=1e-9)
    assert 0.05 < ours < 0.95


def test_numbers_of_photos_beyond_those_of_a_float_are_exact(truth):
    """Neighbours of 2**53, which a float cannot tell apart: the boxes stay with their photos."""
    large = replace(truth, numbers=2**53 + 1 + np.arange(len(truth)))
    found = noisy(truth)
    moved = replace(found, photo=large.numbers[np.searchsorted(truth.numbers, found.photo)])

    assert evaluated(large, moved).stats.tolist() == evaluated(truth, found).stats.tolist()


@pytest.mark.parametrize("boxes", [0, 150])
def test_the_faster_code_gives_the_same_precision(truth, few, monkeypatch, boxes):
    """With faster-coco-eval and without it: every number and every resample equal to 1e-9, or None in both."""
    pytest.importorskip("faster_coco_eval")
    found = noisy(truth, boxes) if boxes else as_found(truth, np.array([], dtype=int))
    fast = precision_of(truth, found)
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)  # what Python keeps of a package that is not there
    slow = precision_of(truth, found)

    names = [name for name in coco_evaluation.SUMMARY if getattr(slow, name) is not None]
    assert [getattr(fast, name) for name in names] == pytest.approx([getattr(slow, name) for name in names], abs=1e-9)
    assert [name for name in coco_evaluation.SUMMARY if getattr(fast, name) is not None] == names
    assert fast.resamples == slow.resamples


def test_a_faster_code_that_counts_otherwise_is_not_used(truth, few, monkeypatch):
    """Where its AP is not that of the matches, pycocotools' numbers stand."""
    expected = precision_of(truth, noisy(truth))
    monkeypatch.setattr(coco_evaluation, "_faster_evaluation", lambda truth, found: [0.5] * 6)

    assert precision_of(truth, noisy(truth)) == expected


def test_a_photo_that_counts_twice_is_there_twice(truth):
    """AP of a resample is what COCO's code says of the photos written out, the left out ones left out."""
    times = np.array([2, 0, 1, 3, 0, 1, 1, 0, 1])
    found = noisy(truth)
    copies = [(photo, copy) for photo in range(len(truth)) for copy in range(times[photo])]
    numbers = {pair: 1000 + place for place, pair in enumerate(copies)}
    objects = [(i, (p, c)) for p, c in copies for i in np.flatnonzero(truth.photo == p)]
    written = replace(
        truth,
        numbers=np.array(list(numbers.values())),
        photo=np.array([copies.index(pair) for _, pair in objects]),
        **{name: getattr(truth, name)[[i for i, _ in objects]] for name in ("boxes", "labels", "crowd", "areas")},
    )
    place = {number: index for index, number in enumerate(truth.numbers.tolist())}
    lines = [(i, (p, c)) for i in range(len(found)) for p, c in copies if p == place[int(found.photo[i])]]
    chosen = [i for i, _ in lines]
    copied = FoundBoxes(
        photo=np.array([numbers[pair] for _, pair in lines]),
        category=found.category[chosen],
        box=found.box[chosen],
        score=found.score[chosen],
    )
    ours = average_precision(matches_of(evaluated(truth, found), truth.numbers), times)

    assert ours == pytest.approx(evaluated(written, copied).stats[0], abs=0.02)  # ties fall otherwise
    distinct = replace(found, score=np.random.default_rng(5).permutation(len(found)).astype(np.float32) / 1000 + 0.1)
    ours = average_precision(matches_of(evaluated(truth, distinct), truth.numbers), times)
    theirs = evaluated(written, replace(copied, score=distinct.score[chosen])).stats[0]
    assert ours == pytest.approx(theirs, abs=1e-9)
