"""Sizes that are on record, to the byte: whoever changes one changes `benchmarks/ratio.csv` with it."""

from __future__ import annotations

import importlib.util
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


@pytest.mark.parametrize("tree", sorted(small_trees.TREES))
def test_archives_have_the_size_on_record(tree, tmp_path):
    expected = [row for row in ratio.recorded() if row.tree == tree]
    found = ratio.measured(tree, ratio.LEVELS, tmp_path)
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    comparable = [row for row in expected if row.zstd in ("", LIBRARY_VERSION)]
    assert [row for row in found if row[:2] in {row[:2] for row in comparable}] == comparable, (
        "archives have other sizes than before: if that is meant, run `python benchmarks/ratio.py --write`"
    )


def test_every_tree_and_level_is_on_record():
    assert [row[:2] for row in ratio.recorded()] == [
        (t, lv) for t in small_trees.TREES for lv in ratio.LEVELS
    ]
