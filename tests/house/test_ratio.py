"""Archives that are on record: whoever changes one changes `benchmarks/ratio.csv` with it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from ucompress.codec.zstd import LIBRARY_VERSION

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _module(name):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


small_trees = _module("small_trees")
ratio = _module("ratio")


def _of(rows, names):
    """Some rows; without digests where files have no modes, so that an index says something else."""
    kept = [row for row in rows if row[:2] in names]
    return kept if os.name == "posix" else [row._replace(digest="") for row in kept]


@pytest.mark.parametrize("tree", sorted(small_trees.TREES))
def test_archives_are_those_on_record(tree, tmp_path):
    expected = [row for row in ratio.recorded() if row.tree == tree]
    found = ratio.measured(tree, ratio.LEVELS, tmp_path)
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    comparable = {row[:2] for row in expected if row.zstd in ("", LIBRARY_VERSION)}
    assert _of(found, comparable) == _of(expected, comparable), (
        "archives have other bytes than before: if that is meant, run `python benchmarks/ratio.py --write`"
    )


def test_every_tree_and_level_is_on_record():
    assert [row[:2] for row in ratio.recorded()] == [
        (t, lv) for t in small_trees.TREES for lv in ratio.LEVELS
    ]
