"""What the project says of itself is the same everywhere, and no file outgrows its reader."""

import tomllib
from pathlib import Path

import pytest

import ucompress

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGE = Path(ucompress.__file__).parent
LONGEST = {".py": 400, ".pyx": 350, ".pxd": 350, ".pxi": 350, ".h": 350}
WIDEST = 110
FILES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in LONGEST)


def test_there_is_one_version():
    assert PROJECT["version"] == ucompress.__version__


def test_the_package_shows_its_public_names_alone():
    assert {name for name in dir(ucompress) if not name.startswith("__")} == set(ucompress.__all__)


@pytest.mark.parametrize(
    ("extra", "file"),
    [
        ("recovery", PACKAGE / "archive" / "format" / "recovery.py"),
        ("recovery", ROOT / "docs" / "cli.md"),
        ("dask", PACKAGE / "pipeline" / "cluster" / "executor.py"),
    ],
)
def test_what_is_missing_is_told_by_the_names_and_versions_that_are_declared(extra, file):
    wanted = " ".join(f"'{needed}'" for needed in PROJECT["optional-dependencies"][extra])
    assert f"pip install {wanted}" in file.read_text(encoding="utf-8")


def test_nobody_is_sent_to_an_index_for_this_package():
    """It is installed from a clone; what an index has under its name may be something else."""
    texts = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *PACKAGE.rglob("*.py")]
    for path in texts:
        assert "pip install 'ucompress" not in path.read_text(encoding="utf-8"), path
        assert "pip install ucompress" not in path.read_text(encoding="utf-8"), path


def test_the_changelog_knows_the_version_or_what_comes():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## Unreleased" in text or f"## {ucompress.__version__}" in text


def test_every_supported_python_is_declared():
    oldest = int(PROJECT["requires-python"].removeprefix(">=3."))
    declared = {word.rpartition(" ")[2] for word in PROJECT["classifiers"] if ":: Python :: 3." in word}
    assert declared == {f"3.{minor}" for minor in range(oldest, 15)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST[path.suffix], f"{lines} lines: one idea too many in one file"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_lines_stay_short(path):
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    assert [number for number, line in lines if len(line) > WIDEST] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arguments_are_documented_in_one_way(path):
    lines = {line.strip() for line in path.read_text(encoding="utf-8").splitlines()}
    assert lines.isdisjoint({"Parameters:", "Parameters", "Arguments:"})
