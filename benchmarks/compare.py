"""Compare two trees byte for byte: `compare.py TREE COPY [--links] [--metadata]`; exit code 1 if they differ.

`--links` compares symbolic links and their targets too (some peers leave them out or write files in their
place); `--metadata` compares modes of all and mtimes, in nanoseconds, of files and links, and takes empty
folders for part of the tree.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
from pathlib import Path

PIECE = 1 << 18


def entries(root: Path) -> dict[bytes, os.stat_result]:
    """Everything below `root`, by its name relative to it."""
    found = {}
    for folder, folders, names in os.walk(os.fsencode(root)):
        for name in (*folders, *names):
            path = os.path.join(folder, name)  # noqa: PTH118 - names are bytes here
            found[os.path.relpath(path, os.fsencode(root))] = os.lstat(path)
    return found


def same_content(one: bytes, other: bytes) -> bool:
    """Compare two files piece by piece."""
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            piece = first.read(PIECE)
            if piece != second.read(PIECE):
                return False
            if not piece:
                return True


def difference(
    one: bytes, other: bytes, before: os.stat_result, after: os.stat_result, metadata: bool
) -> str | None:
    """What tells two entries of one name apart; None if nothing does."""
    kind = stat.S_IFMT(before.st_mode)
    if kind != stat.S_IFMT(after.st_mode):
        return "another kind"
    if metadata and before.st_mode != after.st_mode:
        return f"mode {before.st_mode:o} became {after.st_mode:o}"
    if metadata and kind != stat.S_IFDIR and before.st_mtime_ns != after.st_mtime_ns:
        return f"mtime {before.st_mtime_ns} became {after.st_mtime_ns}"
    if kind == stat.S_IFLNK and os.readlink(one) != os.readlink(other):  # noqa: PTH115
        return "another target"
    if kind == stat.S_IFREG and (before.st_size != after.st_size or not same_content(one, other)):
        return "other bytes"
    return None


def main() -> int:
    """Compare and report at most ten differences."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tree", type=Path)
    parser.add_argument("copy", type=Path)
    parser.add_argument("--links", action="store_true")
    parser.add_argument("--metadata", action="store_true")
    options = parser.parse_args()

    def counts(status: os.stat_result) -> bool:
        if stat.S_ISDIR(status.st_mode):
            return bool(options.metadata)
        return bool(options.links) or not stat.S_ISLNK(status.st_mode)

    before, after = entries(options.tree), entries(options.copy)
    problems = []
    for name in sorted(set(before) | set(after)):
        if not counts(before.get(name) or after[name]):
            continue
        if name not in before or name not in after:
            problems.append((name, "missing" if name not in after else "not in the original"))
            continue
        one, other = (os.path.join(os.fsencode(root), name) for root in (options.tree, options.copy))  # noqa: PTH118
        told = difference(one, other, before[name], after[name], options.metadata)
        if told:
            problems.append((name, told))
    for name, told in problems[:10]:
        print(f"{os.fsdecode(name)!r}: {told}")
    if problems:
        print(f"{len(problems)} differences")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
