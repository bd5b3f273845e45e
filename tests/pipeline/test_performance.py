"""What packing gives and takes, measured: repeats shrink, memory stays within its limit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import (
    create_pattern_heavy_files,
    create_test_codebase,
    fill_codebase,
    measure_compression_performance,
)
from tests.pipeline.runs import command

PEAK = """
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize("level", [3, 6, 8])
def test_the_more_repeats_the_smaller(tmp_path, level):
    sizes = []
    for density in (0.0, 0.25, 0.5, 0.75, 1.0):
        folder = tmp_path / str(density)
        folder.mkdir()
        measured = measure_compression_performance(
            create_pattern_heavy_files(density, folder=folder), level=level
        )
        assert measured.files == 20
        assert measured.ratio < 1.01 - 0.9 * density
        sizes.append(measured.archive_bytes)
    assert sizes == sorted(sizes, reverse=True)


def test_a_codebase_is_packed_and_learned_from():
    with create_test_codebase(200, 3000) as folder:
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        by_name = {path.name: path for path in files}
        measured = measure_compression_performance(list(by_name.values()), level=6)
    assert measured.files == len(by_name)
    assert measured.ratio < 0.3
    assert measured.patterns_found > 10
    assert measured.cpu_seconds > 0 < measured.bytes_per_second


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system does not tell a child's memory")
@pytest.mark.parametrize(("level", "limit"), [(3, 190), (6, 250)])
def test_a_run_stays_within_its_limit(tmp_path, level, limit):
    fill_codebase(tmp_path / "tree", 150, 10_000)
    (tmp_path / "tree/large").write_bytes(os.urandom(1 << 20) * 24)
    words = ("compress", tmp_path / "tree", "-o", tmp_path / "a.ucz", f"-{level}", "-q", "-T", 2)
    words += ("--memory-limit", limit, "--database", tmp_path / "p.db")
    # A child's peak begins with that of whoever starts it: a small process between.
    told = subprocess.run(
        [sys.executable, "-c", PEAK, *command(*map(str, words))], capture_output=True, check=True
    )
    assert int(told.stdout) // (1024 if sys.platform == "darwin" else 1) <= limit * 1024
