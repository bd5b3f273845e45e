"""Analyses of many files in columns, on their way from the workers to the database."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ucompress.checksum import DIGEST_BYTES
from ucompress.database import FileAnalysis, FileRows, FileStamp
from ucompress.pipeline.analysis import samples
from ucompress.pipeline.analysis.samples import Samples
from ucompress.pipeline.reading.spilled import NOWHERE
from ucompress.scan.again import NO_STATUS
from ucompress.spill import IN_MEMORY, Spill, parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ucompress.database import AnalysisCache
    from ucompress.pipeline.reading.distinct import Contents
    from ucompress.scan import Manifest

ROWS_LOOKED_UP = 4096
"""Analyses that are looked up in the database together."""

ROWS_STORED = 512
"""Analyses that are written together, while workers find more."""


class AnalyzedSpan(NamedTuple):
    """What was found in neighbouring files, in parallel columns.

    Attributes:
        digests: of each, 32 bytes; zeros for one that cannot be read.
        kind_classes: of each, a byte.
        samples: of each.
        errors: by the file's place, why it cannot be read.
        places: where the bytes of each have been spilled to; none if all are `NOWHERE`.
        seen: the status of each once it was read, as `look_at_files` tells it; empty if none was looked at.
    """

    digests: list[bytes]
    kind_classes: bytes
    samples: list[bytes]
    errors: dict[int, OSError]
    places: Sequence[int] = ()
    seen: bytes = b""

    @classmethod
    def of(cls, results: Sequence[FileAnalysis | OSError], seen: Sequence[bytes] = ()) -> AnalyzedSpan:
        """The columns of analyses, or of why there is none, and of what the files were like."""
        errors = {at: found for at, found in enumerate(results) if isinstance(found, OSError)}
        nothing = FileAnalysis(bytes(DIGEST_BYTES), 0, b"")
        analyses = [nothing if isinstance(found, OSError) else found for found in results]
        return cls(
            [found.digest for found in analyses],
            bytes([found.kind_class for found in analyses]),
            [found.sample for found in analyses],
            errors,
            seen=b"".join(seen),
        )

    def some_failed(self) -> bool:
        """Whether some could not be read."""
        return bool(self.errors)

    def with_one(self, at: int, found: AnalyzedSpan) -> AnalyzedSpan:
        """These, with what was found in one file, which could be read, in the place `at`."""
        digests, samples = list(self.digests), list(self.samples)
        digests[at], samples[at] = found.digests[0], found.samples[0]
        kinds = self.kind_classes[:at] + found.kind_classes + self.kind_classes[at + 1 :]
        places = list(self.places) or [NOWHERE] * len(samples)
        places[at] = found.places[0] if found.places else NOWHERE
        errors = {k: why for k, why in self.errors.items() if k != at}
        first, after = at * len(NO_STATUS), (at + 1) * len(NO_STATUS)
        seen = self.seen[:first] + found.seen + self.seen[after:]
        return AnalyzedSpan(digests, kinds, samples, errors, places, seen)

    def status(self, at: int) -> bytes:
        """The status of one file once it was read."""
        return self.seen[at * len(NO_STATUS) : (at + 1) * len(NO_STATUS)]

    def with_error(self, at: int, error: OSError) -> AnalyzedSpan:
        """These, with why the file in the place `at` cannot be read."""
        return self._replace(errors=self.errors | {at: error})

    def only(self, chosen: Sequence[int]) -> AnalyzedSpan:
        """Some that could be read, by their places."""
        if len(chosen) == len(self.samples):
            return self
        return AnalyzedSpan(
            [self.digests[at] for at in chosen],
            bytes([self.kind_classes[at] for at in chosen]),
            [self.samples[at] for at in chosen],
            {},
        )


class Found:
    """Analyses of files that come in member path order, in columns that are filled as they come.

    Attributes:
        remembered: how many of them came from the database.
        places: where the bytes of each have been spilled to, or `NOWHERE`.
        looked: which were as the scan saw them when they had been read.
        mistaken: entries of a scan of which another file or state was read.
    """

    def __init__(self, count: int, spill: Spill = IN_MEMORY) -> None:
        """`count` files; `spill` keeps the columns."""
        self.digests = spill.zeros(DIGEST_BYTES * count, np.uint8).reshape(-1, DIGEST_BYTES)
        self.kind_classes = spill.zeros(count, np.uint8)
        self.readable = spill.zeros(count, np.bool_)
        self.places = spill.zeros(count, np.int64)  # nowhere
        self.looked = spill.zeros(count, np.bool_)
        self.mistaken: list[int] = []
        self.remembered = 0
        self._packed = bytearray()
        self._begins = spill.zeros(count, np.int64)
        self._ends = spill.zeros(count, np.int64)
        self._spill = spill

    def fill(self, rows: NDArray[np.int64], span: AnalyzedSpan) -> None:
        """Note what was found in the files of some rows."""
        self.digests[rows] = np.frombuffer(b"".join(span.digests), np.uint8).reshape(-1, DIGEST_BYTES)
        self.kind_classes[rows] = np.frombuffer(span.kind_classes, np.uint8)
        self.readable[rows] = True
        self.readable[rows[list(span.errors)]] = False
        if span.places:
            self.places[rows] = span.places
        lengths = np.array([len(sample) for sample in span.samples], dtype=np.int64)
        self._ends[rows] = len(self._packed) + np.cumsum(lengths)
        self._begins[rows] = self._ends[rows] - lengths
        self._packed += b"".join(span.samples)

    def judge(
        self, rows: NDArray[np.int64], entries: NDArray[np.int64], good: NDArray[np.bool_], *, elsewhere: bool
    ) -> None:
        """Note which entries of a scan, in some rows that are filled, were read as it has them, or follows.

        Of what was read elsewhere that is known only in part: such files are still to be looked at here.
        """
        self.looked[rows] = good & (not elsewhere)
        self.mistaken += entries[~good & self.readable[rows]].tolist()

    def samples(self, rows: NDArray[np.int64]) -> Samples:
        """The samples of some rows, ascending; after this nothing is filled in any more."""
        begins, ends = self._begins, self._ends
        if len(rows) < len(begins):
            begins, ends = self._spill.gathered(begins, rows), self._spill.gathered(ends, rows)
        return Samples(self._packed, begins, ends)

    def unseen(self, files: NDArray[np.int64], contents: Contents) -> NDArray[np.int64]:
        """Which of the files, those of all rows, ascending, may have been changed and nobody notices.

        Those are looked at already that were as the scan saw them when they had been read; later, whoever
        uses contents looks at the first file of each, or reads that again.
        """
        others = np.delete(contents.files, contents.first[:-1])
        unsure = ~self.looked
        unsure[np.searchsorted(files, others)] = True
        return self._spill.keep(files[unsure])

    def tell_places(self, rows: NDArray[np.int64], contents: Contents) -> None:
        """Note in contents, found in some rows, where they have been spilled to."""
        for part in parts(len(rows)):
            contents.places[part] = self.places[rows[part]]


class Keeping:
    """Analyses on their way into the cache, in large transactions, at least one each second."""

    def __init__(self, cache: AnalysisCache, parameters: bytes, key_stamp: int | None) -> None:
        self._cache = cache
        self._parameters = parameters
        self._key_stamp = key_stamp
        self._rows: list[FileRows] = []
        self._stored_at = time.monotonic()

    def add(
        self,
        names: CacheNames,
        entries: NDArray[np.int64],
        span: AnalyzedSpan,
        certain: NDArray[np.bool_],
    ) -> None:
        """Keep what was found in those entries of the manifest of which it is certain that it is theirs."""
        chosen = np.delete(np.arange(len(entries)), list(span.errors))
        chosen = chosen[certain[chosen]]
        entries, span = entries[chosen], span.only(chosen.tolist())
        indexes = entries.tolist()
        paths = names.paths(indexes, names.manifest.sources(indexes))
        counts = list(map(samples.size, span.samples))
        self._rows.append(
            FileRows(paths, names.stamps(entries), span.digests, span.kind_classes, span.samples, counts)
        )
        if (
            sum(len(rows.paths) for rows in self._rows) >= ROWS_STORED
            or time.monotonic() - self._stored_at > 1.0
        ):
            self.store()

    def store(self) -> None:
        """Write what is waiting."""
        if self._rows:
            rows = FileRows.joined(self._rows)
            self._cache.store_rows(rows, self._parameters, scanned_at_ns=self._key_stamp)
            self._rows.clear()
            self._stored_at = time.monotonic()


class CacheNames:
    """What the cache knows the files of a manifest by; called with an entry and its source.

    A file's name there is absolute, its links unresolved. Only the inputs need be looked at for that: what
    comes below them has no parts like `..`.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.lengths = [len(root) for root in manifest.roots]
        self.roots = [
            root if root.startswith(b"/") else os.path.abspath(root).rstrip(b"/")  # noqa: PTH100  bytes
            for root in manifest.roots
        ]

    def paths(self, entries: Sequence[int], sources: Sequence[bytes]) -> list[bytes]:
        """The names of some entries."""
        inputs, lengths, roots = self.manifest.inputs, self.lengths, self.roots
        return [
            roots[inputs[index]] + source[lengths[inputs[index]] :]
            for index, source in zip(entries, sources, strict=True)
        ]

    def stamps(self, entries: NDArray[np.int64]) -> bytes:
        """`FileStamp.to_bytes` of some entries, end to end."""
        manifest = self.manifest
        columns = (manifest.sizes, manifest.mtimes_ns, manifest.ctimes_ns, manifest.inodes, manifest.devices)
        return (
            np.stack([np.frombuffer(column, np.uint64)[entries] for column in columns], axis=1)
            .astype("<u8")
            .tobytes()
        )

    def __call__(self, index: int, source: bytes) -> tuple[bytes, FileStamp]:
        """The name and the stamp of an entry, which lies at `source`."""
        manifest = self.manifest
        root = manifest.inputs[index]
        stamp = FileStamp(
            manifest.sizes[index],
            manifest.mtimes_ns[index],
            manifest.ctimes_ns[index],
            manifest.inodes[index],
            manifest.devices[index],
        )
        return self.roots[root] + source[self.lengths[root] :], stamp
