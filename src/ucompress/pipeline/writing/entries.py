"""From a scan and a plan to the members of the archive's index."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import numpy as np

from ucompress.archive import Entry, EntryKind, Extent, Members, show
from ucompress.pipeline.reading.rows import Rows
from ucompress.scan import MemberKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.placing.plan import Plan
    from ucompress.pipeline.running.context import RunContext
    from ucompress.scan import Manifest, ScanEntry


def archive_members(manifest: Manifest, analysis: Analysis, plan: Plan) -> Members:
    """Every member that can be stored, in path order; the plan has the extents of their contents.

    Files that could not be read are left out, and with them hard links that name them.
    """
    kinds, sizes = np.asarray(manifest.kinds), np.asarray(manifest.sizes)
    contents = analysis.contents.of_entries(len(manifest))
    xattrs = {at: found for at, found in manifest.xattrs.items() if kinds[at] != MemberKind.HARDLINK}
    members = Members(
        paths=manifest.paths,
        kinds=kinds,
        modes=np.asarray(manifest.modes),
        mtimes_ns=np.asarray(manifest.mtimes_ns),
        contents=contents,
        targets=manifest.targets,
        xattrs=xattrs,
        extent_start=plan.extent_start,
        extent_block=plan.extent_block,
        extent_offset=plan.extent_offset,
        extent_length=plan.extent_length,
        digests=Rows(len(analysis.contents), analysis.contents.digest),
        spill=manifest.spill,
    )
    lost = (kinds == MemberKind.FILE) & (sizes > 0) & (contents < 0)
    if not lost.any():
        return members
    missing = {manifest.paths[at] for at in np.flatnonzero(lost).tolist()}
    for at, target in manifest.targets.items():
        lost[at] |= kinds[at] == MemberKind.HARDLINK and target in missing
    return members.only(np.flatnonzero(~lost))


def report_lost_links(context: RunContext, manifest: Manifest, missing: Collection[bytes]) -> None:
    """Note every hard link whose primary's content is missing."""
    for index, target in manifest.targets.items() if missing else ():
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
