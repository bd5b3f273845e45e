"""The members of an archive in columns: what the writer makes index pages of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ucompress.archive.format.entry import EntryKind
from ucompress.archive.format.layout import LARGEST
from ucompress.spill import IN_MEMORY, Spill

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ucompress.archive.format.entry import Entry, Extent

    Integers = NDArray[np.integer[Any]]
    Xattrs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Members and their contents; files of one content share its number, and with it its extents.

    Attributes:
        paths: as in `Entry`, one for each member; ascending.
        kinds, modes, mtimes_ns: columns beside the paths, as in `Entry`.
        contents: beside the paths, the number of a file's content; -1 for empty files and all else.
        targets, xattrs: by place among the paths, only where there are any.
        extent_start: for each content the number of its first extent, then the number of all.
        extent_block, extent_offset, extent_length: the extents, content after content.
        digests: BLAKE3-256 of each content; None where it is not known.
        spill: keeps the columns.
    """

    paths: Sequence[bytes]
    kinds: Integers
    modes: Integers
    mtimes_ns: Integers
    contents: Integers
    targets: Mapping[int, bytes]
    xattrs: Mapping[int, Xattrs]
    extent_start: Integers
    extent_block: Integers
    extent_offset: Integers
    extent_length: Integers
    digests: Sequence[bytes | None]
    spill: Spill = IN_MEMORY

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Members:
        """The columns of some entries, which are held all at once.

        Raises:
            ValueError: a size is not that of the extents, something that is no file has content, or a
                number has more than 64 bits.
        """
        entries = list(entries)
        known: dict[tuple[Extent, ...], int] = {}
        contents, digests = [], list[bytes | None]()
        for entry in entries:
            size = sum(length for _, _, length in entry.extents)
            if not entry.size == size <= LARGEST:
                raise ValueError(f"the extents of {entry.path!r} do not add up to {entry.size} bytes")
            if entry.extents and entry.kind is not EntryKind.FILE:
                raise ValueError(f"{entry.path!r} is no file but has content: that is not allowed")
            number = known.setdefault(entry.extents, len(known)) if entry.extents else -1
            if number == len(digests):
                digests.append(entry.digest)
            contents.append(number)
        extents = [extent for group in known for extent in group]
        try:
            return cls(
                paths=[entry.path for entry in entries],
                kinds=_integers([entry.kind for entry in entries]),
                modes=_integers([entry.mode for entry in entries]),
                mtimes_ns=_integers([entry.mtime_ns for entry in entries]),
                contents=_integers(contents),
                targets={at: entry.target for at, entry in enumerate(entries) if entry.target},
                xattrs={at: entry.xattrs for at, entry in enumerate(entries) if entry.xattrs},
                extent_start=np.cumsum(_integers([0, *map(len, known)])),
                extent_block=_integers([extent.block for extent in extents]),
                extent_offset=_integers([extent.offset for extent in extents]),
                extent_length=_integers([extent.length for extent in extents]),
                digests=digests,
            )
        except OverflowError as error:
            raise ValueError("a time, or a number of an extent, does not fit 64 bits") from error

    def __len__(self) -> int:
        """Number of members."""
        return len(self.paths)

    def only(self, rows: NDArray[np.int64]) -> Members:
        """The members of some places, ascending; the contents stay."""
        chosen = rows.tolist()
        return replace(
            self,
            paths=[self.paths[at] for at in chosen],
            kinds=self.kinds[rows],
            modes=self.modes[rows],
            mtimes_ns=self.mtimes_ns[rows],
            contents=self.contents[rows],
            targets={at: self.targets[old] for at, old in enumerate(chosen) if old in self.targets},
            xattrs={at: self.xattrs[old] for at, old in enumerate(chosen) if old in self.xattrs},
        )


def _integers(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)
