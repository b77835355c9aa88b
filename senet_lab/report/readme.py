"""The README's section of results, from the same blocks as the tables, between two markers."""

from collections.abc import Sequence
from pathlib import Path

from senet_lab.records.files import replace_file
from senet_lab.report.render import block_markdown
from senet_lab.report.tables import Block


def section(title: str, slug: str, blocks: Sequence[Block], figures: Sequence[Path]) -> str:
    """One table's part: its measured blocks, the way to all of it, its figures."""
    parts = [f"### {title}\n", *(block_markdown(block, level=4) for block in blocks)]
    parts += [f"![{path.stem}]({path.as_posix()})\n" for path in figures]
    parts.append(f"The whole table: [results/tables/{slug}.md](results/tables/{slug}.md).\n")
    return "\n".join(parts)


def put_sections(readme: Path, name: str, sections: Sequence[str]) -> bool:
    """Replaces what stands between ``<!-- name -->`` and ``<!-- /name -->``; False where these are not there."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    try:
        text = readme.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    head, found_begin, rest = text.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not (found_begin and found_end):
        return False
    body = "\n".join(sections) if sections else "Nothing yet.\n"
    replace_file(readme, f"{head}{begin}\n{body}{end}{tail}".encode())
    return True
