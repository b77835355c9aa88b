"""Outcome: how a run ended in a worker, and which error means which end."""

import contextlib
import errno
import sys
import traceback
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from senet_lab.errors import NoData, StudyError, lacks_memory
from senet_lab.extensions import blamed
from senet_lab.records.record import Record
from senet_lab.training.stopping import Paused, TakenOver

NO_ROOM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
LONGEST = 300  # characters of an error in one line


class Fate(StrEnum):
    """How a run ended in a worker."""

    RECORDED = "recorded"  # finished or diverged; in both cases it has a record now
    BUSY = "busy"  # another worker trains it, here or elsewhere
    PAUSED = "paused"  # was asked to end before its last step; the same command goes on
    BROKEN = "broken"  # by an error that other runs may not meet
    REFUSED = "refused"  # the user must mend something for this run
    NO_DATA = "no data"  # the user must mend something for every run of this protocol
    NO_ROOM = "no room"  # the user must mend something for every run: nothing can be written
    OUT_OF_MEMORY = "out of memory"  # there is too little memory for it beside the other runs
    LOST = "lost"  # its process ended or cannot go on; the run itself may be sound


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one run in a worker. text: the record's line for RECORDED, otherwise what went wrong."""

    fate: Fate
    text: str


def recorded(record: Record) -> Outcome:
    """The end of a run that has a record."""
    return Outcome(Fate.RECORDED, record.text)


def outcome_of(error: Exception, results: Path) -> Outcome:
    """What an error means for its run. An unforeseen error is also printed with its traceback, for the worker's log."""
    if isinstance(error, Paused):
        return Outcome(Fate.PAUSED, str(error))
    if isinstance(error, TakenOver):
        return Outcome(Fate.BUSY, str(error))
    if isinstance(error, NoData):
        return Outcome(Fate.NO_DATA, str(error))
    if isinstance(error, StudyError):
        return Outcome(Fate.REFUSED, str(error))
    own = blamed(error)
    if isinstance(error, OSError) and error.errno in NO_ROOM_ERRORS and own is None:
        mend = "get the right to write there" if error.errno == errno.EACCES else "make room"
        text = f"{error.filename or results}: {error.strerror}; {mend}, or name another folder with --results"
        return Outcome(Fate.NO_ROOM, text)
    with contextlib.suppress(OSError):  # the log may be on a full disk
        traceback.print_exception(error)
        sys.stderr.flush()
    text = " ".join(str(error).split())[:LONGEST]
    if lacks_memory(error):
        return Outcome(Fate.OUT_OF_MEMORY, text)
    return Outcome(Fate.BROKEN, own or f"{type(error).__name__}: {text}")
