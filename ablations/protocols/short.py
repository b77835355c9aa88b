"""Short schedules for a CPU, and a demonstration on synthetic images. All are far shorter than the paper's."""

from dataclasses import replace

from ablations.protocols.cifar import CIFAR10
from senet_lab.study.protocol import HELD_OUT, Crop, Dataset, Precision, Protocol
from senet_lab.study.schedule import Decay, Schedule

DEMO = Protocol(
    name="demo",
    title="synthetic images, a demonstration",
    dataset=Dataset.SYNTHETIC,
    num_classes=10,
    image_size=32,
    train_images=2_000,
    test_images=1_000,
    evaluation_split="test",
    crop=Crop.NONE,
    crop_padding=0,
    flip=False,
    batch_size=25,
    epochs=5,
    schedule=Schedule(decay=Decay.COSINE, peak_lr=0.1, warmup_steps=40, warmup_ramp=True),
    weight_decay=5e-4,
    precision=Precision.FP32,
    departures=("generated images: these errors say nothing about any real data set",),
)

CIFAR10_QUICK = replace(
    CIFAR10,
    name="cifar10-quick",
    title="CIFAR-10, short schedule for a CPU",
    batch_size=64,
    epochs=2,
    schedule=Schedule(decay=Decay.COSINE, peak_lr=0.1, warmup_steps=200, warmup_ramp=True),
    weight_decay=5e-4,
    precision=Precision.FP32,
    departures=(
        CIFAR10.departures[0],
        "2 epochs: far from convergence, so differences are those of early training",
    ),
)

TEN_EPOCHS = "10 epochs, peak rate first by a linear ramp over two of them: far from the paper's length"

# Ten epochs on one CPU core: after so short a schedule, effects may differ from the paper's. The peak rate was chosen
# among PEAK_RATES on held-out training images (selection_table1_peak_rate.py): it has the lowest mean error over the
# plain network and SE r=16. All rows have the same rate. It is the highest of the tried rates; a higher one might be
# better.
CIFAR10_SHORT = replace(
    CIFAR10,
    name="cifar10-short",
    title="CIFAR-10, 10 epochs",
    epochs=10,
    schedule=Schedule(decay=Decay.COSINE, peak_lr=0.2, warmup_steps=780, warmup_ramp=True),  # two epochs of 390
    nesterov=True,
    weight_decay=5e-4,
    departures=(
        CIFAR10.departures[0],
        TEN_EPOCHS,
        CIFAR10.departures[1],
        "the peak rate is the best of 0.05, 0.1 and 0.2, by one run each of the plain network and SE r=16 on held-out "
        "training images; higher ones were not tried",
    ),
)
CIFAR100_SHORT = replace(
    CIFAR10_SHORT,
    name="cifar100-short",
    title="CIFAR-100, 10 epochs",
    dataset=Dataset.CIFAR100,
    num_classes=100,
    departures=(*CIFAR10_SHORT.departures[:3], "the peak rate is that of cifar10-short, chosen on CIFAR-10"),
)
CIFAR10_SHORT_HELD_OUT = replace(
    CIFAR10_SHORT,
    name="cifar10-short-held-out",
    title="CIFAR-10, 10 epochs, evaluated on held-out training images",
    train_images=45_000,
    test_images=5_000,
    evaluation_split=HELD_OUT,
    schedule=replace(CIFAR10_SHORT.schedule, warmup_steps=702),  # two epochs of 351
    departures=(
        *CIFAR10_SHORT.departures[:3],
        "45,000 training images; the error is that of the 5,000 others, every tenth of the training set",
    ),
)
PEAK_RATES = (0.05, 0.1, 0.2)
PEAK_RATE_CANDIDATES = tuple(
    replace(
        CIFAR10_SHORT_HELD_OUT,
        name=f"cifar10-short-peak-{rate:g}",
        title=f"CIFAR-10, 10 epochs, peak rate {rate:g}, evaluated on held-out training images",
        schedule=replace(CIFAR10_SHORT_HELD_OUT.schedule, peak_lr=rate),
    )
    for rate in PEAK_RATES
)
