"""Writes the report of one table: Markdown, CSV, LaTeX and figures.

What comes from committed records alone goes to ``tables`` and ``figures``, which git keeps. As soon as the
demonstration's synthetic data or another results folder is among the sources, the whole report goes to ``demo``
folders or to that other folder instead, so that a clone's committed tables do not change under its user.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from senet_lab.records.files import replace_file
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
    printed = published_block(table, numbers, counts)
    made = [(one.view, _blocks(one, table, numbers, counts)) for one in judged]
    kept = [(view, blocks) for view, blocks in made if not view.synthetic]
    paths = _write(table, numbers, counts, printed, kept, root / "tables", root / "figures")
    if len(kept) < len(made):
        paths += _write(table, numbers, counts, printed, made, root / "tables" / "demo", root / "figures" / "demo")
    blocks = _in_order(printed, made)
    shown = tuple(blocks[0] for view, blocks in kept if view.compares)
    return Written(markdown(title_of(table), blocks), tuple(paths), blocks, shown)


Made = Sequence[tuple[Measured, tuple[Block, ...]]]  # each view with its blocks, the measured one first


def _blocks(one: Judged, table: Table, numbers: list[Published], counts: Mapping[str, Counts]) -> tuple[Block, ...]:
    measured = measured_block(one.view, table, numbers, counts, one.judgement)
    if not one.judgement.claims or one.view.synthetic:  # synthetic images support and contradict nothing
        return (measured,)
    claims = claim_block([one], numbers)
    return measured, replace(claims, title=f"Claims. {claims.title}")


def _in_order(printed: Block, made: Made) -> tuple[Block, ...]:
    return (printed, *(block for _, blocks in made for block in blocks))


def _write(
    table: Table,
    numbers: list[Published],
    counts: Mapping[str, Counts],
    printed: Block,
    made: Made,
    tables: Path,
    figures: Path,
) -> list[Path]:
    blocks, views = _in_order(printed, made), [view for view, _ in made]
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
