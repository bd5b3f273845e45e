"""Manifests that come entry by entry: in memory while they are small, then in files."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from ucompress.scan.manifest import Manifest, MemberKind
from ucompress.scan.rules import matchable
from ucompress.spill import IN_MEMORY, Growing, SparseStringsBuilder, StringsBuilder, taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ucompress.scan.rules import Spec
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
ROWS_TOGETHER: Final = 4096
"""Entries, of one folder or of many small ones, whose columns are put in order together."""


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


class _Waiting:
    """Rows of what was listed, and the entries that they become."""

    __slots__ = ("listed", "places", "rows")

    def __init__(self, listed: Listed | Manifest) -> None:
        self.listed = listed
        self.rows: list[int] = []
        self.places: list[int] = []


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
        self._waiting: dict[int, _Waiting] = {}
        self._settled = 0

    def __len__(self) -> int:
        """Entries so far."""
        return len(self._paths)

    def take(self, listed: Listed | Manifest, order: Sequence[int]) -> None:
        """Add the chosen entries, in the order given."""
        first = len(self)
        self._paths.extend(taken(listed.paths, order))
        waiting = self._waiting.setdefault(id(listed), _Waiting(listed))
        waiting.rows.extend(order)
        waiting.places.extend(range(first, len(self)))
        special = listed.targets or listed.xattrs or listed.housing
        for at, old in enumerate(order, first) if special else ():
            if old in listed.targets and listed.kinds[old] != MemberKind.FILE:
                self._targets.add(at, listed.targets[old])
            if old in listed.xattrs:
                self.made.xattrs[at] = listed.xattrs[old]
            if old in listed.housing:
                self.made.housing.add(at)
        if len(self) - self._settled >= ROWS_TOGETHER:
            self._settle()

    def _settle(self) -> None:
        """Put the columns of what is waiting behind those of what is settled."""
        count = len(self) - self._settled
        chosen = [
            (
                waiting.listed,
                np.array(waiting.rows, np.int64),
                np.array(waiting.places, np.int64) - self._settled,
            )
            for waiting in self._waiting.values()
        ]
        for name, column in self._columns.items():
            values = np.empty(count, dtype=column.tail.typecode)
            for listed, rows, places in chosen:
                values[places] = np.asarray(getattr(listed, name))[rows]
            column.tail.frombytes(values.tobytes())
            column.settle()
        self._waiting.clear()
        self._settled = len(self)

    def finish(self) -> Manifest:
        """The manifest; after this nothing is added any more."""
        self._settle()
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
    for first in range(0, len(order), ROWS_TOGETHER):
        builder.take(found, order[first : first + ROWS_TOGETHER])
    return builder.finish()


def not_barren(manifest: Manifest, include: Spec) -> list[int]:
    """The entries of a scan but for folders that match nothing and hold nothing."""
    holding: set[bytes] = set()
    for path, kind in zip(manifest.paths, manifest.kinds, strict=True):
        if kind == MemberKind.DIRECTORY and not include.match_file(matchable(path) + "/"):
            continue
        holding.update(_parents(path, holding))
        holding.add(path)
    return [index for index, path in enumerate(manifest.paths) if path in holding]


def _parents(path: bytes, known: set[bytes]) -> Iterator[bytes]:
    # Stops at the first known folder: its own parents are known as well.
    cut = path.rfind(b"/")
    while cut >= 0 and path[:cut] not in known:
        yield path[:cut]
        cut = path.rfind(b"/", 0, cut)
