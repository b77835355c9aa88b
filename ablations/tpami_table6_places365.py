"""TPAMI, table 6: ResNet-152 with and without SE on Places365; the same rows as in table 5 of 2018."""

from dataclasses import replace

from ablations import cvpr2018_table5_places365

TABLE = replace(cvpr2018_table5_places365.TABLE, edition="tpami", number="6")
