"""Attributes that an archive does not keep: one notice for each name, however many files have it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ucompress.scan.manifest import ScanNote

_MEANINGS = {
    b"system.posix_acl_access": "an access control list",
    b"system.posix_acl_default": "an access control list for what is made in a folder",
    b"security.capability": "rights of a program",
    b"security.selinux": "a security label",
}

MOST = 100
"""Names that are told apart; the others are counted together."""


@dataclass(slots=True)
class LeftAttributes:
    """Collects what is left out.

    Attributes:
        seen: by attribute, on how many members, and the first of them by its bytes.
    """

    seen: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)

    def note(self, path: bytes, attribute: bytes) -> None:
        """Note an attribute that a member has and the archive will not have."""
        if attribute not in self.seen and len(self.seen) >= MOST:
            attribute = b"further attributes"
        count, first = self.seen.get(attribute, (0, path))
        self.seen[attribute] = count + 1, min(first, path)

    def notices(self) -> list[ScanNote]:
        """A sentence for each attribute, about the first member that has it."""
        return [
            ScanNote(first, _sentence(os.fsdecode(attribute), _MEANINGS.get(attribute), count))
            for attribute, (count, first) in sorted(self.seen.items())
        ]


def _sentence(attribute: str, meaning: str | None, count: int) -> str:
    what = f"{attribute} ({meaning})" if meaning else attribute
    others = f", nor of {count - 1:,} more" if count > 1 else ""
    return f"not kept: {what} of this member{others}"
