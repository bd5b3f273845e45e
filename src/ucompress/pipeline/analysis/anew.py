"""What was not read of the file that the scan saw is read once more; at last the scan follows such files."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ucompress.pipeline.analysis.file_content import FileSpan
from ucompress.scan import is_still_there, not_as_scanned, refresh
from ucompress.scan.again import are_as_scanned, have_scanned_size, is_of_scanned, statuses

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ucompress.pipeline.analysis.analyses import AnalyzedSpan
    from ucompress.scan import Manifest

ATTEMPTS = 3
"""Times that a file is read, at most."""

_EXCHANGED = "was exchanged each time that it was read, or vanished"


@dataclass(frozen=True, slots=True)
class ReadAnew:
    """Reads again, one by one, what of a span could not be read, or was read of another file or state.

    A name says nothing of what was read of it: for that moment another file may have had it. What counts is
    the status of the open file once it was read.

    Attributes:
        manifest: the scan.
        follow: bring entries up to date whose files have changed since. What is read at last is of one file,
            no other before and after; as a log does, it may have grown. Else they are left to another round.
        elsewhere: what is to be judged was read by another machine.
    """

    manifest: Manifest
    follow: bool
    elsewhere: bool = False

    def __call__(
        self, entries: NDArray[np.int64], span: AnalyzedSpan, visit: Callable[[FileSpan], AnalyzedSpan]
    ) -> tuple[AnalyzedSpan, NDArray[np.bool_]]:
        """What was found in some entries, those included that can be read now; and of which it can be told.

        Args:
            entries: the numbers of the entries.
            span: what was found in them first.
            visit: what finds it.

        Returns:
            What was found, and for each entry whether it is of the file as the entry has it or, where
            entries follow, at least of that file.
        """
        judge = have_scanned_size if self.elsewhere else are_as_scanned
        good = judge(self.manifest, entries, span.seen)
        read = self._followed if self.follow else self._repeated
        for at in np.flatnonzero(~good).tolist():
            span, good[at] = read(int(entries[at]), at, span, visit)
        return span, good

    def _repeated(
        self, index: int, at: int, span: AnalyzedSpan, visit: Callable[[FileSpan], AnalyzedSpan]
    ) -> tuple[AnalyzedSpan, bool]:
        """The span with a file in the place `at`, as long as it looks as the entry has it."""
        for _ in range(1, ATTEMPTS):
            if not_as_scanned(self.manifest, [index]):
                return span, False
            span = self._read(index, at, span, visit)
            if self._is_good(index, at, span):
                return span, True
        return span, self._may_be_good(index, at, span)

    def _followed(
        self, index: int, at: int, span: AnalyzedSpan, visit: Callable[[FileSpan], AnalyzedSpan]
    ) -> tuple[AnalyzedSpan, bool]:
        """The span with an entry of the manifest as it is now in the place `at`."""
        manifest = self.manifest
        for _ in range(1, ATTEMPTS):
            if manifest.nlinks[index] > 1 and not is_still_there(manifest, index):
                # Its other names are still those of the file before: only another scan can part them.
                return span.with_error(at, OSError(errno.EBUSY, _EXCHANGED)), False
            gone = refresh(manifest, index)
            if gone:
                return span.with_error(at, OSError(errno.ENOENT, gone)), False
            span = self._read(index, at, span, visit)
            if self._is_good(index, at, span):
                return span, True
        if at in span.errors:
            return span, False
        if is_of_scanned(manifest, index, span.status(at)) or self._may_be_good(index, at, span):
            return span, True
        return span.with_error(at, OSError(errno.EBUSY, _EXCHANGED)), False

    def _read(
        self, index: int, at: int, span: AnalyzedSpan, visit: Callable[[FileSpan], AnalyzedSpan]
    ) -> AnalyzedSpan:
        """The span with what is found in a file now, or why it cannot be read."""
        found = visit(FileSpan([self.manifest.source(index)], [self.manifest.sizes[index]]))
        return span.with_error(at, found.errors[0]) if found.errors else span.with_one(at, found)

    def _may_be_good(self, index: int, at: int, span: AnalyzedSpan) -> bool:
        """Whether size and time at least are the entry's: a file system may number open files otherwise."""
        (seen,) = statuses(span.status(at))
        same = (
            seen["size"] == self.manifest.sizes[index] and seen["mtime_ns"] == self.manifest.mtimes_ns[index]
        )
        return at not in span.errors and bool(same)

    def _is_good(self, index: int, at: int, span: AnalyzedSpan) -> bool:
        rows = np.array([index], dtype=np.int64)
        return at not in span.errors and bool(are_as_scanned(self.manifest, rows, span.status(at))[0])
