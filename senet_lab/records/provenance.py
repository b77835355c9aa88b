"""Where and how a run was made, part by part; what decides its numbers is its cell.

How a new fact is added is said in record.py.
"""

from dataclasses import dataclass, field

from senet_lab.study.values import since


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPart:
    """Steps of a run that were trained under the same circumstances; a run that went on under others has several."""

    steps: int
    revision: str
    dirty: bool
    device: str
    cpu: str  # of the machine, also where the device is another
    cpu_flags: tuple[str, ...]  # vector instructions; a CPU run's last bits depend on them
    threads: int
    executor: str
    compiled: bool
    versions: dict[str, str]
    processes: int = field(default=1, metadata=since(2))  # that shared each batch
    batch_norm_images: int = field(default=0, metadata=since(2))  # over which batch norm ran; 0: the batch
    extensions: dict[str, str] = field(default_factory=dict, metadata=since(2))  # SHA-256 of a user's own code, by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where and how a run was made. None of it is part of the key: a difference here is speed, not science.

    Revision, device, threads, executor and versions are those that finished it; ``parts`` has those of every step.
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
        """Every revision that trained a part, in order: ten digits, and "+changes" where the tree differed from it."""
        made = self.parts or (self,)
        return tuple(dict.fromkeys(part.revision[:10] + "+changes" * part.dirty for part in made))
