"""What the suites share: where their helpers are, and the option for the large tree."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
collect_ignore = ["corpora", "node", "runs"]

for folder in (HERE, HERE.parent / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--large`: the tree of 100,000 files too."""
    parser.addoption("--large", action="store_true", help="pack a tree of 100,000 files too (minutes)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `file_count` its values: the sizes of trees that are packed."""
    if "file_count" in metafunc.fixturenames:
        large = [100_000] if metafunc.config.getoption("--large") else []
        metafunc.parametrize("file_count", [100, 1_000, 10_000, *large])


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the pointer to the last job out of the user's state folder."""
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "state"))
    yield
