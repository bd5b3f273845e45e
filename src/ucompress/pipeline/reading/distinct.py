"""The distinct contents of a tree, in columns.

Files with the same bytes are one *content*, numbered by the lowest member path that has it.
A row is made when it is asked for; what goes over all contents takes the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Protocol, overload

import numpy as np

from ucompress.checksum import DIGEST_BYTES
from ucompress.pipeline.reading.rows import Rows
from ucompress.pipeline.reading.spilled import NOWHERE
from ucompress.scan import other_names
from ucompress.spill import AT_ONCE, IN_MEMORY, Spill, parts, taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from ucompress.scan import Manifest


@dataclass(slots=True)
class DistinctContent:
    """One distinct content.

    Attributes:
        ordinal: its number, by lowest member path.
        path: the lowest member path that has it.
        size: bytes.
        digest: BLAKE3, 32 bytes.
        kind_class: 0 text, 1 binary, 2 already compressed.
        sources: files that have it, in member path order; of a hard-linked file every name.
        multiplicity: number of files that have it; a hard-linked file counts once.
    """

    ordinal: int
    path: bytes
    size: int
    digest: bytes
    kind_class: int
    sources: list[bytes] = field(default_factory=list)
    multiplicity: int = 0


class Names(Protocol):
    """What files are called, by their numbers."""

    def path(self, number: int) -> bytes:
        """The member path."""

    def paths(self, numbers: Sequence[int]) -> list[bytes]:
        """`path` of many files."""

    def sources(self, numbers: Sequence[int]) -> list[list[bytes]]:
        """Where each of many files lies; of a hard-linked file every name."""

    def first_sources(self, numbers: Iterable[int]) -> list[bytes]:
        """The first of `sources` of each of many files."""


class ManifestNames:
    """The files of a scan, by their entries' numbers."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        links, primaries = other_names(manifest)
        order = np.argsort(primaries, kind="stable")
        self._links, self._primaries = links[order], primaries[order]

    def path(self, number: int) -> bytes:
        """See `Names`."""
        return self._manifest.paths[number]

    def paths(self, numbers: Sequence[int]) -> list[bytes]:
        """See `Names`."""
        return taken(self._manifest.paths, numbers)

    def sources(self, numbers: Sequence[int]) -> list[list[bytes]]:
        """See `Names`."""
        found = [[source] for source in self._manifest.sources(numbers)]
        if len(self._links):
            begins, ends = (np.searchsorted(self._primaries, numbers, side) for side in ("left", "right"))
            for at in np.flatnonzero(ends > begins).tolist():
                found[at] += self._manifest.sources(self._links[begins[at] : ends[at]].tolist())
        return found

    def first_sources(self, numbers: Iterable[int]) -> list[bytes]:
        """See `Names`."""
        return self._manifest.sources(numbers)


class PathNames:
    """Files whose member paths are where they lie."""

    def __init__(self, paths: Sequence[bytes]) -> None:
        self._paths = paths

    def path(self, number: int) -> bytes:
        """See `Names`."""
        return self._paths[number]

    def paths(self, numbers: Sequence[int]) -> list[bytes]:
        """See `Names`."""
        return [self._paths[number] for number in numbers]

    def sources(self, numbers: Sequence[int]) -> list[list[bytes]]:
        """See `Names`."""
        return [[self._paths[number]] for number in numbers]

    def first_sources(self, numbers: Iterable[int]) -> list[bytes]:
        """See `Names`."""
        return [self._paths[number] for number in numbers]


class _RowNames:
    """A file for each of some contents, which stands for all that have it."""

    def __init__(self, rows: Sequence[DistinctContent]) -> None:
        self._rows = rows

    def path(self, number: int) -> bytes:
        return self._rows[number].path

    def paths(self, numbers: Sequence[int]) -> list[bytes]:
        return [self._rows[number].path for number in numbers]

    def sources(self, numbers: Sequence[int]) -> list[list[bytes]]:
        return [self._rows[number].sources for number in numbers]

    def first_sources(self, numbers: Iterable[int]) -> list[bytes]:
        return [self._rows[number].sources[0] for number in numbers]


@dataclass(frozen=True, slots=True, eq=False)
class Contents(Sequence[DistinctContent]):
    """Distinct contents by their ordinals.

    Attributes:
        names: what the files are called.
        files: numbers of the files, content after content, those of one in member path order.
        first: for each content the place of its first file in `files`, then the number of all.
        sizes: bytes of each.
        digests: BLAKE3 of each, 32 bytes, end to end.
        kind_classes: class of each, a byte.
        multiplicities: how many files have each.
        places: where each has been spilled to, or `NOWHERE`.
        spill: keeps the columns.
    """

    names: Names
    files: NDArray[np.int64]
    first: NDArray[np.int64]
    sizes: NDArray[np.int64]
    digests: bytes | memoryview
    kind_classes: bytes | memoryview
    multiplicities: NDArray[np.int64]
    places: NDArray[np.int64]
    spill: Spill = IN_MEMORY

    @classmethod
    def of(cls, rows: Sequence[DistinctContent]) -> Contents:
        """The columns of some contents, which are numbered from 0 on; names are asked of the rows."""
        if isinstance(rows, Contents):
            return rows
        return cls(
            names=_RowNames(rows),
            files=np.arange(len(rows)),
            first=np.arange(len(rows) + 1),
            sizes=np.array([row.size for row in rows], dtype=np.int64),
            digests=b"".join([row.digest for row in rows]),
            kind_classes=bytes([row.kind_class for row in rows]),
            multiplicities=np.array([row.multiplicity for row in rows], dtype=np.int64),
            places=np.full(len(rows), NOWHERE),
        )

    def __len__(self) -> int:
        """Number of contents."""
        return len(self.sizes)

    @overload
    def __getitem__(self, index: int) -> DistinctContent: ...

    @overload
    def __getitem__(self, index: slice) -> list[DistinctContent]: ...

    def __getitem__(self, index: int | slice) -> DistinctContent | list[DistinctContent]:
        """A content, or a list of them."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        return DistinctContent(
            number,
            self.path(number),
            int(self.sizes[number]),
            self.digest(number),
            self.kind_classes[number],
            self.sources(number),
            int(self.multiplicities[number]),
        )

    def digest(self, number: int) -> bytes:
        """BLAKE3 of a content."""
        return bytes(self.digests[DIGEST_BYTES * number : DIGEST_BYTES * (number + 1)])

    def all_digests(self, numbers: Iterable[int]) -> list[bytes]:
        """`digest` of many contents."""
        rows = np.frombuffer(self.digests, f"V{DIGEST_BYTES}")
        chosen: list[bytes] = rows[np.fromiter(numbers, np.int64)].tolist()
        return chosen

    def all_places(self, numbers: Sequence[int]) -> list[int]:
        """Where each of many contents has been spilled to, or `NOWHERE`."""
        places: list[int] = self.places[numbers].tolist()
        return places

    def path(self, number: int) -> bytes:
        """The lowest member path that has a content."""
        return self.names.path(int(self.files[self.first[number]]))

    def paths(self, first: int = 0, after: int | None = None) -> list[bytes]:
        """`path` of all contents, or of those from `first` to `after`."""
        return self.names.paths(self.files[self.first[:-1][first:after]].tolist())

    def sources(self, number: int) -> list[bytes]:
        """Files that have a content, in member path order; of a hard-linked file every name."""
        return self.all_sources([number])[0]

    def all_sources(self, numbers: Sequence[int]) -> list[list[bytes]]:
        """`sources` of many contents."""
        rows = np.asarray(numbers, dtype=np.int64)
        begins = self.first[rows]
        counts = self.first[rows + 1] - begins
        having = np.repeat(begins - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        found = self.names.sources(self.files[having].tolist())
        if len(found) == len(rows):
            return found
        named = iter(found)
        return [list(chain.from_iterable(islice(named, count))) for count in counts.tolist()]

    def first_sources(self, numbers: Iterable[int] | None = None) -> list[bytes]:
        """The first file that has each of some contents, or of all."""
        chosen = slice(None) if numbers is None else list(numbers)
        return self.names.first_sources(self.files[self.first[:-1][chosen]].tolist())

    def of_entries(self, count: int) -> NDArray[np.int64]:
        """For each of `count` entries of a scan the content that it has; -1 for none."""
        contents = self.spill.zeros(count, np.int64)
        for part in parts(count):
            contents[part] = -1
        for part in parts(len(self)):
            bounds = self.first[part.start : part.stop + 1]
            having = np.repeat(np.arange(part.start, part.stop), np.diff(bounds))
            contents[self.files[bounds[0] : bounds[-1]]] = having
            self.spill.release()
        return contents


class Paths(Rows[bytes]):
    """The lowest member paths of contents."""

    __slots__ = ("_contents",)

    def __init__(self, contents: Contents) -> None:
        super().__init__(len(contents), contents.path)
        self._contents = contents

    def __iter__(self) -> Iterator[bytes]:
        """The paths, in the order of the contents."""
        for first in range(0, len(self), AT_ONCE):
            yield from self._contents.paths(first, first + AT_ONCE)
            self._contents.spill.release()


def group_contents(
    names: Names,
    files: NDArray[np.int64],
    sizes: NDArray[np.int64],
    digests: NDArray[np.uint8],
    kind_classes: NDArray[np.uint8],
    spill: Spill = IN_MEMORY,
) -> tuple[Contents, NDArray[np.int64]]:
    """Distinct contents of files that come in member path order.

    Args:
        names: what the files are called.
        files: the number of each.
        sizes: bytes of each, at least one.
        digests: BLAKE3 of each, (files, 32).
        kind_classes: class of each.
        spill: keeps the columns.

    Returns:
        The contents, nowhere spilled, and for each the row of the first file that has it.
    """
    digests = np.ascontiguousarray(digests)
    order, opens = _alike(digests.view("<u8"), spill)
    if opens.all():
        del order
        firsts, starts = spill.keep(np.arange(len(files))), spill.keep(np.arange(len(files) + 1))
        multiplicities = spill.keep(np.ones(len(files), dtype=np.int64))
    else:
        of_file, firsts = _numbered(order, opens)
        del order
        counts = np.bincount(of_file)
        files = spill.gathered(files, np.argsort(of_file, kind="stable"))
        starts, multiplicities = spill.keep(np.append(0, np.cumsum(counts))), spill.keep(counts)
        sizes, kind_classes = spill.gathered(sizes, firsts), spill.gathered(kind_classes, firsts)
        digests = spill.gathered(digests.view(f"V{DIGEST_BYTES}").reshape(-1), firsts)
    contents = Contents(
        names=names,
        files=files,
        first=starts,
        sizes=sizes,
        digests=digests.view(np.uint8).reshape(-1).data,
        kind_classes=kind_classes.data,
        multiplicities=multiplicities,
        places=spill.zeros(len(sizes), np.int64),
        spill=spill,
    )
    return contents, firsts


def _numbered(
    order: NDArray[np.int64], opens: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The content of each file, numbered by the first that has it, and the first file of each content."""
    firsts = order[opens]
    number = np.empty(len(firsts), dtype=np.int64)
    number[np.argsort(firsts)] = np.arange(len(firsts))
    of_file = np.empty(len(order), dtype=np.int64)
    group = -1
    for part in parts(len(order)):
        groups = group + np.cumsum(opens[part])
        of_file[order[part]] = number[groups]
        group = int(groups[-1])
    return of_file, np.sort(firsts)


def _alike(words: NDArray[np.uint64], spill: Spill) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """An order of rows of words in which equal ones are neighbours, and where in it others begin.

    Equal rows keep their order. `spill` keeps the rows.
    """
    heads = np.empty(len(words), dtype=np.uint64)
    for part in parts(len(words)):
        heads[part] = words[part, 0]
        spill.release()
    order = np.argsort(heads, kind="stable")
    opens = np.ones(len(words), dtype=np.bool_)
    for part in parts(len(words) - 1):
        before, after = order[part], order[part.start + 1 : part.stop + 1]
        opens[part.start + 1 : part.stop + 1] = heads[before] != heads[after]
    del heads
    twins = np.flatnonzero(~opens)
    for part in parts(len(twins)):
        at = twins[part]
        if (words[order[at]] != words[order[at - 1]]).any():  # a digest's first 8 bytes are another's
            order = np.lexsort(words.T)
            opens[1:] = np.any(words[order[1:]] != words[order[:-1]], axis=1)
            break
    return order, opens
