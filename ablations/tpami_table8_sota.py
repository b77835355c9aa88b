"""TPAMI, table 8: SENet-154 among the best networks of its time; the same two rows as in table 4 of 2018."""

from dataclasses import replace

from ablations import cvpr2018_table4_sota

TABLE = replace(cvpr2018_table4_sota.TABLE, edition="tpami", number="8")
