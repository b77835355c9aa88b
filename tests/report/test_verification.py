"""A record beside the same run made again: what counts as equal, what excuses a difference, and what is said."""

from dataclasses import replace

import pytest
import torch

from senet_lab.data.open import open_source
from senet_lab.records.curves import curve_csv
from senet_lab.records.publish import read_file
from senet_lab.records.record import FileDigests
from senet_lab.records.store import Store
from senet_lab.report.verification import Outcome, circumstances, verify
from senet_lab.report.verification_text import finding, verification_data, verification_text
from senet_lab.training.progress import silent
from senet_lab.training.run import make
from senet_lab.training.settings import Settings
from tests.detection.samples import SE as DETECTOR
from tests.detection.samples import detector, precision
from tests.samples import PART, PROVENANCE, curve_of_two, failed, finished
from tests.tiny import AUGMENTED, run

CURVES = (curve_csv(curve_of_two()), curve_csv(curve_of_two()))
GATES = (b"epoch,block,mean\n1,SE_2_1,0.5\n", b"epoch,block,mean\n1,SE_2_1,0.5\n")


def made(record, **changes):
    """The record as one part of a run made it."""
    part = replace(PART, **changes)
    where = replace(
        PROVENANCE, revision=part.revision, device=part.device, versions=part.versions, parts=(part,)
    )  # fmt: skip
    return replace(record, provenance=where)


def compared(old, new, curves=CURVES, gates=GATES, of_protocol=()):
    return verify(old, new, curves, gates, of_protocol)


def test_the_same_run_is_equal():
    """All bits, numbers of the curve and of the gates; where nothing differs nothing is excused."""
    found = compared(made(finished()), made(finished()))

    assert (found.outcome, found.holds) == (Outcome.EQUAL, True)
    assert finding(found) == "all 2,000 bits equal"
    assert "numbers of the curve: all 14 equal" in verification_text(found)


def test_equal_bits_by_other_code_are_said_to_be():
    """The revision of both is told."""
    found = compared(made(finished()), made(finished(), revision="fedcba9876543210"))

    assert Outcome.EQUAL is found.outcome
    assert finding(found).endswith("although these differ or may differ: revision 0123456789 -> fedcba9876")


def test_one_other_bit_on_the_same_machine_is_a_difference():
    """However small, and though the error would lie within every interval."""
    found = compared(made(finished()), made(finished(wrong=201), revision="fedcba9876543210"))

    assert (found.outcome, found.holds, found.other_answers) == (Outcome.DIFFERENT, False, 1)
    assert "1 of 2,000 bits differ" in finding(found)
    assert "the code differs (revision 0123456789 -> fedcba9876)" in finding(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"device": "a GPU"}, "device a processor -> a GPU"),
        ({"cpu_flags": ("avx2", "avx512f")}, "vector instructions avx512f fma"),
        ({"versions": {"python": "3.11", "torch": "2.12.0"}}, "torch 2.11.0 -> 2.12.0"),
    ],
)
def test_another_machine_is_judged_by_the_interval(change, said):
    """Seeds that lie 2 points apart allow 3 images more, and not 100."""
    seeds = [finished(seed=0, wrong=200), finished(seed=1, wrong=220)]
    near = compared(made(finished()), made(finished(wrong=203), **change), of_protocol=seeds)
    far = compared(made(finished()), made(finished(wrong=800), **change), of_protocol=seeds)

    assert (near.outcome, far.outcome) == (Outcome.WITHIN, Outcome.OUTSIDE)
    assert said in finding(near)
    assert "+0.30 points, within ± 25.4" in finding(near)
    assert near.allowed.freedom == 1


CUDA = {"device": "a GPU", "versions": {"python": "3.11", "torch": "2.11.0", "cuda": "13.0", "cudnn": "91900"}}


def test_other_bits_on_one_gpu_are_judged_by_the_interval():
    """Nobody has verified that bits are determined there, which is told, with what else may be the cause; equal bits
    need no excuse."""
    seeds = [finished(seed=0, wrong=200), finished(seed=1, wrong=220)]
    near, far, same = (
        compared(made(finished(), **CUDA), made(finished(wrong=wrong), **CUDA), of_protocol=seeds)
        for wrong in (201, 800, 200)
    )
    other_code = compared(
        made(finished(), **CUDA), made(finished(wrong=201), **CUDA, revision="fedcba9876543210"), of_protocol=seeds
    )

    assert (near.outcome, far.outcome, same.outcome) == (Outcome.WITHIN, Outcome.OUTSIDE, Outcome.EQUAL)
    assert "on CUDA, where no run has verified the same bits yet" in finding(near)
    assert "although" not in finding(near)
    assert "the code is the same, too" in finding(near)
    assert "revision 0123456789 -> fedcba9876" in finding(other_code)
    assert finding(same) == "all 2,000 bits equal"


def test_a_detector_on_one_gpu_has_a_reason_of_its_own():
    """Its numbers are judged by the interval there; on a CPU they are compared as bits are."""
    old, new = (made(detector(DETECTOR, 0, precision(ap)), **CUDA) for ap in (30.0, 30.1))
    seeds = [detector(DETECTOR, seed, precision(30.0 + 2 * seed)) for seed in (0, 1)]
    found = compared(old, new, of_protocol=seeds)

    assert Outcome.WITHIN is found.outcome
    assert "on CUDA, where a detector's gradients are added up in no fixed order" in finding(found)


def test_without_two_seeds_the_images_alone_judge():
    """And that is said: 20 images are wrong only now, which chance alone would split."""
    found = compared(made(finished()), made(finished(wrong=220), device="a GPU"), of_protocol=[finished()])

    assert Outcome.OUTSIDE is found.outcome
    assert "over images alone" in finding(found)


def test_a_record_that_names_no_instructions_may_be_of_another_processor():
    """Names of processors are shared by many; schema 1 has no more than them."""
    found = compared(finished(), made(finished(wrong=201), versions=PROVENANCE.versions))

    assert found.other_machine == ["vector instructions"]
    assert "vector instructions not recorded" in finding(found)
    assert "processor" not in circumstances(made(finished()))


def test_other_data_say_nothing():
    """Even where bits are equal."""
    other = replace(PROVENANCE, data_sha256={"train": "aa", "test": "cc"})
    found = compared(finished(), replace(finished(), provenance=other))

    assert (found.outcome, found.holds) == (Outcome.OTHER_DATA, False)
    assert "test sha256 bb -> cc" in finding(found)


def test_a_failed_run_that_fails_again_is_equal():
    """There are no bits then; a run that fails only now is not."""
    assert finding(compared(failed(), failed())) == "the run failed again, at the same step"
    assert Outcome.OUTSIDE is compared(finished(), made(failed())).outcome
    assert verification_data(compared(finished(), made(failed())))["difference_points"] is None


def test_a_detector_is_compared_by_its_ap():
    """All numbers of AP and of its resamples, and the boxes by their digest; the answers have no bits."""
    record = made(replace(detector(DETECTOR, 0, precision(30.0)), files=FileDigests(boxes="ab")))
    same = compared(record, record)
    other = compared(record, made(replace(detector(DETECTOR, 0, precision(30.1)), files=FileDigests(boxes="cd"))))

    assert (same.outcome, finding(same)) == (Outcome.EQUAL, "all 1,008 numbers of AP equal")
    assert other.outcome is Outcome.DIFFERENT
    assert "found boxes: not the same" in verification_text(other)


def test_a_detector_on_another_machine_is_judged_by_resamples_or_seeds():
    """Without two seeds by the photos, on which both scatter alike, so that any difference lies outside; with two seeds
    that are two points apart by these."""
    old, new = (
        made(detector(DETECTOR, 0, precision(30.0))),
        made(detector(DETECTOR, 0, precision(30.5)), device="a GPU"),
    )
    seeds = [detector(DETECTOR, seed, precision(30.0 + 2 * seed)) for seed in (0, 1)]
    by_photos, by_seeds = compared(old, new), compared(old, new, of_protocol=seeds)

    assert (by_photos.outcome, by_seeds.outcome) == (Outcome.OUTSIDE, Outcome.WITHIN)
    assert "AP: 30.00 % recorded, 30.50 % again; +0.50 points, within ± 25.41" in finding(by_seeds)
    assert verification_data(by_seeds)["again_ap_pct"] == 30.5


def test_files_that_are_not_here_are_not_compared():
    """And that is no difference; a changed number is."""
    without = compared(finished(), finished(), curves=(None, CURVES[1]), gates=(None, GATES[1]))
    changed = compared(finished(), finished(), gates=(GATES[0], GATES[1].replace(b"0.5", b"0.6")))

    assert Outcome.EQUAL is without.outcome
    assert "numbers of the curve: not compared, the record has no file of it here" in verification_text(without)
    assert "numbers of the gates' health: 1 of 3 differ" in verification_text(changed)


def test_a_run_that_is_trained_twice_is_equal(tmp_path):
    """The tiny protocol, in two stores: bits, curve and gates."""
    protocol = replace(AUGMENTED, test_images=20, epochs=2)
    source, one = open_source(protocol, torch.device("cpu")), run(protocol=protocol)
    stores = [Store(tmp_path / name) for name in ("first", "again")]
    records = [make(one, source, store, Settings(), silent) for store in stores]
    pairs = list(zip(records, stores, strict=True))
    found = verify(
        *records, *([read_file(store, r, name) for r, store in pairs] for name in ("curve", "gates")), records
    )

    assert (found.outcome, found.answers, found.other_machine) == (Outcome.EQUAL, 40, [])
    assert [one.differing for one in found.compared] == [0] * 6
    assert None not in [one.count for one in found.compared]
