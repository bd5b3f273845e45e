"""Files that are not as the scan saw them, read once more as they are: the scan follows them."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ucompress.pipeline.analysis.file_processor import FileSpan
from ucompress.scan import is_still_there, not_as_scanned, refresh

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from ucompress.pipeline.analysis.analyses import AnalyzedSpan
    from ucompress.scan import Manifest

ATTEMPTS = 3
"""Times that a file is read, at most."""


@dataclass(frozen=True, slots=True)
class ReadAnew:
    """Reads again, one by one, what of a span could not be read, or has changed since the scan.

    Of a file that became longer, or was replaced by a longer one, only as much was read as it had. What is
    read at last is of one file, no other before and after; as a log does, it may have grown.

    Attributes:
        manifest: the scan; entries that are other regular files by now are brought up to date.
    """

    manifest: Manifest

    def __call__(
        self, entries: NDArray[np.int64], span: AnalyzedSpan, visit: Callable[[FileSpan], AnalyzedSpan]
    ) -> AnalyzedSpan:
        """What was found in some entries of the manifest, those included that can be read now.

        Args:
            entries: the numbers of the entries.
            span: what was found in them first.
            visit: what finds it.
        """
        moved = set(not_as_scanned(self.manifest, entries))
        for at, index in enumerate(entries.tolist()):
            if index in moved or at in span.errors:
                span = self._read(index, at, span, visit)
        return span

    def _read(
        self, index: int, at: int, span: AnalyzedSpan, visit: Callable[[FileSpan], AnalyzedSpan]
    ) -> AnalyzedSpan:
        """The span with an entry of the manifest as it is now in the place `at`."""
        manifest = self.manifest
        for _ in range(1, ATTEMPTS):
            gone = refresh(manifest, index)
            if gone:
                return span.with_error(at, OSError(errno.ENOENT, gone))
            found = visit(FileSpan([manifest.source(index)], [manifest.sizes[index]]))
            if found.errors:
                span = span.with_error(at, found.errors[0])
                continue
            span = span.with_one(at, found)
            if not not_as_scanned(manifest, [index]):
                return span
        if at not in span.errors and not is_still_there(manifest, index):
            return span.with_error(
                at, OSError(errno.EBUSY, "was exchanged each time that it was read, or vanished")
            )
        return span
