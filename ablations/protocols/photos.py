"""Other recipes on photos: Places365, Imagenette, and a short recipe for ImageNet.

A departure that concerns the data set begins with "data:". It is dropped where the recipe trains a user's own photos.
"""

from dataclasses import replace

from ablations.protocols.imagenet import IMAGENET_100EP
from senet_lab.study.protocol import Dataset, Precision
from senet_lab.study.schedule import Decay, Schedule

# CVPR 2018 table 5, TPAMI table 6. The paper states data and networks. For the recipe it cites another group's release,
# whose evaluation is known: the central 224 pixels of copies with 256 x 256 pixels.
PLACES365 = replace(
    IMAGENET_100EP,
    name="places365",
    title="Places365-Standard, the main ImageNet recipe (100 epochs)",
    dataset=Dataset.PLACES365,
    num_classes=365,
    train_images=1_803_460,
    test_images=36_500,
    departures=(
        "data: Places365-Standard, 1.8 million training images; the paper trains on Places365-Challenge, 8 million",
        "batch 1024, rate 0.6 divided by 10 every 30 epochs, 100 epochs, weight decay 1e-4: the paper's ImageNet "
        "recipe, since it states none for Places365",
        "data: copies of 256 x 256 pixels, whose aspect ratio is lost, in training as well as in evaluation",
        "normalised by the mean and standard deviation of ImageNet's pixels",
        *IMAGENET_100EP.departures[3:],
    ),
)

# Ten of ImageNet's classes, in photos with a shorter side of 160 pixels. With them a CPU can train the paper's own
# networks. No value was chosen on validation photos: rate and batch have the ratio of 0.2 to 256, the schedule is a
# cosine, and label smoothing and weight decay are the usual ones for short training on few images.
IMAGENETTE = replace(
    IMAGENET_100EP,
    name="imagenette",
    title="Imagenette, ten ImageNet classes at 128 pixels (30 epochs)",
    dataset=Dataset.IMAGENETTE,
    num_classes=10,
    image_size=128,
    train_images=9_469,
    test_images=3_925,
    resize=146,
    batch_size=64,
    epochs=30,
    schedule=Schedule(decay=Decay.COSINE, peak_lr=0.05, warmup_steps=735, warmup_ramp=True),  # five epochs of 147
    weight_decay=5e-4,
    label_smoothing=0.1,
    precision=Precision.FP32,
    departures=(
        "data: another set, ten classes of ImageNet, 9,469 training photos; its errors are no errors on ImageNet and "
        "are compared by sign and order only",
        "data: photos whose shorter edge has 160 pixels",
        "crops of 128 pixels; in evaluation the central 128 of a shorter edge of 146",
        "30 epochs, batch 64, peak rate 0.05 by a ramp over five epochs, then cosine; weight decay 5e-4; label "
        "smoothing 0.1",
        *IMAGENET_100EP.departures[1:2],
        "crop area 8-100 %, aspect 3/4-4/3, mirrored; no other augmentation",
    ),
)

# A network of ResNet-50's size trains by this recipe in one to two hours on one CPU core. Nothing was tuned: batch
# and rate have the ratio of IMAGENETTE, rounded.
IMAGENETTE_SHORT = replace(
    IMAGENETTE,
    name="imagenette-short",
    title="Imagenette, 300 photos a class at 64 pixels (3 epochs)",
    image_size=64,
    resize=73,
    train_images=3_000,
    train_images_per_class=300,
    batch_size=30,
    epochs=3,
    schedule=Schedule(decay=Decay.COSINE, peak_lr=0.025, warmup_steps=100, warmup_ramp=True),  # one epoch
    precision=Precision.BF16,
    departures=(
        *IMAGENETTE.departures[:2],
        "300 training photos a class, evenly spaced in the order of their names",
        "crops of 64 pixels; in evaluation the central 64 of a shorter edge of 73",
        "3 epochs, batch 30, peak rate 0.025 by a ramp over one epoch, then cosine; weight decay 5e-4; label smoothing "
        "0.1: far from convergence, so differences are those of early training",
        *IMAGENETTE.departures[4:],
        "arithmetic in bfloat16 (autocast)",
    ),
)

# Public recipes for one machine reach about the error of the paper's baseline in 16 to 18 epochs, since they begin with
# small crops. The DAWNBench entry of 2018 has crops of 128, 224 and 288 pixels. Later recipes for one GPU have crops
# that grow from 160 to 192 pixels, with label smoothing and without decay of batch norm. The evaluation is the paper's,
# 224 of 256 pixels. Nothing was tuned here.
FAST_SIZES = (128,) * 7 + (160,) * 4 + (192,) * 4 + (224,) * 3
IMAGENET_FAST = replace(
    IMAGENET_100EP,
    name="imagenet-fast",
    title="ImageNet-2012, a short recipe with growing crops (18 epochs)",
    epochs=18,
    training_sizes=FAST_SIZES,
    batch_size=512,
    # Two epochs of 2,502 steps.
    schedule=Schedule(decay=Decay.COSINE, peak_lr=0.5, warmup_steps=5_004, warmup_ramp=True),
    nesterov=True,
    weight_decay=5e-5,
    decay_norm_and_bias=False,
    label_smoothing=0.1,
    departures=(
        "18 epochs in place of 100: a row becomes affordable, and its errors are not the paper's",
        "crops of 128 pixels for seven epochs, 160 and 192 for four each, 224 for three; the paper trains on 224",
        "batch 512, Nesterov's momentum, peak rate 0.5 by a ramp over two epochs, then cosine to zero",
        "weight decay 5e-5 on the weights of convolutions and FC layers alone; label smoothing 0.1",
        *IMAGENET_100EP.departures[1:],
    ),
)
