"""Trees of very many files of about 1 KB: what memory and time do as the number of files grows.

    python benchmarks/synthetic.py [--files 100000 1000000] [--per-folder 500] [--memory-limit 1024]
    python benchmarks/synthetic.py --files 100 1000 10000 100000 --markdown

The second makes the table of the README. Each tree is made (the same bytes everywhere), packed, listed and
unpacked, and everything is deleted again; 10^6 files take 5 GB of disk meanwhile. CPU and peak memory are the
kernel's accounts of each command.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Usage, measure

PER_FOLDER = 500
SIZE = 1024
WORDS = 4096
_TIME_NS = 1_700_000_000 * 10**9


def make_tree(root: Path, files: int, per_folder: int) -> int:
    """Make a tree of `files` files below `root`; returns their bytes.

    A folder holds `per_folder` files, a folder of folders 1,000 of them. Files are lines of words of
    one vocabulary, 512 to 1,535 bytes, and no two are alike.
    """
    draw = random.Random(files)
    letters = [bytes(97 + draw.getrandbits(16) % 26 for _ in range(10)) for _ in range(WORDS)]
    words = [some[: 3 + draw.getrandbits(3)] for some in letters]
    text = b" ".join(words[draw.getrandbits(12)] for _ in range(1 << 18))
    size = 0
    for first in range(0, files, per_folder):
        number = first // per_folder
        folder = root / f"{number // 1000:03d}" / f"{number % 1000:03d}"
        folder.mkdir(parents=True)
        for file in range(first, min(first + per_folder, files)):
            at, length = draw.getrandbits(20) % (len(text) - 2 * SIZE), SIZE // 2 + draw.getrandbits(10)
            data = b"%08d %s\n" % (file, text[at : at + length - 10])
            path = os.fsencode(folder) + b"/%s-%d.txt" % (words[file % WORDS], file)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            os.write(descriptor, data)
            os.utime(descriptor, ns=(_TIME_NS + file, _TIME_NS + file))
            os.close(descriptor)
            size += len(data)
    return size


def measured(folder: Path, files: int, wanted: argparse.Namespace) -> Iterator[tuple[str, Usage]]:
    """Each command, and what it takes with a tree of so many files."""
    tree, archive, target = folder / "tree", folder / "a.ucz", folder / "out"
    tree.mkdir()
    make_tree(tree, files, wanted.per_folder)
    program = [sys.executable, "-m", "ucompress"]
    options = [f"-{wanted.level}", "--threads", "1", "--memory-limit", str(wanted.memory_limit), "--quiet"]
    options += ["--database", str(folder / "p.db")]
    opening = "import sys, ucompress; ucompress.open(sys.argv[1])"
    commands = {
        "compress": [*program, "compress", str(tree), "-o", str(archive), *options],
        "import": [sys.executable, "-c", "import ucompress"],
        "open": [sys.executable, "-c", opening, str(archive)],
        "list": [*program, "list", str(archive)],
        "extract": [*program, "extract", str(archive), "-C", str(target), "--quiet"],
    }
    for name, command in commands.items():
        yield name, measure(command)


def as_rows(files: int, found: Iterator[tuple[str, Usage]]) -> Iterator[str]:
    """A row for each command, as it has ended."""
    for name, usage in found:
        each = usage.cpu / files * 1e6
        yield f"{files},{name},{usage.cpu:.2f},{each:.1f},{usage.wall:.2f},{usage.rss_mb:.0f}"


def as_table_row(files: int, found: Iterator[tuple[str, Usage]]) -> Iterator[str]:
    """A row for all commands: CPU seconds and peak MB of each, and of packing what a file takes."""
    used = dict(found)
    cells = [f"{used[name].cpu:.2f} s, {used[name].rss_mb:.0f} MB" for name in SHOWN]
    each = used["compress"].cpu / files * 1e6
    yield f"| {files:,} | {cells[0]} | {each:,.0f} µs | {' | '.join(cells[1:])} |"


SHOWN = ("compress", "list", "extract")
HEADS = {
    False: "files,command,cpu_s,us_per_file,wall_s,peak_mb",
    True: "| files | compress | a file | list | extract |\n| ---: | ---: | ---: | ---: | ---: |",
}


def main() -> None:
    """Print what each command takes for each number of files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--per-folder", type=int, default=PER_FOLDER)
    parser.add_argument("--level", type=int, default=3)
    parser.add_argument("--memory-limit", type=int, default=1024, help="MB for packing")
    parser.add_argument("--folder", type=Path, help="where trees are made; a temporary folder by default")
    parser.add_argument("--markdown", action="store_true", help="a table with a row for each number of files")
    wanted = parser.parse_args()
    print(HEADS[wanted.markdown], flush=True)
    rows = as_table_row if wanted.markdown else as_rows
    for files in wanted.files:
        folder = Path(tempfile.mkdtemp(prefix="synthetic-", dir=wanted.folder))
        try:
            for row in rows(files, measured(folder, files, wanted)):
                print(row, flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
