"""CIFAR-10 and CIFAR-100: the recipes of the journal's tables 4 and 5, and a companion of the ImageNet tables."""

from dataclasses import replace

from senet_lab.study.protocol import Dataset, Precision, Protocol
from senet_lab.study.schedule import Decay, Schedule

# Batch size, momentum and weight decay are those of He et al. 2016b. TPAMI section 5.1 uses their recipe for CIFAR.
CIFAR10 = Protocol(
    name="cifar10",
    title="CIFAR-10, 200 epochs",
    dataset=Dataset.CIFAR10,
    num_classes=10,
    image_size=32,
    train_images=50_000,
    test_images=10_000,
    evaluation_split="test",
    batch_size=128,
    epochs=200,
    schedule=Schedule(decay=Decay.STEPS, peak_lr=0.1, milestones=(100.0, 150.0), warmup_steps=400, warmup_lr=0.01),
    weight_decay=1e-4,
    precision=Precision.BF16,
    departures=(
        "a companion of an ImageNet table: another data set, network and schedule; compared by sign and order only",
        "arithmetic in bfloat16 (autocast)",
    ),
)

CIFAR100 = replace(CIFAR10, name="cifar100", title="CIFAR-100, 200 epochs", dataset=Dataset.CIFAR100, num_classes=100)

# TPAMI section 5.1 trains each CIFAR network as its own paper does. He et al. 2016b: batch 128, lr 0.1 divided by 10 at
# 32k and 48k iterations, lr 0.01 for the first 400, weight decay 1e-4. The end at 64k iterations is from He et al.
# 2016a.
CIFAR_TABLES = (
    "reduction ratio 16 and FC layers with biases: the paper states neither for CIFAR",
    "one number a run, at the last epoch; the original papers give medians or means of several runs",
    "arithmetic in bfloat16 (autocast)",
)

CIFAR10_HE2016 = replace(
    CIFAR10,
    name="cifar10-he2016",
    title="CIFAR-10, the pre-activation ResNets' recipe (64k iterations)",
    epochs=164,
    schedule=Schedule(
        decay=Decay.STEPS,
        peak_lr=0.1,
        milestones=(82.05128, 123.07692),  # steps 32,000 and 48,000, with 390 steps in an epoch
        warmup_steps=400,
        warmup_lr=0.01,
    ),
    departures=(
        "164 epochs of 390 whole batches are 63,960 iterations, for 64,000",
        "plain momentum: the paper does not say whether it is Nesterov's",
        "where the shape changes the shortcut is a 1x1 convolution, in ResNet-110 too; the paper does not say there",
        *CIFAR_TABLES,
    ),
)

# Zagoruyko & Komodakis 2016: Nesterov, weight decay 5e-4, lr 0.1 times 0.2 at epochs 60, 120 and 160; 200 epochs.
CIFAR10_WRN = replace(
    CIFAR10,
    name="cifar10-wrn",
    title="CIFAR-10, the wide ResNets' recipe (200 epochs)",
    schedule=Schedule(decay=Decay.STEPS, peak_lr=0.1, milestones=(60.0, 120.0, 160.0), factor=0.2),
    nesterov=True,
    weight_decay=5e-4,
    departures=("zero padding, as the SE paper says; the wide ResNets' own code reflects the image", *CIFAR_TABLES),
)

# Gastaldi 2017: Nesterov, cosine to zero over 1800 epochs, lr 0.2 with batch 128. The weight decay is from its code.
CIFAR10_SHAKE = replace(
    CIFAR10,
    name="cifar10-shake",
    title="CIFAR-10, Shake-Shake with Cutout (1800 epochs)",
    epochs=1800,
    schedule=Schedule(decay=Decay.COSINE, peak_lr=0.2),
    nesterov=True,
    cutout=16,
    departures=(
        "batch norm over 128 images; the original splits the batch over two GPUs",
        "SE after the random mix of the two branches: the paper does not say where it sits",
        "Cutout of 16 pixels, the Cutout paper's length: the SE paper names none",
        *CIFAR_TABLES,
    ),
)

CIFAR100_HE2016, CIFAR100_WRN = (
    replace(
        protocol,
        name=protocol.name.replace("cifar10-", "cifar100-"),
        title=protocol.title.replace("CIFAR-10,", "CIFAR-100,"),
        dataset=Dataset.CIFAR100,
        num_classes=100,
    )
    for protocol in (CIFAR10_HE2016, CIFAR10_WRN)
)

# Gastaldi 2017, Shake-Even-Image for CIFAR-100: batch 32, lr 0.025, weight decay 5e-4, the rest as above.
CIFAR100_SHAKE_EVEN = replace(
    CIFAR10_SHAKE,
    name="cifar100-shake-even",
    title="CIFAR-100, Shake-Even with Cutout (1800 epochs)",
    dataset=Dataset.CIFAR100,
    num_classes=100,
    batch_size=32,
    schedule=Schedule(decay=Decay.COSINE, peak_lr=0.025),
    weight_decay=5e-4,
    cutout=8,
    departures=(
        "batch norm over 32 images; the original splits the batch over two GPUs",
        CIFAR10_SHAKE.departures[1],
        "projections of 1x1 with batch norm on the shortcuts, as in ResNeXt: the paper does not say",
        "Cutout of 8 pixels, the Cutout paper's length: the SE paper names none. The published plain network's "
        "15.85 equals Shake-Even's own number without Cutout; here both networks have Cutout",
        *CIFAR_TABLES,
    ),
)

# A reproduction report on SE-ResNets for CIFAR-10: 300 epochs, batch 64, lr 0.1, momentum. It shows curves only.
CIFAR10_300EP = replace(
    CIFAR10,
    name="cifar10-300ep",
    title="CIFAR-10, a reproduction report's recipe (300 epochs)",
    batch_size=64,
    epochs=300,
    schedule=Schedule(decay=Decay.STEPS, peak_lr=0.1, milestones=(150.0, 225.0)),
    departures=(
        "lr divided by 10 at epochs 150 and 225, weight decay 1e-4, padded crops and flips: the report states none of "
        "them; its loss falls sharply near epoch 150",
        "FC layers without biases: the report does not say",
        CIFAR_TABLES[1],
        CIFAR_TABLES[2],
    ),
)
