"""A loaded file or package of a user, and its entries. An entry blames the user's code by file and line."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from senet_lab.errors import StudyError
from senet_lab.extensions.lines import blame, place_of
from senet_lab.study.claim import Claim
from senet_lab.study.protocol import Protocol


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """A user's own network.

    build: ``build(attend, num_classes)`` makes an ``nn.Module``. It calls ``attend`` with a
    ``senet_lab.models.sites.Site`` for each place of a block, and puts the returned module there. Its convolutions, FC
    layers and batch norms are then drawn from the seed by the rule of all networks here, whatever ``build`` set. A
    class with ``reset(generator)`` sets its own. image_size: the images' side in pixels that the network is made for;
    32 for CIFAR.
    """

    build: Callable[[Callable[[Any], Any], int], Any]
    image_size: int


@dataclass(frozen=True, slots=True)
class Extension:
    """A loaded file or module.

    source: its path or name. own_sha256: the hash of its source text. sha256: the hash of that and of the files beside
    it that its blocks and networks are from; for a package, of all of its files.
    """

    source: str
    own_sha256: str
    sha256: str
    module: ModuleType
    blocks: Mapping[str, Callable[..., Any]]
    networks: Mapping[str, OwnNetwork]
    protocols: tuple[Protocol, ...]
    datasets: Mapping[str, Path]
    claims: tuple[Claim, ...]

    @property
    def name(self) -> str:
        """The file's or module's own name, for records."""
        return Path(self.source).name

    def place_of(self, mapping: str, key: str, thing: object = None) -> str:
        """File and line of the entry ``mapping[key]``, or of the function or class ``thing`` where the file has it."""
        return place_of(self.source, Path(str(self.module.__file__)), mapping, key, thing)


class Unfit(Exception):
    """What a user's code gave cannot be used. code: the function whose line the message names; None for the entry."""

    def __init__(self, text: str, code: object = None) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry ``mapping[name]`` of a user's file; value is what the file gives there."""

    extension: Extension
    mapping: str
    name: str
    value: Any

    @contextmanager
    def blamed(self, what: str, code: object = None) -> Iterator[None]:
        """Turns an error of the user's code into a StudyError with file and line.

        what: the part that failed, for the message. code: the function whose line is named if the traceback has
        no line of the user's file, as for a wrong number of arguments.
        """
        mine, source = self.extension, self.extension.source
        try:
            yield
        except StudyError:
            raise
        except Unfit as error:
            raise StudyError(f"{mine.place_of(self.mapping, self.name, error.code)}: {error}") from None
        except Exception as error:  # whatever a user's code raises
            text = blame(error, source)
            if ", line " not in text:
                text = text.replace(source, mine.place_of(self.mapping, self.name, code), 1)
            raise StudyError(f"{text} ({what})") from None
