"""The design's performance tests on whole runs: `python -m pytest -p benchmark benchmarks/test_pipeline.py`.

Trees of 100, 1,000 and 10,000 files (100,000 with `--large`) of about 4 KB; memory against its limit; how
busy two threads keep two cores; a second run with the database of the first. Figures go to `extra_info`;
what must hold on any machine is asserted, what depends on it is only reported.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

import support
from measure import measure, tree_bytes, ucompress

FILE_BYTES = 4096


@pytest.fixture(scope="module")
def trees() -> Any:
    """Trees by their number of files, made when first asked for."""
    with tempfile.TemporaryDirectory(prefix="scales-") as folder:
        made: dict[int, Path] = {}

        def tree(count: int) -> Path:
            if count not in made:
                made[count] = Path(folder, f"tree{count}")
                support.fill_codebase(made[count], count, FILE_BYTES, seed=count)
            return made[count]

        yield tree


def pack(tree: Path, archive: Path, *options: object) -> Any:
    """Pack a tree as a process of its own."""
    return measure(ucompress("compress", tree, "-o", archive, "--no-resume", "--force", "-q", *options))


def test_scale(benchmark: Any, trees: Any, tmp_path: Path, file_count: int) -> None:
    """Files a second, peak memory and CPU as trees grow."""
    tree = trees(file_count)
    options = ("--database", tmp_path / "patterns.db")
    used = benchmark.pedantic(pack, args=(tree, tmp_path / "tree.ucz", *options), rounds=1)
    benchmark.extra_info |= {
        "files/s of CPU": round(file_count / used.cpu),
        "CPU s": round(used.cpu, 2),
        "peak MB": round(used.rss_mb, 1),
        "ratio": round((tmp_path / "tree.ucz").stat().st_size / tree_bytes(tree), 4),
    }
    assert used.rss_mb < 1024


@pytest.mark.parametrize("level", [3, 6])
@pytest.mark.parametrize("limit", [256, 1024])
def test_memory(benchmark: Any, trees: Any, tmp_path: Path, limit: int, level: int) -> None:
    """Peak memory stays under the limit, and the limit changes no byte."""
    tree = trees(10_000)
    archive = tmp_path / "tree.ucz"
    options = (f"-{level}", "--database", tmp_path / "patterns.db", "--memory-limit", limit)
    used = benchmark.pedantic(pack, args=(tree, archive, *options), rounds=1)
    benchmark.extra_info["peak MB"] = round(used.rss_mb, 1)
    assert used.rss_mb <= limit
    other = tmp_path / "other.ucz"
    pack(tree, other, f"-{level}", "--database", tmp_path / "other.db")
    assert archive.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_processor_use(benchmark: Any, trees: Any, tmp_path: Path, threads: int) -> None:
    """CPU seconds over wall seconds: 1 for one thread, close to 2 for two if two cores are free."""
    tree = trees(10_000)
    options = ("--threads", threads, "--database", tmp_path / "patterns.db")
    used = benchmark.pedantic(pack, args=(tree, tmp_path / "tree.ucz", *options), rounds=1)
    benchmark.extra_info |= {"cores in use": round(used.cpu / used.wall, 2), "CPU s": round(used.cpu, 2)}


def test_second_run(benchmark: Any, trees: Any, tmp_path: Path) -> None:
    """The database of a first run makes the second cheaper and changes no byte."""
    tree, database = trees(10_000), tmp_path / "patterns.db"
    time.sleep(0.1)  # a file's stamp proves nothing right after the file was written
    first = pack(tree, tmp_path / "first.ucz", "--database", database)
    second = benchmark.pedantic(pack, args=(tree, tmp_path / "second.ucz", "--database", database), rounds=1)
    benchmark.extra_info |= {"first CPU s": round(first.cpu, 2), "second CPU s": round(second.cpu, 2)}
    assert (tmp_path / "first.ucz").read_bytes() == (tmp_path / "second.ucz").read_bytes()


@pytest.mark.parametrize("command", ["--version", "--help"])
def test_start(benchmark: Any, command: str) -> None:
    """What the command line costs before it does anything."""
    used = benchmark.pedantic(measure, args=(ucompress(command),), rounds=3)
    benchmark.extra_info["CPU s"] = round(used.cpu, 3)


def test_import_is_light(benchmark: Any) -> None:
    """Importing the package brings in neither typer nor rich."""
    words = [sys.executable, "-X", "importtime", "-c", "import ucompress"]
    done = benchmark.pedantic(
        subprocess.run, args=(words,), kwargs={"capture_output": True, "text": True}, rounds=3
    )
    names = set(re.findall(r"\|\s+(\w+)$", done.stderr, re.MULTILINE))
    assert not names & {"typer", "rich", "click"}
    benchmark.extra_info["modules"] = len(names)


def test_scan(benchmark: Any, trees: Any) -> None:
    """Files a second of the scan alone, in this thread."""
    from ucompress.scan import scan

    tree = trees(10_000)
    manifest = benchmark.pedantic(scan, args=([tree],), rounds=5)
    assert len(manifest) >= 10_000
    benchmark.extra_info["files/s"] = round(10_000 / benchmark.stats.stats.min) if benchmark.stats else None
    assert os.fspath(tree)
