"""What was not read of the file that the scan saw is read once more; at last the scan follows such files."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ucompress.pipeline.analysis.file_content import FileSpan
from ucompress.scan import not_as_scanned, refresh
from ucompress.scan.again import are_as_scanned, have_scanned_size, is_numbered_otherwise, is_of_scanned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ucompress.pipeline.analysis.analyses import AnalyzedSpan
    from ucompress.pipeline.reading.distinct import Names
    from ucompress.scan import Manifest

ATTEMPTS = 3
"""Times that a file is read, at most."""

KEPT_CHANGING = "kept changing while it was read; stored as it came"

_EXCHANGED = "was exchanged each time that it was read, or vanished"


@dataclass(slots=True)
class ReadAnew:
    """Reads again, one by one, what of a span could not be read, or was read of another file or state.

    A name says nothing of what was read of it: for that moment another file may have had it. What counts is
    the status of the open file once it was read.

    Attributes:
        manifest: the scan.
        follow: bring entries up to date whose files have changed since. What is read at last is of one file,
            no other before and after; as a log does, it may have grown. Else they are left to another round.
        elsewhere: what is to be judged was read by another machine.
        unsteady: entries whose file changed each time that it was read: it may never have had those bytes.
    """

    manifest: Manifest
    follow: bool
    elsewhere: bool = False
    unsteady: set[int] = field(default_factory=set)

    def __call__(
        self,
        entries: NDArray[np.int64],
        names: Names,
        span: AnalyzedSpan,
        visit: Callable[[FileSpan], AnalyzedSpan],
    ) -> tuple[AnalyzedSpan, NDArray[np.bool_]]:
        """What was found in some entries, those included that can be read now; and of which it can be told.

        Args:
            entries: the numbers of the entries.
            names: what they are called.
            span: what was found in them first.
            visit: what finds it.

        Returns:
            What was found, and for each entry whether it is of the file as the entry has it or, where
            entries follow, at least of that file.
        """
        judge = have_scanned_size if self.elsewhere else are_as_scanned
        good = judge(self.manifest, entries, span.seen)
        for at in np.flatnonzero(~good).tolist():
            index = int(entries[at])
            if self.follow:
                _, *others = names.sources([index])[0]
                span, good[at] = self._followed(index, others, at, span, visit)
            else:
                span, good[at] = self._repeated(index, at, span, visit)
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
        self,
        index: int,
        others: Sequence[bytes],
        at: int,
        span: AnalyzedSpan,
        visit: Callable[[FileSpan], AnalyzedSpan],
    ) -> tuple[AnalyzedSpan, bool]:
        """The span with an entry of the manifest as it is now, by one of its names, in the place `at`."""
        for _ in range(1, ATTEMPTS):
            # What other names lead to is the file before: only another scan can part them from this one.
            gone = refresh(self.manifest, index, same=bool(others))
            if gone:
                span = span.with_error(at, OSError(errno.ENOENT, gone))
                break
            span = self._read(index, at, span, visit)
            if self._is_good(index, at, span):
                return span, True
        for other in others:
            span = self._read(index, at, span, visit, other)
            if self._is_good(index, at, span):
                return span, True
        if at in span.errors:
            return span, False
        if is_of_scanned(self.manifest, index, span.status(at)):
            self.unsteady.add(index)
            return span, True
        if self._may_be_good(index, at, span):
            return span, True
        return span.with_error(at, OSError(errno.EBUSY, _EXCHANGED)), False

    def _read(
        self,
        index: int,
        at: int,
        span: AnalyzedSpan,
        visit: Callable[[FileSpan], AnalyzedSpan],
        source: bytes | None = None,
    ) -> AnalyzedSpan:
        """The span with what is found in a file now, by its name or another one, or why it cannot be read."""
        found = visit(FileSpan([source or self.manifest.source(index)], [self.manifest.sizes[index]]))
        return span.with_error(at, found.errors[0]) if found.errors else span.with_one(at, found)

    def _may_be_good(self, index: int, at: int, span: AnalyzedSpan) -> bool:
        """Whether the file system numbers open files otherwise, and this one is the entry's for the rest."""
        return at not in span.errors and is_numbered_otherwise(self.manifest, index, span.status(at))

    def _is_good(self, index: int, at: int, span: AnalyzedSpan) -> bool:
        rows = np.array([index], dtype=np.int64)
        return at not in span.errors and bool(are_as_scanned(self.manifest, rows, span.status(at))[0])
