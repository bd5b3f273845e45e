"""Manifests that come entry by entry: in memory while they are small, then in files."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from ucompress.scan.manifest import Manifest, MemberKind
from ucompress.spill import IN_MEMORY, Growing, SparseStringsBuilder, StringsBuilder, taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ucompress.spill import Spill

_COLUMNS: Final = {
    "kinds": "B",
    "modes": "L",
    "mtimes_ns": "q",
    "ctimes_ns": "q",
    "sizes": "Q",
    "inodes": "Q",
    "devices": "Q",
    "nlinks": "L",
    "inputs": "L",
}
_AT_ONCE = 4096


@dataclass(slots=True)
class Listed:
    """Entries as they are found, in any order: the columns of a `Manifest`, to append to."""

    paths: list[bytes] = field(default_factory=list)
    kinds: array[int] = field(default_factory=lambda: array("B"))
    modes: array[int] = field(default_factory=lambda: array("L"))
    mtimes_ns: array[int] = field(default_factory=lambda: array("q"))
    ctimes_ns: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    inodes: array[int] = field(default_factory=lambda: array("Q"))
    devices: array[int] = field(default_factory=lambda: array("Q"))
    nlinks: array[int] = field(default_factory=lambda: array("L"))
    inputs: array[int] = field(default_factory=lambda: array("L"))
    targets: dict[int, bytes] = field(default_factory=dict)
    xattrs: dict[int, tuple[tuple[bytes, bytes], ...]] = field(default_factory=dict)
    housing: set[int] = field(default_factory=set)


class ManifestBuilder:
    """Puts a manifest together, in the order of its paths.

    Attributes:
        made: what has roots, notices and errors already, and the entries once all are there.
    """

    def __init__(self, spill: Spill = IN_MEMORY) -> None:
        """Begin without entries."""
        self.made = Manifest(spill=spill)
        self._paths = StringsBuilder(spill)
        self._targets = SparseStringsBuilder(spill)
        self._columns = {name: Growing(typecode, spill) for name, typecode in _COLUMNS.items()}

    def __len__(self) -> int:
        """Entries so far."""
        return len(self._paths)

    def take(self, listed: Listed | Manifest, order: Sequence[int]) -> None:
        """Add the chosen entries, in the order given."""
        first = len(self)
        self._paths.extend(taken(listed.paths, order))
        rows = np.asarray(order, dtype=np.int64)
        for name, column in self._columns.items():
            column.tail.frombytes(np.asarray(getattr(listed, name))[rows].tobytes())
            column.settle()
        special = listed.targets or listed.xattrs or listed.housing
        for at, old in enumerate(order, first) if special else ():
            if old in listed.targets and listed.kinds[old] != MemberKind.FILE:
                self._targets.add(at, listed.targets[old])
            if old in listed.xattrs:
                self.made.xattrs[at] = listed.xattrs[old]
            if old in listed.housing:
                self.made.housing.add(at)

    def finish(self) -> Manifest:
        """The manifest; after this nothing is added any more."""
        self.made.paths, self.made.targets = self._paths.finish(), self._targets.finish()
        for name, column in self._columns.items():
            setattr(self.made, name, column.column())
        return self.made


def reordered(found: Manifest, order: Sequence[int], spill: Spill = IN_MEMORY) -> Manifest:
    """The chosen entries in the order given; notes and roots are shared."""
    builder = ManifestBuilder(spill)
    made = builder.made
    made.roots, made.notices, made.warnings, made.errors = (
        found.roots,
        found.notices,
        found.warnings,
        found.errors,
    )
    for first in range(0, len(order), _AT_ONCE):
        builder.take(found, order[first : first + _AT_ONCE])
    return builder.finish()
