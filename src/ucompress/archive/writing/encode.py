"""One index page, written (format section 6); `pages` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ucompress.archive.format.coding import code_shared
from ucompress.archive.format.columns import write_blob, write_column, write_strings, zigzag
from ucompress.archive.format.entry import EntryKind
from ucompress.archive.format.layout import PageHeader
from ucompress.archive.format.names import write_names
from ucompress.archive.format.pages import LINKED, PERMISSIONS, TIME_STEPS, TIME_TABLE, TIMED
from ucompress.archive.writing.placing import place_files
from ucompress.codec.varint import write_varint
from ucompress.config import DEFAULT_LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ucompress.archive.format.members import Integers, Members, Xattrs


def encode_page(
    members: Members, hash_length: int, begin: int = 0, end: int | None = None, *, level: int = DEFAULT_LEVEL
) -> bytes:
    """A whole page, header included.

    Args:
        members: already validated.
        hash_length: bytes of content hash kept for a file: 0, 8 or 32.
        begin, end: which of the members, at least one; all by default.
        level: the archive's; how thoroughly the page is coded follows from it.
    """
    end = len(members) if end is None else end
    paths = members.paths[begin:end]
    kinds = members.kinds[begin:end]
    links = np.flatnonzero(np.isin(kinds, LINKED))
    decoded = b"".join(
        (
            _write_kinds(kinds, members.modes[begin:end]),
            write_names(paths, level),
            _write_times(members.mtimes_ns[begin:end][np.isin(kinds, TIMED)].astype(np.int64)),
            _write_contents(members, begin, paths, kinds, hash_length),
            _write_targets([members.targets[begin + at] for at in links.tolist()]),
            _write_xattrs([members.xattrs.get(at, ()) for at in range(begin, end)] if members.xattrs else []),
        )
    )
    codec, coded = code_shared(decoded, level)
    return PageHeader.wrap(codec, coded, len(decoded), len(paths))


def _write_array(values: Integers) -> bytes:
    """`write_column` of an array."""
    numbers = values.astype("<u8")
    width = (int(numbers.max(initial=0)).bit_length() + 7) // 8
    return bytes((width,)) + numbers.view(np.uint8).reshape(-1, 8).T[:width].tobytes()


def _write_kinds(kinds: Integers, modes: Integers) -> bytes:
    bits = PERMISSIONS.bit_length()
    rows = kinds.astype(np.int64) << bits | modes.astype(np.int64) & PERMISSIONS
    table, numbers = np.unique(rows, return_inverse=True)
    return b"".join(
        (
            write_varint(len(table)),
            _write_array(table >> bits),
            _write_array(table & PERMISSIONS),
            _write_array(numbers),
        )
    )


def _write_times(times: Integers) -> bytes:
    """Format section 6.5: a table where times recur, else differences."""
    if not len(times):
        return b""
    unit = 9
    while unit and (times % 10**unit).any():
        unit -= 1
    values = times // 10**unit
    table, numbers = np.unique(values, return_inverse=True)
    if 2 * len(table) <= len(values) + 1:
        body = write_varint(len(table)) + _write_array(np.diff(table))
        body += _write_array(numbers)
        coding, first = TIME_TABLE, int(table[0])
    else:
        steps = np.diff(values)  # modulo 2^64
        body = _write_array(steps << 1 ^ steps >> 63)
        coding, first = TIME_STEPS, int(values[0])
    return bytes((unit, coding)) + write_varint(zigzag(first)) + body


def _write_contents(
    members: Members, begin: int, paths: Sequence[bytes], kinds: Integers, hash_length: int
) -> bytes:
    """Where the files' contents are, and a hash of each content."""
    files = np.flatnonzero(kinds == EntryKind.FILE)
    placed = place_files(
        members, [paths[at] for at in files.tolist()], members.contents[begin + files].astype(np.int64)
    )
    columns = (
        placed.shapes, placed.twins, placed.sizes, placed.codes, placed.lengths,
        placed.distances, placed.block_steps, placed.offsets,
    )  # fmt: skip
    own = placed.own.tolist() if hash_length else []
    hashes = [_hash(members, content, hash_length) for content in own]
    return b"".join((*map(_write_array, columns), *hashes))


def _hash(members: Members, content: int, hash_length: int) -> bytes:
    digest = members.digests[content]
    if digest is None or len(digest) < hash_length:
        path = members.paths[int(np.flatnonzero(members.contents == content)[0])]
        raise ValueError(f"the content hash of {path!r} is missing")
    return digest[:hash_length]


def _write_targets(targets: list[bytes]) -> bytes:
    return write_strings(targets) if targets else b""


def _write_xattrs(all_xattrs: list[Xattrs]) -> bytes:
    table = sorted({xattrs for xattrs in all_xattrs if xattrs})
    if not table:
        return write_varint(0)
    parts = [write_varint(len(table))]
    for xattrs in table:
        parts.append(write_varint(len(xattrs)))
        parts.extend(write_blob(name) + write_blob(value) for name, value in xattrs)
    numbers = {xattrs: number for number, xattrs in enumerate(table, 1)}
    parts.append(write_column([numbers.get(xattrs, 0) for xattrs in all_xattrs]))
    return b"".join(parts)
