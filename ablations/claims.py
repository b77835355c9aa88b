"""The paper's statements about its tables, as comparisons of rows. Each is in our words, with its place in the paper.

They compare top-1 errors, average precision for detectors, or counted parameters and multiply-adds. The paper has no
tests. Where it calls rows equal, or one row no worse, the claim uses MARGIN, or the number that the paper names (0.1
points for the last stage). MARGIN is less than a third of the gain by SE in the journal's ablations (1.02 points).

The last claim is no statement of the paper. It is the question of this project's experiment.
"""

from collections.abc import Iterable
from itertools import pairwise

from ablations import (
    cvpr2018_table2_imagenet,
    cvpr2018_table3_mobile,
    cvpr2018_table4_sota,
    cvpr2018_table5_places365,
    cvpr2018_table6_coco,
    cvpr2018_table7_reduction,
    experiment_table1_gate_start,
    tpami_table2_imagenet,
    tpami_table3_mobile,
    tpami_table4_cifar10,
    tpami_table5_cifar100,
    tpami_table6_places365,
    tpami_table7_coco,
    tpami_table8_sota,
    tpami_table10_reduction,
    tpami_table11_squeeze,
    tpami_table12_gate,
    tpami_table13_stages,
    tpami_table14_integration,
    tpami_table15_se3x3,
    tpami_table16_nosqueeze,
)
from ablations.tpami_ablations import PLAIN, variant
from senet_lab.study import Row, Table
from senet_lab.study.claim import Claim, Costs, Equivalent, Higher, LargerGain, Lower, NotWorse, Part, Quantity

MARGIN = 0.3  # points of top-1 error

T2, T3, T7 = cvpr2018_table2_imagenet.TABLE, cvpr2018_table3_mobile.TABLE, cvpr2018_table7_reduction.TABLE
P5, P6 = cvpr2018_table5_places365.TABLE, tpami_table6_places365.TABLE
C6, C7 = cvpr2018_table6_coco.TABLE, tpami_table7_coco.TABLE
J2, J3 = tpami_table2_imagenet.TABLE, tpami_table3_mobile.TABLE
J10, J11, J12 = tpami_table10_reduction.TABLE, tpami_table11_squeeze.TABLE, tpami_table12_gate.TABLE
J13, J14 = tpami_table13_stages.TABLE, tpami_table14_integration.TABLE
J15, J16 = tpami_table15_se3x3.TABLE, tpami_table16_nosqueeze.TABLE
GATE_START = experiment_table1_gate_start.TABLE

PLAIN_ROW = Row("ResNet-50", PLAIN, "ResNet-50", printed_in="10")  # of the same recipe as tables 11 to 16
WITHOUT_LAST = Row("SE without stage 5", variant(stages=(2, 3, 4)))
RESNETS = ("ResNet-50", "ResNet-101", "ResNet-152")
EVERY = "every network (in the paper: on {paper})"
IN_PLACES = "ResNet-152 (in the paper: on Places365)"


def _se_lower(names: Iterable[str]) -> tuple[Part, ...]:
    return tuple(Lower(f"SE-{name}", name) for name in names)


def _plain_names(table: Table) -> tuple[str, ...]:
    return tuple(row.label for row in table.rows if row.cell.se is None)


def _networks(table: Table, name: str, section: str, what: str) -> Claim:
    return Claim(
        name=name,
        table=table,
        statement=f"SE lowers the error of {what}",
        source=section,
        parts=_se_lower(_plain_names(table)),
    )


def _detectors(table: Table, name: str, source: str) -> Claim:
    return Claim(
        name=name,
        table=table,
        statement="SE raises the average precision of Faster R-CNN at every depth of its trunk",
        source=source,
        parts=tuple(Higher(f"SE-{plain}", plain) for plain in _plain_names(table)),
    )


def _of_networks(table: Table, edition: str, section: str) -> tuple[Claim, ...]:
    """The statements about table 2. Both editions make them."""
    return (
        Claim(
            name=f"{edition}-depth",
            table=table,
            statement="SE lowers the error of ResNets at every depth",
            source=section,
            parts=_se_lower(RESNETS),
        ),
        Claim(
            name=f"{edition}-other-networks",
            table=table,
            statement="SE lowers the error of ResNeXts, VGG-16, BN-Inception and Inception-ResNet-v2 too",
            source=section,
            parts=_se_lower(name for name in _plain_names(table) if name not in RESNETS),
        ),
        Claim(
            name=f"{edition}-50-as-101",
            table=table,
            statement=f"SE-ResNet-50 is no worse than ResNet-101 (by {MARGIN} points)",
            source=section,
            parts=(NotWorse("SE-ResNet-50", "ResNet-101", MARGIN),),
        ),
        Claim(
            name=f"{edition}-101-below-152",
            table=table,
            statement="SE-ResNet-101 is better than ResNet-152",
            source=section,
            parts=(Lower("SE-ResNet-101", "ResNet-152"),),
        ),
        Claim(
            name=f"{edition}-cheap",
            table=table,
            statement="SE costs less than 1 % more multiply-adds",
            source=section,
            parts=tuple(Costs(f"SE-{name}", name, Quantity.MULTIPLY_ADDS, 1.0, 1.01) for name in _plain_names(table)),
            transfers=False,  # holds for images of 224 pixels only
        ),
        Claim(
            name=f"{edition}-parameters",
            table=table,
            statement="SE-ResNet-50 has about 10 % more parameters than ResNet-50 (9.5 to 10.5 %)",
            source=section,
            parts=(Costs("SE-ResNet-50", "ResNet-50", Quantity.PARAMETERS, 1.095, 1.105),),
            transfers=False,  # holds for networks with 1000 classes only
        ),
    )


def _of_reduction(table: Table, edition: str, section: str, ratios: tuple[str, ...]) -> tuple[Claim, ...]:
    return (
        Claim(
            name=f"{edition}-every-ratio",
            table=table,
            statement="SE lowers the error at every reduction ratio",
            source=section,
            parts=tuple(Lower(ratio, "original") for ratio in ratios),
        ),
        Claim(
            name=f"{edition}-ratio-parameters",
            table=table,
            statement="A larger ratio has fewer parameters",
            source=section,
            parts=tuple(Costs(larger, smaller, Quantity.PARAMETERS, 0.0, 1.0) for smaller, larger in pairwise(ratios)),
        ),
    )


def _robust_ratio(table: Table, edition: str, section: str) -> Claim:
    return Claim(
        name=f"{edition}-robust-ratio",
        table=table,
        statement=f"Between r=4 and r=16 the ratio matters little ({MARGIN} points)",
        source=section,
        parts=tuple(Equivalent(a, b, MARGIN) for a, b in (("r=4", "r=8"), ("r=8", "r=16"), ("r=4", "r=16"))),
    )


def _senet_154(table: Table, edition: str, section: str) -> Claim:
    return Claim(
        name=f"{edition}-senet-154",
        table=table,
        statement="SENet-154 is better than ResNet-152",
        source=section,
        parts=(Lower("SENet-154", "ResNet-152"),),
    )


CLAIMS = (
    *_of_networks(T2, "cvpr2018", "CVPR 2018, sections 4 and 6.1, table 2"),
    _networks(T3, "cvpr2018-mobile", "CVPR 2018, section 6.1, table 3", "MobileNet and ShuffleNet"),
    *_of_reduction(T7, "cvpr2018", "CVPR 2018, section 6.4, table 7", ("r=4", "r=8", "r=16", "r=32")),
    _senet_154(cvpr2018_table4_sota.TABLE, "cvpr2018", "CVPR 2018, section 6.1, table 4"),
    _networks(P5, "cvpr2018-places365", "CVPR 2018, section 6.2, table 5", IN_PLACES),
    _detectors(C6, "cvpr2018-coco", "CVPR 2018, section 6.3, table 6"),
    *_of_networks(J2, "tpami", "TPAMI, sections 4 and 5.1, table 2"),
    _networks(J3, "tpami-mobile", "TPAMI, section 5.1, table 3", "MobileNet and ShuffleNet"),
    _networks(
        tpami_table4_cifar10.TABLE, "tpami-cifar10", "TPAMI, section 5.1, table 4", EVERY.format(paper="CIFAR-10")
    ),
    _networks(
        tpami_table5_cifar100.TABLE, "tpami-cifar100", "TPAMI, section 5.1, table 5", EVERY.format(paper="CIFAR-100")
    ),
    _networks(P6, "tpami-places365", "TPAMI, section 5.2, table 6", IN_PLACES),
    _detectors(C7, "tpami-coco", "TPAMI, section 5.3, table 7"),
    _senet_154(tpami_table8_sota.TABLE, "tpami", "TPAMI, section 5.4, table 8"),
    *_of_reduction(J10, "tpami", "TPAMI, section 6.1, table 10", ("r=2", "r=4", "r=8", "r=16", "r=32")),
    _robust_ratio(J10, "tpami", "TPAMI, section 6.1, table 10"),  # the 2018 edition does not say it
    Claim(
        name="tpami-avg-not-worse",
        table=J11,
        statement=f"Average pooling is no worse than max pooling (by {MARGIN} points)",
        source="TPAMI, section 6.2, table 11",
        parts=(NotWorse("Avg", "Max", MARGIN),),
    ),
    Claim(
        name="tpami-both-squeezes",
        table=J11,
        statement="With either squeeze operator SE is better than no SE",
        source="TPAMI, section 6.2, table 11",
        parts=(Lower("Avg", "ResNet-50"), Lower("Max", "ResNet-50")),
        rows=(PLAIN_ROW,),
    ),
    Claim(
        name="tpami-gate-order",
        table=J12,
        statement="The sigmoid is better than tanh, and tanh better than ReLU",
        source="TPAMI, section 6.3, table 12",
        parts=(Lower("Sigmoid", "Tanh"), Lower("Tanh", "ReLU")),
    ),
    Claim(
        name="tpami-relu-gate",
        table=J12,
        statement="A ReLU gate is worse than no SE at all",
        source="TPAMI, section 6.3, table 12",
        parts=(Lower("ResNet-50", "ReLU"),),
        rows=(PLAIN_ROW,),
    ),
    Claim(
        name="tpami-every-stage",
        table=J13,
        statement="SE in any one stage helps",
        source="TPAMI, section 6.4, table 13",
        parts=tuple(Lower(f"SE_Stage_{stage}", "ResNet-50") for stage in (2, 3, 4)),
    ),
    Claim(
        name="tpami-stages-add-up",
        table=J13,
        statement="SE in all stages is better than in any one of them",
        source="TPAMI, section 6.4, table 13",
        parts=tuple(Lower("SE_All", f"SE_Stage_{stage}") for stage in (2, 3, 4)),
    ),
    Claim(
        name="tpami-last-stage",
        table=J13,
        statement="Without SE in the last stage little is lost (0.1 points) and the added parameters fall to about 4 %",
        source="CVPR 2018 and TPAMI, section 4 (TPAMI: of top-5 error)",
        parts=(
            NotWorse("SE without stage 5", "SE_All", 0.1),
            Costs("SE without stage 5", "ResNet-50", Quantity.PARAMETERS, 1.03, 1.045),
        ),
        rows=(WITHOUT_LAST,),
        transfers=False,  # the companions have no stage 5
    ),
    Claim(
        name="tpami-integration-robust",
        table=J14,
        statement=f"Before the unit or on its identity branch SE does as well as at the end ({MARGIN} points)",
        source="TPAMI, section 6.5, table 14",
        parts=(Equivalent("SE-PRE", "SE", MARGIN), Equivalent("SE-Identity", "SE", MARGIN)),
    ),
    Claim(
        name="tpami-post-worse",
        table=J14,
        statement="After the unit SE is worse than at the standard place",
        source="TPAMI, section 6.5, table 14",
        parts=(Lower("SE", "SE-POST"),),
    ),
    Claim(
        name="tpami-se3x3",
        table=J15,
        statement=f"After the 3x3 convolution SE does nearly as well ({MARGIN} points) with fewer parameters",
        source="TPAMI, section 6.5, table 15",
        parts=(NotWorse("SE_3x3", "SE", MARGIN), Costs("SE_3x3", "SE", Quantity.PARAMETERS, 0.0, 0.95)),
    ),
    Claim(
        name="tpami-nosqueeze-helps",
        table=J16,
        statement="Excitation without squeeze is better than the plain network",
        source="TPAMI, section 7.1, table 16",
        parts=(Lower("NoSqueeze", "ResNet-50"),),
    ),
    Claim(
        name="tpami-squeeze-matters",
        table=J16,
        statement="With squeeze it is better still, at fewer multiply-adds",
        source="TPAMI, section 7.1, table 16",
        parts=(Lower("SE", "NoSqueeze"), Costs("SE", "NoSqueeze", Quantity.MULTIPLY_ADDS, 0.0, 1.0)),
    ),
    Claim(
        name="experiment-gate-start",
        table=GATE_START,
        statement=(
            "This project's question: SE-Identity gains more from a gate that starts near one than SE does (asked "
            "after runs of SE and SE-Identity with seeds 0 to 2 under cifar10-short had been seen)"
        ),
        source="this project's experiment, table 1",
        parts=(LargerGain("SE-Identity, double sigmoid", "SE-Identity", "SE, double sigmoid", "SE"),),
    ),
)
