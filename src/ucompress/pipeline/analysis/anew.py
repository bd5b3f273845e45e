"""Files that cannot be read as the scan saw them, read once more as they are: the scan follows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ucompress.pipeline.analysis.file_processor import FileSpan
from ucompress.scan import refresh

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from ucompress.pipeline.analysis.analyses import AnalyzedSpan
    from ucompress.scan import Manifest

ATTEMPTS = 3
"""Times that a file is read before it counts as one that cannot be."""


@dataclass(frozen=True, slots=True)
class ReadAnew:
    """Reads again, one by one, what of a span could not be read.

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
        for at in list(span.errors):
            index = int(entries[at])
            for _ in range(1, ATTEMPTS):
                if refresh(self.manifest, index):
                    break
                found = visit(FileSpan([self.manifest.source(index)], [self.manifest.sizes[index]]))
                if not found.errors:
                    span = span.with_one(at, found)
                    break
        return span
