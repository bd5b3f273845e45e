"""The names of a page's entries (format section 6.4)."""

from __future__ import annotations

from collections.abc import Sequence

from ucompress.archive.columns import Cursor, write_column, write_prefixed
from ucompress.archive.layout import PAGE_PATHS_LIMIT
from ucompress.codec.varint import write_varint

PREFIXED = 0
TABLE = 1


def _split(path: bytes) -> tuple[bytes, bytes]:
    """Folder (with its final `/`, or empty) and base name."""
    cut = path.rfind(b"/") + 1
    return path[:cut], path[cut:]


def write_names_prefixed(paths: Sequence[bytes]) -> bytes:
    """Coding 0: each path against the one before it."""
    return bytes((PREFIXED,)) + write_prefixed(paths)


def write_names_table(paths: Sequence[bytes]) -> bytes:
    """Coding 1: folders, and numbers in a sorted table of base names.

    Pays where the same base names recur in many folders: a step in the table takes less than
    a match.
    """
    parts = [_split(path) for path in paths]
    bases = sorted({base for _, base in parts})
    numbers = {base: number for number, base in enumerate(bases)}
    folders: list[bytes] = []
    change_at: list[int] = []
    steps: list[int] = []
    folder_before, number_before, last_change = None, 0, 0
    for at, (folder, base) in enumerate(parts):
        number = numbers[base]
        if folder == folder_before:
            steps.append(number - number_before - 1)
        else:
            folders.append(folder)
            change_at.append(at - last_change)
            folder_before, last_change = folder, at
            steps.append(number)
        number_before = number
    return b"".join(
        (
            bytes((TABLE,)),
            write_varint(len(bases)),
            write_prefixed(bases),
            write_varint(len(folders)),
            write_column(change_at),
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
