"""An archive's end: the directory's section and the footer, and the recovery record that covers both."""

from __future__ import annotations

from ucompress.archive.format.layout import (
    CRITICAL,
    FOOTER_SIZE,
    PROTECTED,
    SECTION_DIRECTORY,
    Footer,
    SectionHeader,
    check,
)
from ucompress.archive.format.parity import build_parity
from ucompress.archive.format.recovery import RecoveryPlan


def ending(
    at: int, header: bytes, directory: bytes, archive_id: bytes, tree_hash: bytes, recovery: int
) -> tuple[RecoveryPlan | None, int, bytes]:
    """What follows the blocks and errata.

    Args:
        at: where they end.
        header: the archive's header.
        directory: payload of the directory's section.
        archive_id, tree_hash: the archive's.
        recovery: size of the recovery record in percent of the rest; 0 for none.

    Returns:
        The plan of the record, which stands at `at`, or None; where the directory's section then stands; and
        the bytes from there to the archive's end.
    """
    section = SectionHeader(SECTION_DIRECTORY, CRITICAL | PROTECTED, len(directory), check(directory, 8))
    end = section.to_bytes(archive_id) + directory + build_parity(directory)
    plan = RecoveryPlan.of(at + len(end) + FOOTER_SIZE, at, recovery) if recovery else None
    directory_at = at if plan is None else at + plan.section_length
    footer = Footer(header, directory_at, len(directory), section.payload_check, tree_hash)
    return plan, directory_at, end + footer.to_bytes()
