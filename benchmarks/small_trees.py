"""Small trees made from nothing, the same bytes on every machine: what `ratio.csv` is measured on.

They stand in for the large corpora where a change of some bytes must be seen at once: a licence at the
head of each file, names from one vocabulary, templates filled with other values, releases that differ in
a few lines, records of binary numbers. Nothing is tuned to them. Only `getrandbits` is drawn on, whose
sequence Python keeps from version to version.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

Files = Iterator[tuple[str, bytes]]

SYLLABLES = "ba be co da do en fi ga ha in jo ka lo ma no or pa qu re si ta un ve wa xi yo za".split()
TIME_NS = 1_700_000_000 * 10**9
FILE_MODE = 0o644
FOLDER_MODE = 0o755
LICENCE = (
    "Permission to use, copy, modify and distribute this file for any purpose is granted, provided that",
    "this notice stands in all copies. The file comes as it is, without warranty of any kind, and its",
    "authors answer for no damage that comes from its use.",
)


class Chance:
    """Draws by seed: numbers, words, names."""

    def __init__(self, seed: int, words: int = 1500) -> None:
        """Make the vocabulary of this seed."""
        self._draw = random.Random(seed)
        self._words = [self._word() for _ in range(words)]

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1, all nearly equally often."""
        return (self._draw.getrandbits(32) * limit) >> 32

    def rare(self, limit: int) -> int:
        """A number below `limit`, small ones much more often, about as words in a text."""
        return self.below(1 + self.below(1 + self.below(limit)))

    def word(self) -> str:
        """A word of the vocabulary, some much more often than others."""
        return self._words[self.rare(len(self._words))]

    def name(self) -> str:
        """An identifier of one to three words."""
        return "_".join(self.word() for _ in range(1 + self.below(3)))

    def sentence(self) -> str:
        """Four to fifteen words, the first with a capital letter."""
        return " ".join(self.word() for _ in range(4 + self.below(12))).capitalize() + "."

    def noise(self, size: int) -> bytes:
        """Bytes that nothing makes smaller."""
        return self._draw.getrandbits(8 * size).to_bytes(size, "little")

    def _word(self) -> str:
        return "".join(SYLLABLES[self.below(len(SYLLABLES))] for _ in range(1 + self.below(4)))


def code() -> Files:
    """Sources with a licence at their head."""
    chance = Chance(1)
    for number in range(40):
        yield f"part{number // 8}/{chance.name()}{number}.c", "\n".join(_source(chance)).encode()


def releases() -> Files:
    """Three releases of one tree; each file differs in a few lines from the one before."""
    chance = Chance(2)
    files = {f"part{number // 6}/{chance.name()}{number}.c": list(_source(chance)) for number in range(18)}
    for release in range(3):
        for path, lines in files.items():
            yield f"release-1.{release}/{path}", "\n".join(lines).encode()
            for _ in range(chance.below(6)):
                lines[chance.below(len(lines))] = f"\t{chance.name()} = {chance.name()} + {chance.below(99)};"


def prose() -> Files:
    """Chapters of sentences."""
    chance = Chance(3)
    for number in range(16):
        paragraphs = (" ".join(chance.sentence() for _ in range(4 + chance.below(6))) for _ in range(16))
        yield f"chapter{number:02}.txt", "\n\n".join(paragraphs).encode()


def documents() -> Files:
    """Small JSON documents of one schema."""
    chance = Chance(4)
    for number in range(250):
        items = [
            {
                "name": chance.name(),
                "price": chance.below(10**4) / 100,
                "tags": [chance.word() for _ in range(3)],
            }
            for _ in range(1 + chance.below(8))
        ]
        whole = {"id": number, "title": chance.sentence(), "active": bool(chance.below(2)), "items": items}
        yield f"{number:04}.json", json.dumps(whole).encode()


def pages() -> Files:
    """Pages of one template, each with its own links and words."""
    chance = Chance(5)
    for number in range(30):
        links = "".join(
            f'<li class="entry"><a href="{chance.name()}.html">{chance.sentence()}</a></li>\n'
            for _ in range(10 + chance.below(20))
        )
        title = chance.sentence()
        yield (
            f"{number:03}.html",
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
            f'<link rel="stylesheet" href="style.css"></head>\n<body><h1>{title}</h1>\n<ul>\n{links}</ul>\n'
            f"<p>{' '.join(LICENCE)}</p></body></html>\n".encode(),
        )


def binary() -> Files:
    """Tables of fixed records whose numbers grow slowly, and a file of noise."""
    chance = Chance(6)
    for number in range(8):
        table, at = bytearray(), 1 << 20
        for row in range(1000):
            at += chance.below(300)
            table += b"REC\0" + row.to_bytes(4, "little") + at.to_bytes(8, "little") + bytes(4)
            table += chance.below(1000).to_bytes(4, "big")
        yield f"table{number}.bin", bytes(table)
    yield "noise.bin", chance.noise(20_000)


def _source(chance: Chance) -> Iterator[str]:
    yield from (f"// {line}" for line in LICENCE)
    yield ""
    for _ in range(3 + chance.below(5)):
        yield f'#include "{chance.name()}.h"'
    for _ in range(4 + chance.below(6)):
        name, argument = chance.name(), chance.word()
        yield f"\n/* {chance.sentence()} */\nstatic int {name}(struct {chance.word()} *{argument})\n{{"
        for _ in range(2 + chance.below(8)):
            kind, other = chance.below(4), chance.name()
            if kind == 0:
                yield f"\tif (!{argument}->{other})\n\t\treturn -EINVAL;"
            elif kind == 1:
                yield f"\t{argument}->{other} = {chance.name()}({argument}, {chance.rare(256)});"
            elif kind == 2:
                yield f"\tfor (i = 0; i < {argument}->{chance.word()}; i++)\n\t\t{other}({argument}, i);"
            else:
                yield f'\tdev_dbg({argument}->dev, "{chance.sentence()}\\n");'
        yield "\treturn 0;\n}"


TREES: dict[str, Callable[[], Files]] = {
    "binary": binary,
    "code": code,
    "documents": documents,
    "pages": pages,
    "prose": prose,
    "releases": releases,
}


def make_tree(name: str, folder: Path) -> Path:
    """Write one of `TREES` into a folder; contents, modes and times are always the same.

    Returns:
        The tree's root, `folder / name`.
    """
    root = folder / name
    for path, content in TREES[name]():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for entry in sorted([*root.rglob("*"), root], reverse=True):
        entry.chmod(FOLDER_MODE if entry.is_dir() else FILE_MODE)
        os.utime(entry, ns=(TIME_NS, TIME_NS))
    return root
