"""Tests of work on a Dask cluster; skipped where dask is not installed."""

import importlib.util
import random

import pytest

from support import fill_codebase


def pytest_collection_modifyitems(items):
    missing = importlib.util.find_spec("distributed") is None
    for item in items:
        if missing and "cluster" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason="dask is not installed: see docs/distributed.md"))


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """A tree of some blocks at every level."""
    root = tmp_path_factory.mktemp("trees") / "tree"
    fill_codebase(root, 150, 30_000)
    twin = next(path for path in sorted(root.rglob("*")) if path.is_file())
    (root / "twin").write_bytes(twin.read_bytes())
    (root / "large").write_bytes(b"".join(b"%d of many lines\n" % number for number in range(200_000)))
    return root


@pytest.fixture(scope="session")
def small_tree(tmp_path_factory):
    """A tree that slow levels code quickly, with a block of noise."""
    root = tmp_path_factory.mktemp("trees") / "tree"
    fill_codebase(root, 60, 30_000)
    (root / "noise").write_bytes(random.Random(5).randbytes(1_500_000))
    return root
