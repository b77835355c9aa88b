"""TPAMI, table 6: as table 5 of the 2018 edition, ResNet-152 with and without SE on Places365."""

from dataclasses import replace

from ablations import cvpr2018_table5_places365

TABLE = replace(cvpr2018_table5_places365.TABLE, edition="tpami", number="6")
