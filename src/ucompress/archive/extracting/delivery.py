"""From blocks to files: each block of a batch is decoded once, and all files take their parts of it."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, NamedTuple

from ucompress.archive.extracting.draft import Draft
from ucompress.archive.extracting.openfile import Shortfall
from ucompress.archive.extracting.outcome import Losses
from ucompress.archive.extracting.staging import Row, StagingFolder
from ucompress.archive.extracting.target import TargetFolder
from ucompress.archive.format.entry import HOLE, Entry, Extent, show
from ucompress.archive.format.layout import check
from ucompress.archive.reading.hashing import HashBudget
from ucompress.errors import (
    ArchiveError,
    CompressionError,
    CorruptArchiveError,
    OutputError,
    UnsafeArchiveError,
    UnsupportedArchiveError,
)

if TYPE_CHECKING:
    from ucompress.archive.reading.reader import ArchiveReader

FAILURES = (ArchiveError, OutputError, OSError, ValueError)
"""What costs one member, not the run."""

JOINED = 1 << 20
"""Files up to this many bytes are joined in memory where their parts lie scattered over a block."""

Part = tuple[int, Extent]

HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""What the target's file system says when no further member can be written either. What the archive's says
where a sector of it cannot be read is damage, `CorruptArchiveError` by the time it gets here.
"""


def permissions(*, setuid: bool) -> int:
    """The mode bits that are restored: set-user-ID and set-group-ID only where they were asked for."""
    return 0o7777 if setuid else 0o1777


class Failure(NamedTuple):
    """Why a member was not written.

    Attributes:
        message: for people.
        kind: `CorruptArchiveError` or `UnsupportedArchiveError` where it is the archive's fault;
            `OutputError`: the target's.
        stands: whether it was written but for a mode, a time or an attribute.
    """

    message: str
    kind: type[CompressionError]
    stands: bool = False


Done = Callable[[Sequence[Entry], Failure | None], None]


def reason(error: BaseException) -> Failure:
    """Why a member failed."""
    if isinstance(error, OSError):
        return Failure(error.strerror or str(error), OutputError)
    # A link or a file at a folder's name is unsafe to pass, but not the archive's fault.
    if isinstance(error, OutputError | UnsafeArchiveError):
        return Failure(str(error), OutputError)
    unsupported = isinstance(error, UnsupportedArchiveError)
    return Failure(str(error), UnsupportedArchiveError if unsupported else CorruptArchiveError)


def refusal(error: BaseException, target: TargetFolder, path: bytes) -> Failure:
    """Why a member failed that was to be written at a path of the target.

    Raises:
        OutputError: for something for which all others would fail too.
    """
    if isinstance(error, OSError) and error.errno in HOPELESS:
        raise OutputError(
            f"cannot write {show(path)}: {error.strerror}; extraction stopped, and members that were "
            "complete by then are in the folder. Extract to another one, or with --force "
            "(in Python force=True) once this one can be written"
        ).about(target.lands_at(path)) from error
    return reason(error)


def user_xattrs(entry: Entry) -> tuple[tuple[bytes, bytes], ...]:
    """The attributes that are restored: others could give rights."""
    return tuple(pair for pair in entry.xattrs if pair[0].startswith(b"user."))


def fallen_short(entry: Entry, missing: Iterable[Shortfall], losses: Losses) -> Failure | None:
    """What a member did not get although it was written: told as a failure, or else noted as a loss."""
    failure = None
    for what, part, why in missing:
        if why:
            failure = failure or Failure(
                f"it stands, but {part} could not be set: {why}", OutputError, stands=True
            )
        else:
            losses.note(what, entry.path)
    return failure


class _Pending:
    """A file of several blocks."""

    __slots__ = ("blocks_left", "draft", "entry", "failure")

    def __init__(self, entry: Entry, draft: Draft, blocks: int) -> None:
        self.entry = entry
        self.draft = draft
        self.blocks_left = blocks
        self.failure: Failure | None = None


class Delivery:
    """Writes one batch of files.

    Args:
        archive: where blocks come from.
        target: where files go.
        done: called with files that are written, or that failed, and why; from any thread.
        hashes: which files are compared with their content hashes.
        bits: the mode bits that files get, if they have them; see `permissions`.
        losses: takes what files cannot get in the target.
    """

    def __init__(
        self,
        archive: ArchiveReader,
        target: TargetFolder,
        done: Done,
        hashes: HashBudget,
        bits: int,
        losses: Losses,
    ) -> None:
        """Start without files."""
        self._losses = losses
        self._permissions = bits
        self._hashes = hashes
        self._staging = target if isinstance(target, StagingFolder) else None
        self._archive = archive
        self._target = target
        self._done = done
        self._lock = threading.Lock()
        self._reach: dict[int, int] = {}
        self._whole: dict[int, list[Entry]] = {}
        self._parts: dict[int, list[tuple[_Pending, list[Part]]]] = {}

    def run(self, files: Sequence[Entry], pool: Executor) -> None:
        """Write the files and wait for all of them."""
        for entry in files:
            self._assign(entry)
        batches = self._archive._block_batches(self._whole.keys() | self._parts.keys())
        pending = [file for parts in self._parts.values() for file, _ in parts]
        try:
            for _ in pool.map(self._deliver_batch, batches):
                pass
        except BaseException:
            for file in pending:
                file.draft.discard()
            raise

    def _assign(self, entry: Entry) -> None:
        """Note which blocks a file takes parts of."""
        if entry.digest is not None and not self._hashes.allows(entry):
            entry = entry._replace(digest=None)
        for block, offset, length in entry.extents:
            self._reach[block] = max(self._reach.get(block, 0), offset + length)
        if len(entry.extents) == 1:
            self._whole.setdefault(entry.extents[0].block, []).append(entry)
            return
        by_block: dict[int, list[Part]] = {}
        for part in stored_parts(entry):
            by_block.setdefault(part[1].block, []).append(part)
        if len(by_block) <= 1:
            self._whole.setdefault(next(iter(by_block), HOLE), []).append(entry)
            return
        pending = _Pending(entry, Draft(self._target, entry.path), len(by_block))
        for block, parts in by_block.items():
            self._parts.setdefault(block, []).append((pending, parts))

    def _deliver_batch(self, blocks: list[int]) -> None:
        for block in blocks:
            self._deliver(block)

    def _deliver(self, block: int) -> None:
        """Decode one block, as far as the files reach, and write all that comes from it."""
        failure, data = None, b""
        try:
            data = self._archive._block_once(block, self._reach[block]) if block != HOLE else b""
        except FAILURES as error:
            failure = reason(error)
        whole = self._whole.pop(block, [])
        if failure is not None:
            self._done(whole, failure)
        else:
            for entry in self._write_many(whole, data) if self._staging is not None else whole:
                self._done((entry,), self._write_whole(entry, data))
        for pending, parts in self._parts.pop(block, ()):
            self._write_parts(pending, parts, data, failure)

    def _write_many(self, entries: Sequence[Entry], data: bytes) -> list[Entry]:
        """Write what is plain in one call: one span of the block, no attributes; returns what is left."""
        assert self._staging is not None
        plain, rest, rows = [], [], list[Row]()
        view, size_of_block, doubtful = memoryview(data), len(data), self._archive.is_doubtful
        for entry in entries:
            path, _, mode, mtime_ns, size, extents, digest, xattrs, _ = entry
            block, offset = extents[0][:2] if extents else (0, 0)
            if len(extents) > 1 or block == HOLE or xattrs or offset + size > size_of_block:
                rest.append(entry)
                continue
            if digest or doubtful:
                found = digest and check(view[offset : offset + size], len(digest))
                try:
                    self._archive._check_content(entry, found)
                except ArchiveError:
                    rest.append(entry)
                    continue
            plain.append(entry)
            rows.append((path, offset, size, mode & self._permissions, mtime_ns))
        missing = self._staging.write(data, rows)
        for number in reversed(missing):
            rest.append(plain.pop(number))
        self._done(plain, None)
        return rest

    def _write_whole(self, entry: Entry, data: bytes) -> Failure | None:
        """Write a file of one block at most; tells why it failed."""
        draft = Draft(self._target, entry.path)
        try:
            parts = stored_parts(entry)
            self._check_parts(parts, data)
            digest = entry.digest
            if digest is not None and len(parts) == 1 and parts[0][1].length == entry.size:
                _, (_, offset, length) = parts[0]
                self._archive._check_content(
                    entry, check(memoryview(data)[offset : offset + length], len(digest))
                )
                digest = None
            if self._write_joined(entry, parts, data, digest):
                return None
            return self._complete(entry, draft, _pieces(parts, data), digest)
        except FAILURES as error:
            draft.discard()
            return refusal(error, self._target, entry.path)

    def _write_joined(self, entry: Entry, parts: list[Part], data: bytes, digest: bytes | None) -> bool:
        """Write a small file of several parts in one piece, if it is plain and that can be."""
        whole = sum(extent.length for _, extent in parts) == entry.size
        if self._staging is None or entry.xattrs or not whole or entry.size > JOINED:
            return False
        content = b"".join([piece for _, piece in _pieces(parts, data)])
        self._archive._check_content(entry, digest and check(content, len(digest)))
        row = (entry.path, 0, entry.size, entry.mode & self._permissions, entry.mtime_ns)
        return not self._staging.write(content, [row])

    def _complete(
        self, entry: Entry, draft: Draft, pieces: Iterable[tuple[int, memoryview]], digest: bytes | None
    ) -> Failure | None:
        mode = entry.mode & self._permissions
        self._archive._check_content(entry, None)
        missing = draft.complete(pieces, entry.size, digest, mode, entry.mtime_ns, user_xattrs(entry))
        if missing is not None:
            return fallen_short(entry, missing, self._losses)
        draft.discard()
        return Failure(f"the content of {show(entry.path)} differs from its hash", CorruptArchiveError)

    def _check_parts(self, parts: list[Part], data: bytes) -> None:
        for _, extent in parts:
            self._archive._check_extent(extent, len(data))

    def _write_parts(
        self, pending: _Pending, parts: list[Part], data: bytes, failure: Failure | None
    ) -> None:
        """Write a file's parts of one block; the last one completes it."""
        try:
            if failure is None:
                self._check_parts(parts, data)
                pending.draft.write(_pieces(parts, data))
        except FAILURES as error:
            failure = refusal(error, self._target, pending.entry.path)
        with self._lock:
            pending.failure = pending.failure or failure
            pending.blocks_left -= 1
            if pending.blocks_left:
                return
        failure = pending.failure
        try:
            if failure is None:
                failure = self._complete(pending.entry, pending.draft, [], pending.entry.digest)
            else:
                pending.draft.discard()
        except FAILURES as error:
            pending.draft.discard()
            failure = refusal(error, self._target, pending.entry.path)
        self._done((pending.entry,), failure)


def _pieces(parts: list[Part], data: bytes) -> Iterator[tuple[int, memoryview]]:
    """The parts' offsets within the file, and their bytes: one after the other, for they may be many."""
    view = memoryview(data)
    for offset, extent in parts:
        yield offset, view[extent.offset : extent.offset + extent.length]


def stored_parts(entry: Entry) -> list[Part]:
    """A file's extents that are not holes, each with its offset within the file."""
    parts, offset = [], 0
    for extent in entry.extents:
        if extent.block != HOLE:
            parts.append((offset, extent))
        offset += extent.length
    return parts
