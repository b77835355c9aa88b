"""Writes the report of one table: Markdown, CSV, LaTeX and figures.

What comes from committed records alone goes to ``tables`` and ``figures``, which git keeps. As soon as the
demonstration's synthetic data or another results folder is among the sources, the whole report goes to ``demo``
folders or to that other folder instead, so that a clone's committed tables do not change under its user.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from senet_lab.records.store import replace_file
from senet_lab.report.claims_page import Judged, claim_block
from senet_lab.report.export import table_csv
from senet_lab.report.published import Published
from senet_lab.report.render import latex, markdown
from senet_lab.report.tables import Block, Measured, measured_block, published_block, title_of
from senet_lab.study.counts import Counts
from senet_lab.study.table import Table


@dataclass(frozen=True, slots=True)
class Written:
    """A report: its text as printed, the files it went to, its blocks; kept: the comparisons that git keeps."""

    text: str
    paths: tuple[Path, ...]
    blocks: tuple[Block, ...]
    kept: tuple[Block, ...]

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {"files": [str(path) for path in self.paths], "blocks": [asdict(block) for block in self.blocks]}


def write_report(
    table: Table, numbers: list[Published], counts: Mapping[str, Counts], judged: Sequence[Judged], root: Path
) -> Written:
    """Writes the report of a table below ``root`` and returns it, whole, as it should be printed.

    Raises OSError where the folder cannot be written.
    """
    kept = [one for one in judged if not _passing(one.view)]
    paths = _write(table, numbers, counts, kept, root / "tables", root / "figures")
    if len(kept) < len(judged):
        paths += _write(table, numbers, counts, judged, root / "tables" / "demo", root / "figures" / "demo")
    blocks = _blocks(table, numbers, counts, judged)
    shown = tuple(_measured(one, table, numbers, counts) for one in kept if one.view.compares)
    return Written(markdown(title_of(table), blocks), tuple(paths), tuple(blocks), shown)


def _passing(view: Measured) -> bool:
    return any(protocol.synthetic for protocol in view.protocols)


def _blocks(
    table: Table, numbers: list[Published], counts: Mapping[str, Counts], judged: Sequence[Judged]
) -> list[Block]:
    blocks = [published_block(table, numbers, counts)]
    for one in judged:
        blocks.append(_measured(one, table, numbers, counts))
        if one.judgement.claims and not _passing(one.view):  # synthetic images support and contradict nothing
            block = claim_block([one], numbers)
            blocks.append(replace(block, title=f"Claims. {block.title}"))
    return blocks


def _measured(one: Judged, table: Table, numbers: list[Published], counts: Mapping[str, Counts]) -> Block:
    return measured_block(one.view, table, numbers, counts, one.judgement)


def _write(
    table: Table,
    numbers: list[Published],
    counts: Mapping[str, Counts],
    judged: Sequence[Judged],
    tables: Path,
    figures: Path,
) -> list[Path]:
    blocks = _blocks(table, numbers, counts, judged)
    views = [one.view for one in judged]
    title = title_of(table)
    texts = {
        ".md": markdown(title, blocks),
        ".csv": table_csv(table, numbers, counts, views),
        ".tex": latex(title, blocks),
    }
    paths = []
    for suffix, text in texts.items():
        path = tables / f"{table.slug}{suffix}"
        replace_file(path, text.encode())
        paths.append(path)
    if views:
        from senet_lab.report.figures import write_figures

        for view in (view for view in views if view.compares):
            paths += write_figures(table, view, figures)
    return paths
