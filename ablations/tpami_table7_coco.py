"""TPAMI, table 7: the same rows as in table 6 of 2018, trained and tested on other splits of COCO."""

from dataclasses import replace

from ablations import cvpr2018_table6_coco
from ablations.protocols import COCO_MINIVAL

TABLE = replace(cvpr2018_table6_coco.TABLE, edition="tpami", number="7", rows=cvpr2018_table6_coco.rows(COCO_MINIVAL))
