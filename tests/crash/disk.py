"""Every state of the disk that may be left of a recorded run when the power fails.

The model takes no more for granted than POSIX does:

- What was done to names (created, linked, renamed, removed) is on the disk for sure once their folder was
  synced; syncing a file gives it no name. Of the rest any part may be there: each change wholly or not at
  all, none without those before it that concern one of its names.
- Bytes are on the disk for sure once their file was synced. Of later writes any part may be there, in units
  of whole writes, pages or sectors.
- A file's size is any one that it had since it was synced, whichever of its bytes are there; what is missing
  reads as zeros.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from crash.recording import Call, Record

UNITS = (512, 4096, 1 << 40)
SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)

State = dict[bytes, bytes]
"""Contents by path."""


@dataclass(slots=True)
class File:
    """A file's bytes: at first, the calls that changed them, and how many of these are synced."""

    first: bytes = b""
    calls: list[Call] = field(default_factory=list)
    synced: int = 0

    @property
    def later(self) -> list[Call]:
        """The calls that no sync has followed."""
        return self.calls[self.synced :]

    def content(self, calls: int) -> bytearray:
        """The bytes after so many calls."""
        content = bytearray(self.first)
        for call in self.calls[:calls]:
            _apply(content, call)
        return content


@dataclass(frozen=True, slots=True)
class Change:
    """What one call did to names of one folder: the file that has each now, None where none has."""

    folder: bytes
    names: dict[bytes, int | None]


class Disk:
    """What may be left when the power fails after the first calls of a record.

    Attributes:
        names: file by path, of those that are on the disk for sure.
        changes: of names, which may be on the disk; in their order.
        files: all files by a number of our own: inodes are used again.
    """

    def __init__(self, record: Record, end: int) -> None:
        """Follow the first `end` calls."""
        self.names: dict[bytes, int] = {}
        self.changes: list[Change] = []
        self.files: list[File] = []
        self._numbers: dict[int, int] = {}
        for path, (inode, content) in record.before.items():
            self.names[path] = self._new(inode, content)
        self._now: dict[bytes, int] = dict(self.names)
        for call in record.calls[:end]:
            self._follow(call)

    def _new(self, inode: int, content: bytes = b"") -> int:
        self._numbers[inode] = len(self.files)
        self.files.append(File(content))
        return self._numbers[inode]

    def _follow(self, call: Call) -> None:
        if call.kind == "C":
            self._change({call.a: self._new(call.inode)})
        elif call.kind == "L":
            self._change({call.b: self._now[call.a]})
        elif call.kind == "R":
            self._change({call.a: None, call.b: self._now[call.a]})
        elif call.kind == "U":
            self._change({call.a: None})
        elif call.kind == "D":
            for change in self.changes:
                if change.folder == call.a:
                    _rename(self.names, change)
            self.changes = [change for change in self.changes if change.folder != call.a]
        elif call.kind == "S":
            file = self.files[self._numbers[call.inode]]
            file.synced = len(file.calls)
        else:
            self.files[self._numbers[call.inode]].calls.append(call)

    def _change(self, names: dict[bytes, int | None]) -> None:
        folders = {path.rpartition(b"/")[0] for path in names}
        assert len(folders) == 1, "a rename from one folder to another would hang on two syncs"
        change = Change(folders.pop(), names)
        self.changes.append(change)
        _rename(self._now, change)

    @property
    def unsynced(self) -> list[int]:
        """The files of which bytes may be missing."""
        return [number for number, file in enumerate(self.files) if file.later]

    def state(self, arrived: list[bool], content: Callable[[File], bytes]) -> State:
        """The state with these of the changes, and of each file that has a name what `content` tells."""
        names = dict(self.names)
        for change, there in zip(self.changes, arrived, strict=True):
            if there:
                _rename(names, change)
        return {path: content(self.files[number]) for path, number in names.items()}

    def drawn(self, rng: random.Random) -> State:
        """Any state."""
        share, missing = rng.choice(SHARES), set[bytes]()
        arrived = []
        for change in self.changes:
            arrived.append(rng.random() < share and missing.isdisjoint(change.names))
            if not arrived[-1]:
                missing.update(change.names)
        return self.state(arrived, lambda file: _drawn(file, rng))

    def corners(self) -> Iterator[State]:
        """States at the borders of what may be: nothing has arrived, all has, one thing alone, all but one.

        Each of the changes of names with all unsynced bytes and with none, each file's bytes with all of the
        changes and with none.
        """
        lone = chain.from_iterable((self.alone(at), self.without(at)) for at in range(len(self.changes)))
        ends = [[False] * len(self.changes), [True] * len(self.changes)]
        for arrived in chain(ends, lone):
            yield self.state(arrived, _synced)
            yield self.state(arrived, _written)
        for arrived in ends:
            for number in self.unsynced:
                one = self.files[number]
                yield self.state(arrived, lambda file, one=one: (_written if file is one else _synced)(file))
                yield self.state(arrived, lambda file, one=one: (_synced if file is one else _written)(file))

    def alone(self, at: int) -> list[bool]:
        """One change of names has arrived, and those before that it takes, but no other."""
        wanted, arrived = set(self.changes[at].names), [False] * len(self.changes)
        for before in range(at, -1, -1):
            arrived[before] = not wanted.isdisjoint(self.changes[before].names)
            if arrived[before]:
                wanted.update(self.changes[before].names)
        return arrived

    def without(self, at: int) -> list[bool]:
        """All have arrived but one change of names, and those after that take it."""
        missing, arrived = set(self.changes[at].names), [True] * len(self.changes)
        for after in range(at, len(self.changes)):
            arrived[after] = missing.isdisjoint(self.changes[after].names)
            if not arrived[after]:
                missing.update(self.changes[after].names)
        return arrived


def key(state: State) -> bytes:
    """What tells a state from others."""
    hasher = hashlib.sha256()
    for path, content in sorted(state.items()):
        hasher.update(b"%d %b %d " % (len(path), path, len(content)) + hashlib.sha256(content).digest())
    return hasher.digest()


def moments(record: Record) -> list[int]:
    """Before each sync, when most is open; and the end."""
    return [*(at for at, call in enumerate(record.calls) if call.kind in "SD"), len(record.calls)]


def _rename(names: dict[bytes, int], change: Change) -> None:
    for path, number in change.names.items():
        if number is None:
            names.pop(path, None)
        else:
            names[path] = number


def _synced(file: File) -> bytes:
    return bytes(file.content(file.synced))


def _written(file: File) -> bytes:
    return bytes(file.content(len(file.calls)))


def _drawn(file: File, rng: random.Random) -> bytes:
    content = file.content(file.synced)
    unit, share, apart = rng.choice(UNITS), rng.choice(SHARES), rng.random() < 0.5
    sizes, size = [len(content)], len(content)
    for call in file.later:
        size = call.offset if call.kind == "T" else max(size, call.offset + len(call.a))
        sizes.append(size)
        for piece in _pieces(call, unit):
            if rng.random() < share:
                _apply(content, piece)
    if apart:
        _apply(content, Call("T", 0, rng.choice(sizes), b"", b""))
    return bytes(content)


def _pieces(call: Call, unit: int) -> Iterator[Call]:
    """A write as it may be torn: between multiples of a unit."""
    if call.kind == "T":
        yield call
    end = call.offset + len(call.a)
    at = call.offset
    while at < end:
        to = min(end, (at // unit + 1) * unit)
        yield Call("W", call.inode, at, call.a[at - call.offset : to - call.offset], b"")
        at = to


def _apply(content: bytearray, call: Call) -> None:
    if call.kind == "T":
        del content[call.offset :]
        content.extend(bytes(call.offset - len(content)))
        return
    content.extend(bytes(max(0, call.offset - len(content))))
    content[call.offset : call.offset + len(call.a)] = call.a
