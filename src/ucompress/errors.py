"""Every error a user can meet, in one tree, each class with its exit code.

Messages say what failed, on which path, what was left untouched and what to do next.
The table of exit codes in the documentation is generated from this module.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    import sqlite3


class CompressionError(Exception):
    """Any failure of ucompress; catch this to catch them all.

    Attributes:
        path: raw bytes of the file it is about; None where it is about none, or about several.
    """

    exit_code: ClassVar[int] = 1
    path: bytes | None = None

    def about(self, path: str | bytes | os.PathLike[str]) -> Self:
        """Note the file it is about, and return the error."""
        self.path = os.fsencode(path)
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the finished message with notes and attributes; `__init__` does not make it anew."""
        return _unpickled, (type(self), self.args), self.__dict__


def _unpickled(kind: type[CompressionError], arguments: tuple[object, ...]) -> CompressionError:
    return kind.__new__(kind, *arguments)


class UsageError(CompressionError):
    """The command or call itself cannot be carried out as it was given."""

    exit_code = 2


class InputError(CompressionError):
    """An input cannot be read, or is of a kind that cannot be packed."""

    exit_code = 1


class OutputError(CompressionError):
    """The output cannot be written; no partial output stands under its final name."""

    exit_code = 1


class PipelineError(CompressionError):
    """A job stopped; what its database has of it is kept and can be resumed."""

    exit_code = 10


class DatabaseError(PipelineError):
    """The database refused an operation."""

    exit_code = 11

    def __init__(self, cause: sqlite3.Error | str) -> None:
        super().__init__(f"Database operation failed: {cause}")


class DatabaseVersionError(DatabaseError):
    """The database was written by a newer ucompress; it was left untouched."""

    exit_code = 12


class CheckpointSaveError(PipelineError):
    """A checkpoint could not be saved."""

    exit_code = 13

    def __init__(self, message: str) -> None:
        super().__init__(f"Checkpoint save failed: {message}")


class ResumeFailedError(PipelineError):
    """There is nothing to resume, or it cannot be resumed under these conditions."""

    exit_code = 14

    def __init__(self, message: str) -> None:
        super().__init__(f"Resume operation failed: {message}")


class NoJobError(ResumeFailedError):
    """There is no job to show or resume."""

    def __init__(self, message: str) -> None:
        PipelineError.__init__(self, message)


class ParallelProcessingError(PipelineError):
    """A worker failed in a way that is not an input's fault."""

    exit_code = 15

    def __init__(self, message: str) -> None:
        super().__init__(f"Parallel processing error: {message}")


class ThreadStartError(ParallelProcessingError):
    """The system starts no more threads; fewer may be enough."""

    def __init__(self, message: str) -> None:
        PipelineError.__init__(self, message)


class ClusterError(ParallelProcessingError):
    """The cluster cannot be used, or was lost; the same work can be done without it."""

    exit_code = 18

    def __init__(self, message: str) -> None:
        PipelineError.__init__(self, message)


class MemoryLimitExceededError(PipelineError):
    """The memory limit is too small for the job.

    Attributes:
        current_mb: what the job needs, or uses, in MB.
        limit_mb: the limit, in MB.
    """

    exit_code = 16

    def __init__(self, current_mb: int, limit_mb: int) -> None:
        super().__init__(f"Memory limit exceeded: {current_mb}MB > {limit_mb}MB")
        self.add_note(
            f"at least {current_mb} MB are needed: use --memory-limit {current_mb} or more "
            f"(in Python memory_limit_mb={current_mb})"
        )
        self.current_mb = current_mb
        self.limit_mb = limit_mb


class JobBusyError(PipelineError):
    """Another process is working on the same job or with the same database."""

    exit_code = 17


class ArchiveError(CompressionError):
    """An archive cannot be used as it is."""

    exit_code = 20


class CorruptArchiveError(ArchiveError):
    """The archive is damaged, truncated, or no ucompress archive at all."""

    exit_code = 21


class UnsupportedArchiveError(ArchiveError):
    """The archive is sound but needs a feature or version that this program does not have."""

    exit_code = 22


class DictionaryMissingError(ArchiveError):
    """The data was coded with a dictionary that is not at hand."""

    exit_code = 23


class MemberNotFoundError(ArchiveError, KeyError):
    """The archive has no such member."""

    exit_code = 24

    def __str__(self) -> str:
        """The message as it is; `KeyError` would print its repr."""
        return str(self.args[0]) if self.args else ""


class ClosedArchiveError(ArchiveError, ValueError):
    """The archive was closed: nothing can be read from it any more."""


class UnsafeArchiveError(ArchiveError):
    """Extraction was refused: it would leave the target folder or exceed a limit."""

    exit_code = 25


class InterruptedJobError(CompressionError):
    """SIGINT arrived; the message says what is kept.

    Attributes:
        signal_number: the signal; the exit code is 128 + its number.
    """

    exit_code = 130

    def __init__(self, message: str, signal_number: int = 2) -> None:
        super().__init__(message)
        self.signal_number = signal_number
