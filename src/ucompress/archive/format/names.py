"""The names of a page's entries (format section 6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import ne, sub

from ucompress.archive.format.coding import size_estimate
from ucompress.archive.format.columns import Cursor, write_column, write_prefixed
from ucompress.archive.format.layout import PAGE_PATHS_LIMIT
from ucompress.codec.varint import write_varint

PREFIXED = 0
TABLE = 1


_MEETINGS = 2
"""Where fewer entries than this share a base name on average, the table was nowhere the smaller coding."""


def write_names(paths: Sequence[bytes], level: int) -> bytes:
    """The paths in the coding that promises to take less when the page is coded, at the archive's level."""
    prefixed = write_names_prefixed(paths)
    bases = {path[path.rfind(b"/") + 1 :] for path in paths}
    if len(bases) * _MEETINGS > len(paths):
        return prefixed
    return min(prefixed, write_names_table(paths), key=lambda names: size_estimate(names, level))


def write_names_prefixed(paths: Sequence[bytes]) -> bytes:
    """Coding 0: each path against the one before it."""
    return bytes((PREFIXED,)) + write_prefixed(paths)


def write_names_table(paths: Sequence[bytes]) -> bytes:
    """Coding 1: folders, and numbers in a sorted table of base names.

    Pays where the same base names recur in many folders: a step in the table takes less than
    a match.
    """
    cuts = [path.rfind(b"/") + 1 for path in paths]
    named = [path[cut:] for path, cut in zip(paths, cuts, strict=True)]
    housed = [path[:cut] for path, cut in zip(paths, cuts, strict=True)]
    bases = sorted(set(named))
    rows = list(map(dict(zip(bases, range(len(bases)), strict=True)).__getitem__, named))
    moves = list(map(ne, housed, chain((None,), housed)))
    change_at = [at for at, moved in enumerate(moves) if moved]
    folders = [housed[at] for at in change_at]
    steps = [
        row if moved else row - before - 1
        for row, before, moved in zip(rows, chain((0,), rows), moves, strict=False)
    ]
    return b"".join(
        (
            bytes((TABLE,)),
            write_varint(len(bases)),
            write_prefixed(bases),
            write_varint(len(folders)),
            write_column(map(sub, change_at, chain((0,), change_at))),
            write_prefixed(folders),
            write_column(steps),
        )
    )


def read_names(cursor: Cursor, count: int) -> list[bytes]:
    """The page's paths; their order and validity are for the caller to check."""
    coding = cursor.byte()
    if coding == PREFIXED:
        return cursor.prefixed(count, PAGE_PATHS_LIMIT)
    if coding != TABLE:
        raise cursor.fail(f"name coding {coding} does not exist")
    bases = cursor.prefixed(cursor.varint(count), PAGE_PATHS_LIMIT)
    changes = cursor.varint(count)
    change_at = cursor.numbers(changes, count)
    folders = cursor.prefixed(changes, PAGE_PATHS_LIMIT)
    steps = cursor.numbers(count, count)
    if not change_at or change_at[0]:
        raise cursor.fail("the first entry has no folder")
    return _join(cursor, bases, change_at, folders, steps)


def _join(
    cursor: Cursor, bases: list[bytes], change_at: list[int], folders: list[bytes], steps: list[int]
) -> list[bytes]:
    """Paths from folders, base names and steps."""
    paths: list[bytes] = []
    count, start, total = len(steps), 0, 0
    for change, folder in enumerate(folders):
        start += change_at[change]
        stop = start + change_at[change + 1] if change + 1 < len(folders) else count
        if stop > count or stop <= start:
            raise cursor.fail("folders change where no entry is")
        number = -1
        for step in steps[start:stop]:
            number += step + 1
            if number >= len(bases):
                raise cursor.fail("a base name is not in the table")
            paths.append(folder + bases[number])
            total += len(paths[-1])
        if total > PAGE_PATHS_LIMIT:
            raise cursor.fail(f"its names exceed {PAGE_PATHS_LIMIT} bytes")
    return paths
