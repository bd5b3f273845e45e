"""What a run did to files, and every state of the disk that may be left of it when the power fails.

The model: names (created, renamed, removed) reach the disk in their order, as file systems with a journal
keep it, up to any one that no sync of the folder has confirmed. Bytes reach it as they like until their file
is synced, each write wholly, in part (a multiple of 512 bytes of its beginning), or not at all; what was
never written but lies before what was reads as zeros.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support import preloaded

SHIM = Path(__file__).with_name("shim.c")
SECTOR = 512
_HEAD = struct.Struct("<cQQII")
NAMES = frozenset("CRU")


@dataclass(frozen=True, slots=True)
class Call:
    """One record of the shim; see there."""

    kind: str
    inode: int
    offset: int
    a: bytes
    b: bytes


def record(words: list[str | Path], shim: Path, root: Path, log: Path, state: Path) -> list[Call]:
    """Run a command to its end, with this state folder; returns what it did to files below `root`."""
    environment = {
        **os.environ,
        "LD_PRELOAD": preloaded(shim),
        "CRASH_ROOT": str(root),
        "CRASH_LOG": str(log),
    }
    environment["UCOMPRESS_STATE_DIR"] = str(state)
    subprocess.run(words, env=environment, check=True, timeout=120)
    return list(_calls(log.read_bytes()))


def _calls(data: bytes) -> Iterator[Call]:
    at = 0
    while at < len(data):
        kind, inode, offset, a, b = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield Call(kind.decode(), inode, offset, data[at : at + a], data[at + a : at + a + b])
        at += a + b


def rebuild(calls: list[Call], rng: random.Random) -> dict[bytes, bytes]:
    """One state that may be left after these calls, and no more: contents by path."""
    confirmed = max((at for at, call in enumerate(calls) if call.kind == "D"), default=-1)
    names = [at for at, call in enumerate(calls) if call.kind in NAMES]
    last = rng.choice([len(calls), *[at for at in names if at > confirmed]])
    synced = {call.inode: at for at, call in enumerate(calls) if call.kind == "S"}
    mood = rng.choice(["all", "none", "some", "torn"])
    contents: dict[int, bytearray] = {}
    paths: dict[bytes, int] = {}
    for at, call in enumerate(calls):
        if call.kind in NAMES:
            # A synced file has its first name, whatever became of the folder's own sync.
            if at < last or (call.kind == "C" and synced.get(call.inode, -1) > at):
                _rename(paths, call)
        elif call.kind in "WT":
            safe = at < synced.get(call.inode, -1)
            _apply(contents.setdefault(call.inode, bytearray()), call, "all" if safe else mood, rng)
    return {path: bytes(contents.get(inode, b"")) for path, inode in paths.items()}


def _rename(paths: dict[bytes, int], call: Call) -> None:
    if call.kind == "C":
        paths[call.a] = call.inode
    elif call.kind == "U":
        paths.pop(call.a, None)
    elif call.a in paths:
        paths[call.b] = paths.pop(call.a)


def _apply(content: bytearray, call: Call, mood: str, rng: random.Random) -> None:
    if mood == "none" or (mood != "all" and rng.random() < 0.5):
        return
    if call.kind == "T":
        del content[call.offset :]
        content.extend(bytes(call.offset - len(content)))
        return
    data = call.a
    if mood == "torn":
        data = data[: rng.randrange(len(data) // SECTOR + 1) * SECTOR]
    content.extend(bytes(max(0, call.offset - len(content))))
    content[call.offset : call.offset + len(data)] = data
