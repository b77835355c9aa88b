"""The rules of the house: who may import whom, and what a source may say."""

import ast
import functools
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("senet_lab", "ablations", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST, LONGEST_OF_PACKAGE, LONGEST_FUNCTION = 310, 250, 50  # lines
LONGER = {"tests/test_house.py": 335}  # one table of parts

# What a part may import of this project, itself included, and of other packages. The longest name that fits decides.
PARTS = {
    "ablations": ("senet_lab.study", "ablations"),
    "benchmarks": ("senet_lab", "ablations", "benchmarks"),
    "senet_lab.study": ("senet_lab.study",),
    "senet_lab.errors": (),
    "senet_lab.extensions": ("senet_lab.extensions", "senet_lab.study", "senet_lab.errors"),
    "senet_lab.machine": ("senet_lab.errors",),
    "senet_lab.living": (),
    "senet_lab.loading": (),
    "senet_lab.processes": (),
    "senet_lab.records": ("senet_lab.records", "senet_lab.study", "senet_lab.living", "senet_lab.errors"),
    "senet_lab.stats": ("senet_lab.stats", "senet_lab.records", "senet_lab.study", "senet_lab.errors"),
    "senet_lab.report": (
        "senet_lab.report",
        "senet_lab.stats",
        "senet_lab.records",
        "senet_lab.study",
        "senet_lab.machine",
        "senet_lab.processes",
        "senet_lab.errors",
    ),
    "senet_lab.html": (
        "senet_lab.html",
        "senet_lab.report",
        "senet_lab.records",
        "senet_lab.study",
        "senet_lab.errors",
    ),
    "senet_lab.models": ("senet_lab.models", "senet_lab.extensions", "senet_lab.study", "senet_lab.errors"),
    "senet_lab.weights": ("senet_lab.weights", "senet_lab.errors"),
    "senet_lab.data": (
        "senet_lab.data",
        "senet_lab.extensions",
        "senet_lab.study",
        "senet_lab.living",
        "senet_lab.loading",
        "senet_lab.machine",
        "senet_lab.errors",
    ),
    "senet_lab.training": (
        "senet_lab.training",
        "senet_lab.weights",  # of detectors' trunks
        "senet_lab.extensions",
        "senet_lab.models",
        "senet_lab.data",
        "senet_lab.records",
        "senet_lab.study",
        "senet_lab.errors",
        "senet_lab.machine",
    ),
    "senet_lab.fleet": (
        "senet_lab.fleet",
        "senet_lab.extensions",
        "senet_lab.training",
        "senet_lab.models",
        "senet_lab.data",
        "senet_lab.records",
        "senet_lab.study",
        "senet_lab.machine",
        "senet_lab.processes",
        "senet_lab.errors",
    ),
    "senet_lab.excitations": (
        "senet_lab.excitations",
        "senet_lab.evaluation",
        "senet_lab.report",
        "senet_lab.training",
        "senet_lab.weights",
        "senet_lab.models",
        "senet_lab.data",
        "senet_lab.records",
        "senet_lab.study",
        "senet_lab.loading",
        "senet_lab.machine",
        "senet_lab.errors",
    ),
    "senet_lab.evaluation": (
        "senet_lab.evaluation",
        "senet_lab.data",
        "senet_lab.loading",
        "senet_lab.machine",
        "senet_lab.training",
        "senet_lab.weights",
        "senet_lab.models",
        "senet_lab.records",
        "senet_lab.study",
        "senet_lab.errors",
    ),
    "senet_lab.search": ("senet_lab",),
    "senet_lab.cli": ("senet_lab",),
    "senet_lab.cli.catalogue": ("senet_lab.extensions", "senet_lab.study", "senet_lab.errors"),
    "senet_lab.__main__": ("senet_lab.cli",),
    "senet_lab": ("senet_lab",),  # the front door shows what lies in every part
}
NAMING = ("senet_lab.cli.catalogue", "senet_lab.cli.studies")  # from names to values: not commands, but beside them
OWN = ("senet_lab.exporting", *NAMING, "senet_lab.data", "senet_lab.extensions")
PARTS["senet_lab.cli.studies"] = (*PARTS[NAMING[0]], NAMING[0], "senet_lab.data", "senet_lab.training")
PARTS["senet_lab.exporting"] = (*OWN, *PARTS["senet_lab.evaluation"])
STANDARD_ONLY = ("ablations", "senet_lab.study", "senet_lab.errors", "senet_lab.machine", *NAMING)
COMMANDS = [f"cli/{path.stem}" for path in sorted((ROOT / "senet_lab" / "cli").glob("commands_*.py"))]
HEAVY = {"torch", "torchvision", "pytorch_lightning", "numpy", "pandas", "scipy", "matplotlib", "seaborn", "optuna"}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """The parsed source; most rules read them all."""
    return ast.parse(path.read_text())


def module_of(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imports(path: Path, top_level_only: bool = False) -> frozenset[str]:
    """Every module that a file imports; ``from a import b`` counts as a.b where that is a module, else as a."""
    tree = tree_of(path)
    found = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                below = ROOT / (node.module or "").replace(".", "/") / alias.name
                is_module = below.is_dir() or below.with_suffix(".py").exists()
                found.add(f"{node.module}.{alias.name}" if is_module else str(node.module))
    return found


def part_of(module: str) -> str:
    """The part of the project that a module belongs to."""
    return max((part for part in PARTS if below(module, part)), key=len)


def below(module: str, part: str) -> bool:
    return module == part or module.startswith(part + ".")


def ours(module: str) -> bool:
    return any(below(module, part) for part in ("senet_lab", "ablations", "benchmarks"))


def test_the_rules_see_the_sources():
    """More than sixty files, none without a part, and the ends of the way of the data among them."""
    names = {module_of(path) for path in SOURCES}

    assert len(SOURCES) > 60
    assert {"ablations.protocols", "senet_lab.study.cell", "senet_lab.report.write", "senet_lab.__main__"} <= names
    assert {"senet_lab"} == {name for name in names if part_of(name) == "senet_lab"}


def test_an_import_is_seen_wherever_it_stands(tmp_path):
    """In functions, under TYPE_CHECKING, as a name of a package."""
    path = tmp_path / "some.py"
    path.write_text("import a.b\ndef f():\n    from senet_lab import records\n    from senet_lab.study import Cell\n")

    assert {"a.b", "senet_lab.records", "senet_lab.study"} == imports(path)
    assert {"a.b"} == imports(path, top_level_only=True)


def test_a_part_imports_only_what_it_may():
    """The arrows of the house plan, and no other."""
    forbidden = {
        (module_of(path), name)
        for path in SOURCES
        for name in imports(path)
        if ours(name) and not any(below(name, part) for part in PARTS[part_of(module_of(path))])
    }

    assert set() == forbidden


def foreign(path: Path) -> set[str]:
    """The packages outside the project and the standard library that a file imports."""
    return {name.partition(".")[0] for name in imports(path) if not ours(name)} - set(sys.stdlib_module_names)


def test_values_need_the_standard_library_only():
    """Study, tables and the catalogue load without anything installed, so that `make help` works in a fresh clone."""
    packages = {module_of(path): foreign(path) for path in SOURCES if part_of(module_of(path)) in STANDARD_ONLY}

    assert len(packages) > 25
    assert {name: found for name, found in packages.items() if found} == {}


def test_reports_never_import_torch():
    """Tables rebuild on a machine without torch: reports and records import these packages and no others."""
    packages = {part: set() for part in ("senet_lab.records", "senet_lab.stats", "senet_lab.report")}
    for path in SOURCES:
        if part_of(module_of(path)) in packages:
            packages[part_of(module_of(path))] |= foreign(path)

    assert {"numpy"} == packages["senet_lab.records"]
    assert {"numpy", "scipy"} == packages["senet_lab.stats"]
    assert {"numpy", "pandas", "scipy", "matplotlib", "seaborn"} >= packages["senet_lab.report"]


def test_commands_import_heavy_packages_inside_functions():
    """`senet-lab list` and a mistyped name answer at once."""
    found = {
        name: imports(ROOT / "senet_lab" / f"{name}.py", top_level_only=True)
        for name in ("__main__", "cli/app", "cli/options", "cli/printing", "cli/gather", "cli/runs", *COMMANDS)
    }

    assert set() == {name.partition(".")[0] for names in found.values() for name in names} & HEAVY
    assert {"cli", "errors", "extensions", "study"} == {
        name.split(".")[1] for names in found.values() for name in names if ours(name)
    }


def test_nobody_imports_the_commands():
    """Only the start knows the program, and only the program its commands; what turns names into values is none."""
    users = {(module_of(path), name) for path in SOURCES for name in imports(path) if below(name, "senet_lab.cli.app")}

    assert {("senet_lab.__main__", "senet_lab.cli.app")} == users
    assert {"senet_lab.cli", "senet_lab.__main__"} == {
        part_of(module_of(path))
        for path in SOURCES
        if any(below(name, "senet_lab.cli") and name not in NAMING for name in imports(path))
    }


def test_published_numbers_are_read_by_reports_only():
    """Training cannot lean on them: no other part loads them or names their folder, but the commands, for reports."""
    words = re.compile(r"load_published|published_folder|/published|\"published\"|report\.published")
    found = {module_of(path) for path in SOURCES if words.search(path.read_text())}

    assert {
        "senet_lab.cli.commands_evaluate",
        "senet_lab.cli.commands_html",
        "senet_lab.cli.commands_report",
        "senet_lab.cli.catalogue",
        "senet_lab.cli.evaluated",
        "senet_lab.cli.gather",
    } == {name for name in found if part_of(name) not in ("senet_lab.report", "senet_lab.html")}


def test_only_reports_and_commands_know_reports():
    """No part that makes numbers imports one that compares them."""
    users = {
        part_of(module_of(path)) for path in SOURCES if any(below(name, "senet_lab.report") for name in imports(path))
    }

    makers = {"senet_lab.excitations", "senet_lab.search", "senet_lab.cli", "benchmarks"}
    assert {"senet_lab.report", "senet_lab.html"} | makers == users


def test_a_file_is_one_idea():
    """No file of the package is longer than 250 lines, no other much longer than 300."""
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES + TESTS}

    def most(name: str) -> int:
        return LONGER.get(name, LONGEST_OF_PACKAGE if name.startswith("senet_lab/") else LONGEST)

    assert {name: count for name, count in lines.items() if count > most(name)} == {}


def test_a_function_fits_a_screen():
    """No function of the package is longer than 50 lines."""
    lengths = {
        f"{module_of(path)}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in SOURCES
        if module_of(path).startswith("senet_lab")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef)
    }

    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


ARRAYS = re.compile(r"\b(?:Tensor|NDArray|Floats|DataFrame)\b")


def must_explain(node: ast.stmt) -> bool:
    """Whether a public class or function has something to tell that its name and types cannot: what a class stands
    for, the shapes or columns of arrays, or the errors that it raises."""
    if isinstance(node, ast.ClassDef):
        return True
    if not isinstance(node, ast.FunctionDef):
        return False
    arguments = [*node.args.args, *node.args.kwonlyargs]
    types = [ast.unparse(a) for a in (node.returns, *(argument.annotation for argument in arguments)) if a]
    raises = any(isinstance(below, ast.Raise) and below.exc for below in ast.walk(node))
    return raises or any(ARRAYS.search(text) for text in types)


def test_a_file_says_what_it_is():
    """Every module of the package has a docstring, and so has what is public in it and must explain itself."""
    trees = {module_of(path): tree_of(path) for path in SOURCES}
    public = {
        f"{name}.{node.name}": node
        for name, tree in trees.items()
        for node in tree.body
        if must_explain(node) and not node.name.startswith("_")
    }

    assert len(public) > 150
    assert [name for name, node in (trees | public).items() if not ast.get_docstring(node)] == []


OTHER_FILES = [ROOT / name for name in ("Makefile", "pyproject.toml", ".ci/run", ".gitignore")]
MACHINE = re.compile(r"(?<![\w.$)}/*])/(?:home|root|Users|work|tmp|mnt|opt|private|scratch)/")
HISTORY = re.compile(r"\b(?:sessions?|issues?|todo|fixme|xxx)\b", re.IGNORECASE)


def test_sources_speak_of_the_study():
    """No path of someone's machine, and nothing about how the source came to be or what is left to do."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in SOURCES + OTHER_FILES}

    assert {name: found for name, text in texts.items() if (found := MACHINE.findall(text))} == {}
    assert {name: found for name, text in texts.items() if (found := HISTORY.findall(text))} == {}


def test_machine_paths_are_recognised():
    """The pattern finds such a path, and takes no folder of the project for one."""
    assert MACHINE.search('open("/ho' + 'me/someone/data")')
    assert not MACHINE.search("results/tmp/x and <root>/records/y and $(VENV)/opt/z")
