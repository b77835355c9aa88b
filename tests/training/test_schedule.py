"""Learning rates at known steps."""

from dataclasses import replace

import pytest

from ablations.protocols import CIFAR10, CIFAR10_QUICK, IMAGENET_100EP, IMAGENET_PLATEAU
from senet_lab.study.schedule import Decay, Schedule
from senet_lab.training.schedule import learning_rate, plateau_drops

PLATEAU = Schedule(decay=Decay.PLATEAU, peak_lr=0.1, patience=2, drops=3)


@pytest.mark.parametrize(("epoch", "rate"), [(0, 0.6), (29, 0.6), (30, 0.06), (60, 0.006), (90, 0.0006)])
def test_the_main_recipe_divides_by_ten_every_30_epochs(epoch, rate):
    """CVPR section 5: 0.6, divided by 10 every 30 epochs."""
    assert pytest.approx(rate) == learning_rate(IMAGENET_100EP, epoch * IMAGENET_100EP.steps_per_epoch)


@pytest.mark.parametrize(("step", "rate"), [(0, 0.01), (399, 0.01), (400, 0.1), (39_000, 0.01), (58_500, 0.001)])
def test_the_cifar_recipe_warms_up_for_400_steps(step, rate):
    """0.01 for 400 steps, then 0.1, divided by ten at epochs 100 and 150 of 390 steps."""
    assert pytest.approx(rate) == learning_rate(CIFAR10, step)


def test_the_cosine_ends_near_zero_and_peaks_after_its_ramp():
    """The last ramp step and the first cosine step have the peak rate; the last step nearly none."""
    schedule = CIFAR10_QUICK.schedule
    last = CIFAR10_QUICK.epochs * CIFAR10_QUICK.steps_per_epoch - 1

    assert pytest.approx(schedule.peak_lr / schedule.warmup_steps) == learning_rate(CIFAR10_QUICK, 0)
    assert schedule.peak_lr == learning_rate(CIFAR10_QUICK, schedule.warmup_steps - 1)
    assert schedule.peak_lr == learning_rate(CIFAR10_QUICK, schedule.warmup_steps)
    assert 0 < learning_rate(CIFAR10_QUICK, last) < 1e-5 * schedule.peak_lr * 10


@pytest.mark.parametrize(
    ("losses", "drops"),
    [
        ([], 0),
        ([3, 2, 1], 0),
        ([3, 2, 2.5], 0),
        ([3, 2, 2, 2], 1),
        ([3, 2, 2.5, 1, 1.5, 1.5], 1),
        ([3, 2, 2, 2, 2, 2], 2),
        ([3] + [3] * 20, 3),
    ],
)
def test_a_plateau_is_patience_epochs_without_a_lower_loss(losses, drops):
    """Equal losses wait; each drop starts the count anew; there are no more drops than the schedule has."""
    assert drops == plateau_drops(PLATEAU, losses)


def test_a_plateau_schedule_drops_by_its_factor():
    """After one plateau the rate is a tenth."""
    protocol = replace(IMAGENET_PLATEAU, schedule=PLATEAU)

    assert pytest.approx(0.01) == learning_rate(protocol, 10_000, [3, 2, 2, 2])
