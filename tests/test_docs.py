"""What people read first is true: links lead somewhere, commands exist, the front page is short."""

import re
from pathlib import Path

import pytest

from senet_lab.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "results" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
COMMANDS = {command.name for command in app.registered_commands}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_of_the_project(page):
    """Relative ones, pictures too."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


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
