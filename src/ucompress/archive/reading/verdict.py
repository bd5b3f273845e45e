"""What a check of an archive is asked for, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class BlockShare(NamedTuple):
    """The part of an archive's blocks that a check decodes.

    Attributes:
        start, stop: from which block on, and before which; None: the end.
        enough: asked after some blocks each; True ends the check there.
        passed: called before `enough` is asked, with the next block and the problems found so far.
    """

    start: int = 0
    stop: int | None = None
    enough: Callable[[], bool] | None = None
    passed: Callable[[int, Sequence[str]], None] | None = None


class LostMember(NamedTuple):
    """A member that cannot be read back.

    Attributes:
        path: raw member path.
        message: why.
        block: the block that cannot be read, where it is one.
    """

    path: bytes
    message: str
    block: int | None = None


@dataclass(slots=True)
class VerifyReport:
    """What a check found.

    Attributes:
        entries, blocks: numbers checked.
        unique_bytes: decoded bytes of the blocks.
        next_block: behind the last block that was to be checked: the number of all unless it was a part.
        problems: one sentence for each thing that is not as it should be; empty for a sound archive.
        unhashed: files whose blocks are checked, but not their content hashes: together with the others they
            have more than 16 GiB and 1,024 times the archive's bytes, as holes make it possible.
        lost: members that cannot be read back, ascending by path.
        nameless: further members that cannot be read back, lost with their index pages, names and all.
        damaged: whether a problem is damage; without any, what is amiss is only that this program does not
            have something that the archive needs.
    """

    entries: int = 0
    blocks: int = 0
    unique_bytes: int = 0
    next_block: int = 0
    problems: list[str] = field(default_factory=list)
    unhashed: int = 0
    lost: list[LostMember] = field(default_factory=list)
    nameless: int = 0
    damaged: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def unreadable(self) -> int:
        """Number of members that cannot be read back."""
        return len(self.lost) + self.nameless
