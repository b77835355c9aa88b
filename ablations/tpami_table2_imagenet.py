"""TPAMI, table 2: networks with and without SE on ImageNet; the same rows as in 2018."""

from dataclasses import replace

from ablations import cvpr2018_table2_imagenet

TABLE = replace(cvpr2018_table2_imagenet.TABLE, edition="tpami")
