"""How many numbered tables each edition prints, and why table 1 has no rows here."""

from collections.abc import Mapping

PRINTED: Mapping[str, int] = {"cvpr2018": 7, "tpami": 16}  # tables are numbered from 1
ARCHITECTURES = "it prints architectures and no result; those networks are built here"
NOT_ASKED: Mapping[tuple[str, int], str] = {("cvpr2018", 1): ARCHITECTURES, ("tpami", 1): ARCHITECTURES}
