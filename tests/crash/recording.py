"""What a run did to files: recorded by a library before the C library's, with what stood there before."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support import preloaded

SHIM = Path(__file__).with_name("shim.c")
_HEAD = struct.Struct("<cQQII")


@dataclass(frozen=True, slots=True)
class Call:
    """One record of the shim; see there."""

    kind: str
    inode: int
    offset: int
    a: bytes
    b: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """What a run did.

    Attributes:
        before: inode and bytes by path, of what stood on the disk when it began.
        calls: in their order.
    """

    before: dict[bytes, tuple[int, bytes]]
    calls: list[Call]


def record(words: list[str | Path], shim: Path, root: Path, log: Path, state: Path) -> Record:
    """Run a command to its end, with this state folder; returns what it did to files below `root`."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "LD_PRELOAD": preloaded(shim),
        "CRASH_ROOT": str(root),
        "CRASH_LOG": str(log),
        "UCOMPRESS_STATE_DIR": str(state),
    }
    files = (path for path in root.rglob("*") if path.is_file())
    before = {os.fsencode(path): (path.stat().st_ino, path.read_bytes()) for path in files}
    subprocess.run(words, env=environment, check=True, timeout=120)
    return Record(before, list(_calls(log.read_bytes())))


def _calls(data: bytes) -> Iterator[Call]:
    at = 0
    while at < len(data):
        kind, inode, offset, a, b = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield Call(kind.decode(), inode, offset, data[at : at + a], data[at + a : at + a + b])
        at += a + b
