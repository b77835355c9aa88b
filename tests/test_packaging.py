"""What a user installs: the lock with its hashes, the container, the extras, and the pages that name them."""

import re
import shlex
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = (ROOT / "requirements.lock").read_text()
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
CONTAINERFILE = (ROOT / "Containerfile").read_text()
INSTALL = (ROOT / "docs" / "install.md").read_text()


def named(requirement: str) -> str:
    """A package as indexes spell it, of ``Jinja2>=3.1``."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement)[0]).lower()


def pins(text: str) -> dict[str, str]:
    return {named(name): version for name, version in PIN.findall(text)}


def instructions(word: str) -> list[str]:
    """The arguments of every such line of the Containerfile."""
    return [line.partition(" ")[2] for line in CONTAINERFILE.splitlines() if line.startswith(f"{word} ")]


def test_the_lock_pins_what_the_constraints_pin():
    """The same versions, and every package that the project and its tests ask for by name."""
    constraints, locked = pins((ROOT / "constraints.txt").read_text()), pins(LOCK)
    asked = {named(one) for one in [*PROJECT["dependencies"], *EXTRAS["test"]]}

    assert {name: version for name, version in constraints.items() if locked.get(name, version) != version} == {}
    assert asked <= locked.keys()


def test_every_pin_of_the_lock_has_a_hash():
    """As `pip install --require-hashes` needs, and it names no place that packages come from."""
    entries = re.split(r"\n(?=\S)", LOCK.split("\n", 2)[2])

    assert len(entries) == len(pins(LOCK)) > 90
    assert [entry for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)] == []
    assert not re.search(r"://|index-url", LOCK)


def test_the_container_copies_files_that_are_here():
    """Before the whole tree comes, what the packages follow from."""
    sources = [word for line in instructions("COPY") for word in shlex.split(line)[:-1]]

    assert "requirements.lock" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_container_runs_the_commands_of_the_pages():
    """The installation is the one that docs/install.md prints, the targets are the Makefile's."""
    makefile = (ROOT / "Makefile").read_text()
    commands = [command.strip() for line in instructions("RUN") for command in line.split("&&")]
    ours = [command.replace("--no-cache-dir ", "") for command in commands if not re.match(r"apt-get|rm ", command)]
    targets = [command.split()[1] for command in [*ours, "make help"] if command.startswith("make ")]

    assert len(ours) == 3
    assert [command for command in ours if command not in INSTALL] == []
    assert [target for target in targets if f"\n{target}:" not in makefile] == []
    assert instructions("CMD") == ['["make", "help"]']


def test_the_container_has_a_python_that_the_project_takes():
    """And names no registry."""
    (image,) = instructions("FROM")
    least = PROJECT["requires-python"].removeprefix(">=3.")

    assert int(re.fullmatch(r"python:3\.(\d+)-slim", image)[1]) >= int(least)


def test_the_container_leaves_out_what_git_ignores():
    """Environments, data, caches: each line of .dockerignore, which Docker and podman read, is ignored by git too."""
    kept_out = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    lines = (ROOT / ".dockerignore").read_text().split()

    assert [line for line in lines if line.removeprefix("**/") not in kept_out] == []


def test_every_extra_is_on_the_page():
    """One line each in docs/install.md, and no other."""
    assert set(re.findall(r"^\| `([\w-]+)` \|", INSTALL, re.MULTILINE)) == set(EXTRAS)
