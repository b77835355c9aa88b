"""What people read first is true: links lead somewhere, commands exist, the front page is short."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from senet_lab.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "results").glob("*.md")),
    *sorted((ROOT / "results" / "benchmarks").glob("*.md")),
    *sorted((ROOT / "results" / "tables").glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
COMMANDS = {command.name for command in app.registered_commands}


def anchors(page: Path) -> set[str]:
    """The names that links can have after #: of its headings, as the web makes them of their text."""
    lines = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines()
    headings = [line.lstrip("#").strip() for line in lines if re.match(r"#{1,6} ", line)]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_of_the_project(page):
    """Relative ones, pictures too, and to a heading where they name one."""
    found = [link for link in re.findall(r"\]\(([^)\s]+)", page.read_text()) if "://" not in link]
    lost = []
    for link in found:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)

    assert lost == []


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    """`make docs`: Sphinx follows every link of every page; what the index does not list is an error too."""
    pytest.importorskip("myst_parser", reason="needs Sphinx, MyST and Furo (the extra docs)")
    pytest.importorskip("furo", reason="needs Furo (the extra docs)")
    words = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "-c", "docs", "."]
    done = subprocess.run([*words, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    makefile = (ROOT / "Makefile").read_text()

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "index.html").exists()
    assert (tmp_path / "results" / "artifact.html").exists()
    assert "sphinx --fail-on-warning --keep-going --quiet -c docs . site" in makefile


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_the_pages_exist(page):
    """Every `senet-lab NAME`, by its name."""
    named = set(re.findall(r"senet-lab ([a-z][a-z-]*)", page.read_text()))

    assert named - COMMANDS == set()


def test_the_front_page_is_short():
    """At most 220 lines; what is generated beyond table 7 is elsewhere."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 220


def test_the_licence_and_the_citation_agree_with_the_package():
    """Same licence, same version."""
    project = (ROOT / "pyproject.toml").read_text()
    citation = (ROOT / "CITATION.cff").read_text()

    assert 'license = "Apache-2.0"' in project
    assert "license: Apache-2.0" in citation
    assert (
        re.search(r'^version = "(.+)"', project, re.MULTILINE)[1]
        == re.search(r"^version: (.+)", citation, re.MULTILINE)[1]
    )
