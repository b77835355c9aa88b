"""Where and how a run was made, part by part. What decides a run's numbers is in its cell instead.

record.py explains how to add a new fact.
"""

from dataclasses import dataclass, field

from senet_lab.study.values import since


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPart:
    """Steps of a run that were trained under the same circumstances. A run that went on under others has several."""

    steps: int
    revision: str
    dirty: bool
    device: str
    cpu: str  # the machine's processor, also where the device is a GPU
    cpu_flags: tuple[str, ...]  # vector instructions; the rounding of a run on a CPU depends on them
    threads: int
    executor: str
    compiled: bool
    versions: dict[str, str]
    processes: int = field(default=1, metadata=since(2))  # how many processes shared each batch
    batch_norm_images: int = field(default=0, metadata=since(2))  # images in one batch norm; 0: the whole batch
    extensions: dict[str, str] = field(default_factory=dict, metadata=since(2))  # SHA-256 of a user's own code, by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where and how a run was made. None of it is part of the key, since it does not change the scientific condition.

    Revision, device, threads, executor and versions are those at the end of the run; ``parts`` has those of every step.
    """

    revision: str  # of senet_lab's git repository, "unknown" outside one
    dirty: bool  # whether the working tree differed from it
    device: str
    threads: int  # CPU threads of the run
    executor: str
    compiled: bool
    versions: dict[str, str]
    data_sha256: dict[str, str]  # by split
    train_seconds: float
    finished_at: str  # UTC, ISO 8601
    skipped_photos: int = field(default=0, metadata=since(2))  # damaged training photos that were left out
    parts: tuple[TrainedPart, ...] = field(default=(), metadata=since(2))  # in order; none in records of schema 1

    @property
    def revisions(self) -> tuple[str, ...]:
        """The revisions of all parts, in order: ten digits each, with "+changes" where the tree had other changes."""
        made = self.parts or (self,)
        return tuple(dict.fromkeys(part.revision[:10] + "+changes" * part.dirty for part in made))
