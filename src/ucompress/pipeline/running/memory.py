"""One budget of bytes that a run plans by.

The limit covers the interpreter with its modules, and all that the run makes. For the command that
is the whole process; what a calling program held of its own before the run comes on top. Every
large buffer of a phase is charged before the phase begins; what is left decides how many threads
work, never which bytes come out.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ucompress.config import MIB, available_cores
from ucompress.errors import MemoryLimitExceededError
from ucompress.heap import release_freed_memory

INTERPRETER_BYTES = 48 * MIB
"""Resident bytes of the interpreter with NumPy and our extensions, rounded up."""

DATABASE_BYTES = 8 * MIB
"""SQLite's page cache and our cache over the patterns."""

ALLOCATOR_SLACK = 12 * MIB
"""What the C allocator keeps of freed memory, and small things that a phase makes."""

PER_ENTRY_BYTES = 24
"""What stays in memory of a file however many there are: its place among windows, parts of sort orders."""

PER_SMALL_ENTRY_BYTES, SMALL_COLUMNS_BYTES = 400, 12 * MIB
"""What the columns of a file take, and all columns at most: larger ones stand in files (see `Spill`)."""


def resident_bytes() -> int:
    """Resident memory of this process now, in bytes; 0 where the platform does not tell."""
    try:
        fields = Path("/proc/self/statm").read_bytes().split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_resident_bytes() -> int:
    """Highest resident memory of this process so far, in bytes (VmHWM on Linux)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _peak_by_rusage()
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return _peak_by_rusage()


def _peak_by_rusage() -> int:
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def bytes_of_others() -> int:
    """What the process holds besides the interpreter and our modules, in bytes: it is not the run's."""
    if resident_bytes() > INTERPRETER_BYTES:
        release_freed_memory()
    return max(0, resident_bytes() - INTERPRETER_BYTES)


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """What a run may hold, and what it holds in any case.

    Attributes:
        limit_mb: the user's limit, in MB of 1024 * 1024 bytes.
        entries: files, links and directories of the job.
        others: bytes that the process held before the run and that are not its own.
    """

    limit_mb: int
    entries: int = 0
    others: int = 0

    @property
    def fixed_bytes(self) -> int:
        """Bytes charged whatever the phase: interpreter, database, the list of files."""
        columns = min(self.entries * PER_SMALL_ENTRY_BYTES, SMALL_COLUMNS_BYTES)
        columns += self.entries * PER_ENTRY_BYTES
        return INTERPRETER_BYTES + DATABASE_BYTES + ALLOCATOR_SLACK + columns

    def held_bytes(self, leased: int = 0) -> int:
        """What the run holds before a phase begins: as charged, or as measured if that is more.

        Args:
            leased: bytes of contents that are kept in memory.
        """
        return max(self.fixed_bytes + leased, resident_bytes() - self.others + ALLOCATOR_SLACK)

    def spare(self, needed: int, leased: int = 0) -> int:
        """Bytes that a phase which needs so many leaves; negative where it does not fit."""
        return self.limit_mb * MIB - self.held_bytes(leased) - needed

    def is_nearly_reached(self) -> bool:
        """Whether the process holds so much that what the allocator keeps may lead beyond the limit."""
        return resident_bytes() - self.others > self.limit_mb * MIB - ALLOCATOR_SLACK

    def threads(self, wanted: int | None, *, shared: int, each: int, leased: int = 0) -> int:
        """How many workers fit.

        Args:
            wanted: threads asked for; None asks for every core.
            shared: bytes that all workers share, such as the primed dictionary.
            each: bytes that every worker needs for itself.
            leased: bytes of contents that are kept in memory.

        Returns:
            From 1 to `wanted`.

        Raises:
            MemoryLimitExceededError: not even one worker fits; `current_mb` names the least
                limit that would do.
        """
        least = self.held_bytes(leased) + shared + each
        limit = self.limit_mb * MIB
        if least > limit:
            error = MemoryLimitExceededError(-(-least // MIB), self.limit_mb)
            if self.held_bytes(leased) > self.fixed_bytes + leased:
                error.add_note(f"{resident_bytes() // MIB} MB of memory are held by this process already")
            if self.others:
                error.add_note(f"{self.others // MIB} MB that it held before the run are not counted")
            raise error
        fitting = 1 + (limit - least) // max(each, 1)
        return max(1, min(wanted or available_cores(), fitting))
