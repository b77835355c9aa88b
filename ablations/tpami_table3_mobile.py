"""TPAMI, table 3: MobileNet and ShuffleNet with and without SE on ImageNet; the same rows as in 2018."""

from dataclasses import replace

from ablations import cvpr2018_table3_mobile

TABLE = replace(cvpr2018_table3_mobile.TABLE, edition="tpami")
