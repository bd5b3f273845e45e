"""Count again what the database says: `recount.py TREE DATABASE [--patterns 1000]`.

Takes the first patterns by bytes saved and counts each by searching every file of the tree, the slow and
obvious way: `frequency` is every position, overlapping ones and duplicate files included; `file_count`
every file that has it. Names each difference and ends with 1 if there is one. The database must come from
a run on this tree alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ucompress.database import PatternDatabase


def positions(pattern: bytes, content: bytes) -> int:
    """Positions at which a pattern stands, overlapping ones included."""
    count, at = 0, content.find(pattern)
    while at >= 0:
        count += 1
        at = content.find(pattern, at + 1)
    return count


def main() -> int:
    """Recount and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tree", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("--patterns", type=int, default=1000)
    options = parser.parse_args()
    with PatternDatabase(options.database) as database:
        told = database.top_patterns(options.patterns)
    frequency, files = [0] * len(told), [0] * len(told)
    for folder, _, names in os.walk(options.tree):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                content = path.read_bytes()
                for number, entry in enumerate(told):
                    count = positions(entry.pattern, content)
                    frequency[number] += count
                    files[number] += count > 0
    wrong = 0
    for entry, positions_found, files_found in zip(told, frequency, files, strict=True):
        if (entry.frequency, entry.file_count) != (positions_found, files_found):
            wrong += 1
            print(
                f"{entry.pattern[:40]!r}: stored {entry.frequency} in {entry.file_count} files,"
                f" counted {positions_found} in {files_found}"
            )
    print(f"{len(told)} patterns counted again, {wrong} differ")
    return 1 if wrong or not told else 0


if __name__ == "__main__":
    sys.exit(main())
