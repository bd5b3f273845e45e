"""From a scan and a plan to the entries of the archive's index."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from ucompress.archive import Entry, EntryKind, Extent, show
from ucompress.scan import MemberKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ucompress.pipeline.analyzer import Analysis
    from ucompress.pipeline.context import RunContext
    from ucompress.pipeline.plan import Plan
    from ucompress.scan import Manifest, ScanEntry


def archive_entries(manifest: Manifest, analysis: Analysis, plan: Plan) -> Iterator[Entry]:
    """Every member that can be stored, in path order.

    Files that could not be read are left out, and with them hard links that name them.
    """
    missing: set[bytes] = set()
    for index, scanned in enumerate(manifest):
        ordinal = analysis.content_of.get(index)
        if scanned.kind == MemberKind.FILE and scanned.size and ordinal is None:
            missing.add(scanned.path)
            continue
        if scanned.kind == MemberKind.HARDLINK and scanned.target in missing:
            continue
        if ordinal is None:
            yield entry_of(scanned)
        else:
            extents = tuple(Extent(*extent) for extent in plan.extents[ordinal])
            yield entry_of(scanned, extents, analysis.contents[ordinal].digest)


def report_lost_links(context: RunContext, manifest: Manifest, missing: Collection[bytes]) -> None:
    """Note every hard link whose primary's content is missing."""
    for index, target in manifest.targets.items():
        if manifest.kinds[index] == MemberKind.HARDLINK and target in missing:
            context.fail_on(manifest.paths[index], f"its content was lost with {show(target)}")


def entry_of(scanned: ScanEntry, extents: tuple[Extent, ...] = (), digest: bytes | None = None) -> Entry:
    """The index entry of a scanned member whose content stands in `extents`."""
    link = scanned.kind == MemberKind.HARDLINK
    return Entry(
        path=scanned.path,
        kind=EntryKind(int(scanned.kind)),
        mode=stat.S_IMODE(scanned.mode),
        mtime_ns=0 if link else scanned.mtime_ns,
        size=sum(extent.length for extent in extents),
        extents=extents,
        digest=digest,
        xattrs=() if link else scanned.xattrs,
        target=scanned.target,
    )
