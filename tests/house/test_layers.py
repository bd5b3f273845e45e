"""Imports point downward only, `cimport` included."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ucompress

LAYERS = {
    "errors": 0,
    "config": 0,
    "limits": 0,
    "lazy": 0,
    "_kernels": 0,
    "_core": 1,
    "_bindings": 1,
    "codec": 2,
    "patterns": 2,
    "dictionary": 2,
    "segments": 2,
    "references": 2,
    "similarity": 2,
    "checksum": 2,
    "files": 2,
    "nameless": 1,
    "threads": 1,
    "spill": 2,
    "heap": 2,
    "scan": 3,
    "database": 3,
    "archive": 3,
    "progress": 3,
    "pipeline": 4,
    "render": 5,
    "api": 5,
    "cli": 6,
    "__main__": 6,
}
FLOORS = {
    "archive": [("format",), ("reading",), ("writing", "extracting")],
    "pipeline": [
        ("reading",),
        ("running",),
        ("analysis",),
        ("jobs",),
        ("placing",),
        ("writing",),
        ("cluster",),
    ],
}
"""The folders of a part, floor by floor from the ground up; the modules beside them stand above all."""

CYTHON_IMPORT = re.compile(
    r"^\s*(?:from\s+(ucompress[\w.]*)\s+c?import\s+\(?([\w, ]*)|c?import\s+(ucompress[\w.]*))"
)

# Beside the tests in a checkout, with the Cython sources; else the package as it was installed.
CHECKOUT = Path(__file__).parents[2] / "src" / "ucompress"
PACKAGE = CHECKOUT if CHECKOUT.is_dir() else Path(ucompress.__file__).parent
SOURCES = sorted(
    path
    for path in PACKAGE.rglob("*")
    if path.suffix in (".py", ".pyi", ".pyx", ".pxd", ".pxi") and path.parent.name != "__pycache__"
)


def part_of(module: str) -> str:
    """`ucompress.archive.reading.reader` belongs to `archive`; the package itself is ``."""
    return module.split(".")[1] if "." in module else ""


def targets(module: str, names: list[str]) -> set[str]:
    """The parts that `from module import names` reaches."""
    if module == "ucompress":
        return {name for name in names if name in LAYERS}
    return {part_of(module)}


def python_imports(text: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {part_of(alias.name) for alias in node.names if alias.name.split(".")[0] == "ucompress"}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that a reader sees the layer"
            if node.module and node.module.split(".")[0] == "ucompress":
                found |= targets(node.module, [alias.name for alias in node.names])
    return found - {""}


def cython_imports(text: str) -> set[str]:
    found: set[str] = set()
    for line in text.splitlines():
        if match := CYTHON_IMPORT.match(line):
            module, names, plain = match.groups()
            found |= {part_of(plain)} if plain else targets(module, re.split(r"[,\s]+", names))
    return found - {""}


def owner(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.split(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downward(path):
    here = owner(path)
    if here == "__init__":  # the package itself only names where its public things live
        return
    text = path.read_text(encoding="utf-8")
    imported = python_imports(text) if path.suffix in (".py", ".pyi") else cython_imports(text)
    for there in imported - {here}:
        assert there in LAYERS, f"{there} has no layer: give it one here and in CONTRIBUTING.md"
        assert LAYERS[there] <= LAYERS[here], f"{here} (L{LAYERS[here]}) imports {there} (L{LAYERS[there]})"
        if LAYERS[here] == LAYERS[there] == 3:
            assert there == "progress", f"{here} and {there} are siblings and may not know each other"
        if there == "_core":
            assert LAYERS[here] <= 2, f"{here} goes past codec, patterns and segments to the native core"


def modules_imported(text: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if owner(path) in FLOORS and path.suffix == ".py"], ids=str
)
def test_within_a_part_imports_point_downward_too(path):
    part, *folders = path.relative_to(PACKAGE).parts[:-1]
    floors = {folder: floor for floor, beside in enumerate(FLOORS[part]) for folder in beside}
    here = floors[folders[0]] if folders else len(floors)
    for module in modules_imported(path.read_text(encoding="utf-8")):
        words = module.split(".")
        if words[:2] != ["ucompress", part] or len(words) < 3:
            continue
        if words[2] in floors:
            at_home = words[2] in folders
            assert at_home or floors[words[2]] < here, f"{module} stands no lower than {path.name}"
        elif folders and (PACKAGE / part / f"{words[2]}.py").exists():
            raise AssertionError(f"{module} stands above {path.name}")


def test_no_modules_import_each_other_in_a_circle():
    """Neither when they are loaded nor later, for types or within functions."""
    known = {
        ".".join(("ucompress", *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in SOURCES
        if path.suffix == ".py" and path.stem != "__init__"
    }
    graph = {
        name: (modules_imported(path.read_text(encoding="utf-8")) & known.keys()) - {name}
        for name, path in known.items()
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise AssertionError(f"a circle: {' -> '.join(error.args[1])}") from None


def test_every_part_has_a_layer():
    assert {owner(path) for path in SOURCES} - {"__init__"} <= LAYERS.keys()


def test_the_parsers_see_every_form():
    assert python_imports("from ucompress import _core\nimport ucompress.scan as s\n") == {"_core", "scan"}
    assert python_imports("def f():\n    from ucompress.codec.block import x\n") == {"codec"}
    assert cython_imports("from ucompress._kernels.hashing cimport (\n    a,\n)\n") == {"_kernels"}
    assert cython_imports("cimport ucompress._core as c\nfrom ucompress cimport _core, x\n") == {"_core"}
