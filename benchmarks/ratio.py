"""Exact sizes under version control: `ratio.py [--write]`.

`ratio.csv` holds how many bytes an archive of each tree of `small_trees.py` has at each level, and a digest
of them. A test compares both, so that a change that makes archives smaller or larger is a line of its own
commit, and one that makes other bytes on another Python or processor fails there. `ratio.py` prints
what differs, with totals a level; `ratio.py --write` makes the file anew. Levels 1 to 3 are zstd's frames,
whose bytes belong to one version of the library: it stands in the file, and under another they are not
compared.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

import ucompress
from small_trees import TREES, make_tree
from ucompress.codec.levels import ZSTD, codec_of
from ucompress.codec.zstd import LIBRARY_VERSION

TABLE = Path(__file__).parent / "ratio.csv"
COLUMNS = ("tree", "level", "bytes", "digest", "zstd")
LEVELS = range(1, 10)


class Row(NamedTuple):
    """One archive.

    Attributes:
        tree: its name in `small_trees.TREES`.
        level: compression level.
        size: bytes of the archive.
        digest: first 8 bytes of BLAKE3 of it, in hexadecimal.
        zstd: version of the library that made its frames; empty where it makes none.
    """

    tree: str
    level: int
    size: int
    digest: str
    zstd: str


def measured(name: str, levels: range, scratch: Path) -> list[Row]:
    """Pack a tree at some levels."""
    tree = make_tree(name, scratch)
    rows = []
    for level in levels:
        archive = scratch / f"{name}-{level}.ucz"
        ucompress.compress(tree, archive, level=level)
        content = archive.read_bytes()
        library = LIBRARY_VERSION if codec_of(level) == ZSTD else ""
        rows.append(Row(name, level, len(content), blake3(content).hexdigest(8), library))
    return rows


def recorded() -> list[Row]:
    """The rows of `ratio.csv`."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return [
            Row(row["tree"], int(row["level"]), int(row["bytes"]), row["digest"], row["zstd"])
            for row in csv.DictReader(file)
        ]


def main() -> None:
    """Measure everything; print the differences, or write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="make ratio.csv anew")
    write: bool = parser.parse_args().write
    with tempfile.TemporaryDirectory() as scratch:
        rows = [row for name in TREES for row in measured(name, LEVELS, Path(scratch))]
    before = {row[:2]: row.size for row in recorded()} if TABLE.exists() else {}
    for row in rows:
        old = before.get(row[:2], row.size)
        if old != row.size:
            print(f"{row.tree:10} -{row.level} {old:9,} -> {row.size:9,}  {row.size / old - 1:+.2%}")
    for level in LEVELS:
        print(f"level {level}: {sum(row.size for row in rows if row.level == level):,} bytes in all")
    if write:
        with TABLE.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows)


if __name__ == "__main__":
    main()
