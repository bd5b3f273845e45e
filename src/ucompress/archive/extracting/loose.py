"""Blocks that hold bytes of members without names: where index pages are lost, the contents are not.

A block's bytes are contents of files one after the other, as they were packed; what several files share
stands once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ucompress.archive.extracting.delivery import FAILURES, refusal
from ucompress.archive.extracting.draft import Draft
from ucompress.archive.extracting.outcome import LooseBlocks
from ucompress.archive.format.entry import HOLE, Entry
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from ucompress.archive.extracting.target import TargetFolder
    from ucompress.archive.format.directory import BlockTable
    from ucompress.archive.reading.reader import ArchiveReader

FOLDER = b"recovered-blocks"
MODE = 0o600
"""Nobody knows who was to read what is in them."""

_SPANS = 1024
"""Of a block with more spans those that touch are joined, again whenever there are twice as many."""


def loose_blocks(entries: Iterable[Entry], table: BlockTable) -> list[int]:
    """The blocks of which some bytes belong to no entry.

    Args:
        entries: all members that have names.
        table: the archive's blocks.
    """
    covered: dict[int, list[tuple[int, int]]] = {}
    most: dict[int, int] = {}
    for entry in entries:
        for block, offset, length in entry.extents:
            if block != HOLE:
                spans = covered.setdefault(block, [])
                spans.append((offset, offset + length))
                if len(spans) > most.get(block, _SPANS):
                    spans[:] = _joined(spans)
                    most[block] = max(_SPANS, 2 * len(spans))
    sizes = enumerate(table.decoded)
    return [number for number, size in sizes if size and _joined(covered.get(number, [])) != [(0, size)]]


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same places as few spans, ascending."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined


def write_loose(
    archive: ArchiveReader, numbers: list[int], target: TargetFolder, beside: TargetFolder, threads: int
) -> LooseBlocks:
    """Write each block to a file of its own, in a new folder; those that cannot be read are counted.

    Args:
        archive: where they are.
        numbers: which blocks.
        target: where the folder is made.
        beside: where its name has to be free, too.
        threads: decoding threads.

    Raises:
        OutputError: the disk is full, or the target fails otherwise.
    """
    made, lock, now = LooseBlocks(), threading.Lock(), time.time_ns()
    if not numbers:
        return made
    name, at = FOLDER, 1
    while target.exists(name) or beside.exists(name):
        at += 1
        name = FOLDER + b"-%d" % at
    target.make_folder(name)
    made.folder = name

    def write(batch: list[int]) -> None:
        for number in batch:
            path = name + b"/block-%06d" % number
            draft = Draft(target, path)
            try:
                data = archive._block_once(number)
                draft.complete([(0, memoryview(data))], len(data), None, MODE, now, ())
            except FAILURES as error:
                draft.discard()
                refusal(error, target, path)  # raises what would stop all others, too
                with lock:
                    made.lost += 1
                continue
            with lock:
                made.blocks += 1
                made.content_bytes += len(data)

    with ThreadPool(threads) as pool:
        for _ in pool.map(write, archive._block_batches(numbers)):
            pass
    return made
