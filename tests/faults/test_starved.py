"""Whichever allocation of a kernel fails, once: MemoryError, nothing held, and the next call is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import SANITIZED, compile_shim

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux"),
    pytest.mark.skipif(SANITIZED, reason="a sanitizer has malloc to itself"),
]

TESTS = Path(__file__).parents[1]
PATIENCE = 300
ALLOCATES_NOTHING = {"classify", "find_stride", "is_sample", "look_at_files"}
"""Kernels that do with what the caller has."""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    return compile_shim(Path(__file__).with_name("memory.c"), tmp_path_factory.mktemp("memory"))


@pytest.mark.parametrize("family", ["lz", "mix", "others"])
def test_each_allocation_fails_once(shim, family):
    environment = {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "PYTHONPATH": os.pathsep.join([*sys.path, str(TESTS)]),
    }
    words = [sys.executable, "-m", "faults.starved", family]
    done = subprocess.run(
        words, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "SystemError" not in done.stderr
    allocations = json.loads(done.stdout)
    assert {name for name, count in allocations.items() if count == 0} <= ALLOCATES_NOTHING
    assert sum(allocations.values()) >= 2 * len(allocations)
