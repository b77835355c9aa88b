"""The options that several commands share, each declared once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

MOST_SEEDS, MOST_WORKERS, MOST_THREADS, MOST_TRIALS, MOST_DEVICES = 1_000, 1_024, 1_024, 100_000, 1_024


class ExecutorName(StrEnum):
    """Values of --executor."""

    AUTO = "auto"
    LIGHTNING = "lightning"
    DEVICE = "device"


class WidthName(StrEnum):
    """Values of --width."""

    ONE = "one"
    TWO = "two"


TableName = Annotated[str, typer.Argument(metavar="TABLE", help="table7, tpami-table10, reduction, or my_table.py")]
AnyTableName = Annotated[str | None, typer.Argument(metavar="[TABLE]", help="all tables unless named")]
ProtocolName = Annotated[
    str | None,
    typer.Option("--protocol", help="the recipe; unless named, demo for the paper's tables, for others their own"),
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, max=MOST_SEEDS, help="how many seeds, from 0")]
MaybeSeeds = Annotated[  # where a command must know whether the number was given
    int | None, typer.Option("--seeds", min=1, max=MOST_SEEDS, help="how many seeds, from 0 [default: 1]")
]
RowNames = Annotated[list[str] | None, typer.Option("--row", help="only this row and its baseline; may be repeated")]
Results = Annotated[Path | None, typer.Option("--results", help="another folder for records, beside results")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N")]
ExecutorOption = Annotated[
    ExecutorName, typer.Option("--executor", help="what drives a run: Lightning or the device loop")
]
Threads = Annotated[int, typer.Option("--threads", min=1, max=MOST_THREADS, help="CPU threads of one run")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=MOST_WORKERS, help="runs side by side; unless named, what fits"),
]
Devices = Annotated[
    int,
    typer.Option("--devices", min=1, max=MOST_DEVICES, help="GPUs (or CPU processes) that train each run together"),
]
Loaders = Annotated[
    int | None,
    typer.Option("--loaders", min=1, max=MOST_WORKERS, help="processes that load photos, for each run or device"),
]
AtOnce = Annotated[
    int | None,
    typer.Option("--at-once", min=1, help="most images in the network at once; the batch size stays"),
]
Data = Annotated[
    Path | None, typer.Option("--data", help="your own photos: a folder with train/<class>/ and val/<class>/")
]
Trunks = Annotated[
    Path | None, typer.Option("--trunks", help="for detectors: a TOML file with each row's trunk weights and recipe")
]
SkipDamaged = Annotated[bool, typer.Option("--skip-damaged", help="leave damaged training photos out, and count them")]
Loggers = Annotated[
    list[str] | None,
    typer.Option("--logger", help="csv, tensorboard, wandb, mlflow or module:function; may be repeated"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="print what would be trained, and train nothing")]
MaxHours = Annotated[
    float | None, typer.Option("--max-hours", min=0.0, help="with --resolve: leave longer comparisons out")
]
NoTitle = Annotated[bool, typer.Option("--no-title", help="draw figures without headings, for a paper")]
Width = Annotated[WidthName, typer.Option("--width", help="width of figures: one column (3.3 in) or two (7 in)")]
MaxMinutes = Annotated[
    float | None, typer.Option("--max-minutes", min=0.0, help="save and end after so long, with exit status 75")
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
