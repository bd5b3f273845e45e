"""The harnesses of libFuzzer, which only `make fuzz-guided` builds, fit the kernels as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "src" / "ucompress" / "_kernels"
HARNESSES = sorted((HERE / "native").glob("*.c"))
COMPILER = os.environ.get("CC", "cc")


@pytest.mark.skipif(
    shutil.which(COMPILER) is None or not KERNELS.exists(), reason="no compiler, or no sources"
)
@pytest.mark.parametrize("source", HARNESSES, ids=lambda source: source.stem)
def test_a_harness_compiles_without_a_warning(source):
    flags = ["-std=c11", "-Wall", "-Wno-unused-function", "-Werror", "-fsyntax-only", f"-I{KERNELS}"]
    done = subprocess.run([COMPILER, *flags, source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
