"""Reads text files that a person may have edited. A damaged file raises one line that names file, line and remedy.

It also writes CSV in this project's form: one header, quotes only where needed, lines that end in a line feed.
"""

import csv
import errno
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from senet_lab.errors import StudyError
from senet_lab.records.reading import read_bytes

LARGEST = 256 * 2**20  # bytes; the largest text file of this project has about a hundredth of it


def read_text(path: Path, mend: str) -> str:
    """The text of a file. mend: what a user can do about an error, as the end of a sentence ("restore it from git").

    Raises FileNotFoundError where there is no file. Raises StudyError where it cannot be read as text: it is a folder,
    a pipe or a device, may not be read, is larger than 256 MiB, or is not UTF-8.
    """
    data = read_bytes(path, mend, LARGEST)
    if data is None:
        raise FileNotFoundError(errno.ENOENT, "it is not there", str(path))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: byte {error.start} is not UTF-8; {mend}") from None


def read_json(path: Path, mend: str) -> dict[str, Any]:
    """The JSON object in a file. Raises the errors of ``read_text``, and StudyError for text that is no such object."""
    text = read_text(path, mend)
    try:
        value = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise StudyError(f"{path}, line {error.lineno}: {error.msg}; {mend}") from None
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path} is no JSON ({error}); {mend}") from None
    if not isinstance(value, dict):
        raise StudyError(f"{path} holds no JSON object; {mend}")
    return value


def read_csv(path: Path, columns: Sequence[str] | None, mend: str) -> list[dict[str, str]]:
    """The lines of a CSV file, each a mapping from column to text.

    columns: the header that the file must have; None for any header without repeats. Raises the errors of
    ``read_text``, and StudyError with the line for another header or another number of fields.
    """
    text = read_text(path, mend)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = next(reader, [])
        if header != list(columns if columns is not None else dict.fromkeys(header)) or not header:
            wanted = ", ".join(columns) if columns is not None else "given once each"
            raise StudyError(f"{path}: its columns are not {wanted}; {mend}")
        lines = []
        for fields in reader:
            if len(fields) != len(header):
                raise StudyError(f"{path}, line {reader.line_num}: it has not {len(header)} fields; {mend}")
            lines.append(dict(zip(header, fields, strict=True)))
        return lines
    except csv.Error as error:
        raise StudyError(f"{path}, line {reader.line_num}: {error}; {mend}") from None


def read_numbers(
    path: Path, name: str, wanted: Sequence[str], mend: str, may_be_unknown: bool = False
) -> list[dict[str, str]]:
    """The lines of a CSV file whose columns all hold numbers, except the column ``name``.

    wanted: columns that it must have; it may have more. may_be_unknown: whether "nan" counts as a number. Raises the
    errors of ``read_csv``, and StudyError for a file without lines, a missing column, or text that is no number.
    """
    lines = read_csv(path, None, mend)
    missing = [column for column in (name, *wanted) if not lines or column not in lines[0]]
    if missing:
        raise StudyError(f"{path} has no lines, or no column {missing[0]!r}; {mend}")
    for index, line in enumerate(lines, start=2):
        for column, text in line.items():
            try:
                if column != name and not (may_be_unknown and text == "nan"):
                    number(text)
            except ValueError as error:
                raise StudyError(f"{path}, line {index}, {column}: {error}; {mend}") from None
    return lines


def number(text: str) -> float:
    """A finite number. Raises ValueError for anything else."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no finite number")
    return value


def csv_text(columns: Sequence[str], lines: Iterable[Mapping[str, object]]) -> str:
    """The text of a CSV file: a header and one line for each mapping. A column that a mapping lacks stays empty.

    Raises ValueError for a mapping with an unknown column.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")
