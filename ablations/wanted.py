"""The study that this project aims at: protocol, tables, seeds. results/not-run.md lists its missing runs."""

ABLATIONS = ("table7", *(f"tpami-table{number}" for number in range(10, 17)))

WANTED: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("cifar10-short", ABLATIONS, 3),
    ("cifar100-short", ("tpami-table11", "tpami-table12", "tpami-table14", "tpami-table16"), 2),
    ("cifar10-short", ("reproduction-table1", "experiment-table1"), 3),
    ("cifar10", ABLATIONS, 5),
    ("cifar100", ABLATIONS, 5),
    ("paper", ("tpami-table4", "tpami-table5"), 2),
)
