"""An archive as its users have it: one member at a time, or all of them at once.

with Archive(path) as archive:
    for name in archive: ...
    data = archive.read("tree/file.txt")
    archive.extract("target")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ucompress.archive.reading.opening import naming
from ucompress.archive.reading.reader import ArchiveReader

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from ucompress.archive.extracting.limits import ExtractionLimits
    from ucompress.archive.extracting.outcome import ExtractionReport
    from ucompress.archive.format.entry import MemberName, Progress
    from ucompress.archive.reading.verdict import BlockShare, VerifyReport


class Archive(ArchiveReader):
    """An archive opened for reading: its members one by one, as `ArchiveReader` has them, or all at once.

    It takes the same arguments, iterates over its members' names, and closes as a context manager.
    """

    def extract(
        self,
        target: str | bytes | os.PathLike[str],
        members: MemberName | Iterable[MemberName] | None = None,
        *,
        force: bool = False,
        setuid: bool = False,
        threads: int | None = None,
        limits: ExtractionLimits | None = None,
        progress: Progress | None = None,
    ) -> ExtractionReport:
        """Write members below a folder; see `ucompress.archive.extracting.extract.extract`."""
        from ucompress.archive.extracting.extract import extract

        with naming(self.name):
            return extract(
                self,
                target,
                members,
                force=force,
                setuid=setuid,
                threads=threads,
                limits=limits,
                progress=progress,
            )

    def verify(
        self, *, threads: int | None = None, progress: Progress | None = None, share: BlockShare | None = None
    ) -> VerifyReport:
        """Check all, or a share of it, without writing; see `ucompress.archive.reading.verify.verify`."""
        from ucompress.archive.reading.verify import verify

        parts = (self._source, self._directory, self._footer)
        return verify(self, *parts, threads=threads, progress=progress, share=share)
