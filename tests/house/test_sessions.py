"""Sessions of tests do not get into each other's way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIMPLE = "tests/house/test_support.py"

fcntl = pytest.importorskip("fcntl")


def session(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}"]
    return subprocess.run([*words, *options, SIMPLE], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["alone", "workers"])
def test_a_second_session_leaves_the_folder_of_the_first_alone(tmp_path, options):
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "of-the-first").touch()
    first = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = session(folder, *options)
        assert second.returncode == 4
        assert "another session of tests works in" in second.stdout + second.stderr
        assert (folder / "of-the-first").exists()
    finally:
        os.close(first)
    assert session(folder, *options).returncode == 0
    assert not (folder / "of-the-first").exists()
