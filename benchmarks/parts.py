"""The parts of the compressor that `ablation.py` turns off, one at a time, and how each is turned off.

Nothing in the product knows of this. A `Patch` replaces a function or a constant of the pipeline by name
while an archive is written; what reads the archive is untouched. An `Edit` replaces text of a kernel's header
in a copy of the package, which is then built: encoder and decoder of a codec are one source, so the copy
reads what it writes. A name or text that is not there any more is an error, never a part that is left on.

No edit may change the size of a structure: only the kernel's own module is built anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from ucompress.archive.format.names import write_names_prefixed
from ucompress.codec.filters import Filter
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.reading.distinct import Contents, Names
from ucompress.pipeline.reading.spilled import NOWHERE
from ucompress.segments import BINARY, DENSE, classify
from ucompress.similarity import order_of
from ucompress.spill import Spill

ROOT = Path(__file__).resolve().parents[1]
KERNELS = Path("src/ucompress/_kernels")
BEYOND = 1 << 24
"""More bytes than a window of the planner has."""


@dataclass(frozen=True)
class Patch:
    """A function or constant, by its full name, and what stands in its place."""

    name: str
    value: Any


@dataclass(frozen=True)
class Edit:
    """Text that stands once in a kernel's header, and what stands in its place."""

    header: str
    before: str
    after: str

    def apply(self, text: str) -> str:
        """The header's text, edited. ValueError unless what is to be replaced stands there once."""
        if text.count(self.before) != 1:
            raise ValueError(f"{self.header} has {self.before!r} {text.count(self.before)} times, not once")
        return text.replace(self.before, self.after)


@dataclass(frozen=True)
class Part:
    """One part of the compressor.

    Attributes:
        name: short, for tables and options.
        instead: what happens without it.
        levels: where it does anything.
        patches: how the pipeline is changed.
        edits: how a kernel is changed.
    """

    name: str
    instead: str
    levels: Sequence[int]
    patches: tuple[Patch, ...] = ()
    edits: tuple[Edit, ...] = ()

    @contextmanager
    def off(self) -> Iterator[None]:
        """What is written inside is written without the part; AttributeError if a name is gone."""
        with ExitStack() as stack:
            for patch in self.patches:
                stack.enter_context(mock.patch(patch.name, patch.value))
            yield

    @property
    def kernel(self) -> str:
        """The codec whose kernel is edited: `lz` or `mix`."""
        return self.edits[0].header.partition("_")[0]


def build(part: Part, folder: Path) -> Path:
    """Copy the checkout into `folder`, edit it, build the kernel; returns where the package is found.

    Modules that the checkout has built are taken over, but for the kernel's own.
    """
    for name in ("src", "build"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, folder)
    for edit in part.edits:
        header = folder / KERNELS / edit.header
        before = header.stat()
        header.write_text(edit.apply(header.read_text()))
        os.utime(header, ns=(before.st_atime_ns, before.st_mtime_ns))  # or every module were built anew
    for module in folder.rglob(f"_kernels/{part.kernel}.*.*"):
        if module.suffix in (".so", ".pyd"):
            module.unlink()
    words = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder / "src"


_for_level = PlanParameters.for_level


def _plan(**changes: int) -> tuple[Patch, ...]:
    """The plan's parameters of every level, some of them changed."""

    def changed(level: int) -> PlanParameters:
        return replace(_for_level(level), **changes)

    return (Patch("ucompress.pipeline.placing.plan.PlanParameters.for_level", changed),)


def _small_blocks(level: int) -> PlanParameters:
    parameters = _for_level(level)
    return replace(parameters, large_block_target=parameters.block_target)


def _each_its_own(
    names: Names,
    files: NDArray[np.int64],
    sizes: NDArray[np.int64],
    digests: NDArray[np.uint8],
    kind_classes: NDArray[np.uint8],
    _spill: Spill,
) -> tuple[Contents, NDArray[np.int64]]:
    """As `group_contents`, but every file has a content of its own."""
    count = len(files)
    columns = sizes, digests.tobytes(), kind_classes.tobytes(), np.ones(count, dtype=np.int64)
    nowhere = np.full(count, NOWHERE)
    return Contents(names, files, np.arange(count + 1), *columns, nowhere), np.arange(count)


def _by_name(paths: Sequence[bytes], classes: NDArray[np.uint8], *columns: NDArray[Any]) -> NDArray[np.int64]:
    nothing = np.empty(0, dtype=np.int64)
    return order_of(paths, classes, nothing, np.empty(0, dtype=np.uint64), nothing)


def _by_path(paths: Sequence[bytes], classes: NDArray[np.uint8], *columns: NDArray[Any]) -> NDArray[np.int64]:
    order = sorted(range(len(paths)), key=lambda i: (classes[i] == DENSE, paths[i]))
    return np.array(order, dtype=np.int64)


def _never_dense(data: bytes) -> int:
    return min(classify(data), BINARY)


def _none_dense(documents: Sequence[bytes], most: int) -> bytes:
    return bytes([_never_dense(data[:most]) for data in documents])


def _off(value: Any) -> Callable[..., Any]:
    return lambda *arguments, **options: value


ALL = range(1, 10)
LZ = range(4, 7)
MIX = range(7, 10)

PIPELINE = (
    Part(
        "identical files",
        "every file is a content of its own; long copies may still find it",
        ALL,
        (Patch("ucompress.pipeline.analysis.analyzer.group_contents", _each_its_own),),
    ),
    Part("holes", "runs of zeros are stored", ALL, _plan(hole=BEYOND)),
    Part("long copies", "only whole files are stored once", ALL, _plan(segment=BEYOND)),
    Part(
        "order: likeness",
        "contents by class, extension and path",
        ALL,
        (Patch("ucompress.pipeline.placing.plan.order_of", _by_name),),
    ),
    Part(
        "order: at all",
        "contents by path; what is dense still last",
        ALL,
        (Patch("ucompress.pipeline.placing.plan.order_of", _by_path),),
    ),
    Part(
        "large blocks",
        "no block of a large file is larger than others",
        range(4, 10),
        (Patch("ucompress.pipeline.placing.plan.PlanParameters.for_level", _small_blocks),),
    ),
    Part(
        "dictionary",
        "no block has a past",
        ALL,
        (Patch("ucompress.pipeline.writing.groundwork.size_limit", _off(0)),),
    ),
    Part(
        "references",
        "no block is coded after another",
        LZ,
        (Patch("ucompress.pipeline.writing.groundwork.find_references", _off({})),),
    ),
    Part(
        "filters",
        "neither branches nor records",
        ALL,
        (Patch("ucompress.codec.block.FilterChooser.choose", _off(Filter())),),
    ),
    Part("filter of branches", "records only", ALL, (Patch("ucompress.codec.filters._LEAST_SHARE", 0),)),
    Part("filter of records", "branches only", ALL, (Patch("ucompress.codec.filters.find_stride", _off(0)),)),
    Part(
        "dense known early",
        "compressed data is sampled, ordered and coded as other data is",
        ALL,
        (
            Patch("ucompress.pipeline.analysis.finding.classify", _never_dense),
            Patch("ucompress.pipeline.analysis.finding.classify_all", _none_dense),
        ),
    ),
    Part(
        "table of names",
        "each path after the one before",
        ALL,
        (
            Patch(
                "ucompress.archive.writing.encode.write_names",
                lambda paths, level: write_names_prefixed(paths),
            ),
        ),
    ),
)

LZ_KERNEL = (
    Part(
        "candidates",
        "copies by offset or recent offset only; candidates foresee no byte",
        LZ,
        edits=(Edit("lz_candidates.h", "#define LZ_LATE 16\n", "#define LZ_LATE 0x40000000u\n"),),
    ),
    Part(
        "recent offsets",
        "they stay 1, 2, 3 and 4",
        LZ,
        edits=(
            Edit("lz_models.h", "        lz_context_use(c, t->value);\n", "        (void)lz_context_use;\n"),
        ),
    ),
    Part(
        "literals: bytes foreseen",
        "three of the six predictions are by the half byte alone",
        LZ,
        edits=tuple(
            Edit("lz_scene.h", f"mixed.foreseen[{k}][s->foreseen[{k}]]", f"mixed.foreseen[{k}][LZ_NONE]")
            for k in range(3)
        ),
    ),
    Part(
        "literals: orders 2 and 3",
        "two of the six predictions are by the half byte alone",
        LZ,
        edits=(
            Edit(
                "lz_scene.h", "mixed.order2[lz_mash(order2 * 32 + half, LZ_ORDER_BITS)]", "mixed.order2[half]"
            ),
            Edit(
                "lz_scene.h", "mixed.order3[lz_mash(order3 * 32 + half, LZ_ORDER_BITS)]", "mixed.order3[half]"
            ),
        ),
    ),
    Part(
        "weights that learn",
        "predictions of literals and flags are added with the weights they begin with",
        LZ,
        edits=(
            Edit(
                "lz_mixer.h",
                "lz_clip(weight + ((gradient + (1 << (LZ_TEACH - 1))) >> LZ_TEACH))",
                "(weight + 0 * gradient)",
            ),
            Edit("lz_guess.h", "held = _mm256_add_epi32(held, sum);", "(void)sum;"),
            Edit("lz_flag.h", "weights = _mm_add_epi32(weights, gradient);", "(void)gradient;"),
        ),
    ),
    Part(
        "flags: three cells",
        "each flag has its first cell alone",
        LZ,
        edits=(
            Edit(
                "lz_flag.h", "_mm_set_epi16(0, 0, 0, 0, 0, 1, 1, 1)", "_mm_set_epi16(0, 0, 0, 0, 0, 0, 0, 1)"
            ),
            Edit("lz_flag.h", "z += lz_mul(", "z += (k == 0) * lz_mul("),
        ),
    ),
    Part(
        "live prices",
        "lengths and offsets are priced once a block",
        LZ,
        edits=(Edit("lz_encoder.h", "#define LZ_REFRESH 4096\n", "#define LZ_REFRESH 0x40000000u\n"),),
    ),
    Part(
        "fees",
        "the parse minds size alone",
        (6,),
        edits=(
            Edit(
                "lz_setup.h",
                "{ 32, 24, 512, 40, 40, 0, LZ_MIXED }",
                "{ 32, 24, 512, 0, 0, 0, LZ_MIXED }",
            ),
        ),
    ),
    Part(
        "models taught by the dictionary",
        "its bytes are candidates and can be copied, and teach nothing",
        LZ,
        edits=(Edit("lz_prime.h", "#define LZ_TAUGHT (2u << 20)\n", "#define LZ_TAUGHT 0u\n"),),
    ),
)


def _context(kind: str, value: str, levels: Sequence[int] = MIX) -> Part:
    name = f"context: {kind.removeprefix('MIX_').replace('_', ' ').lower()}"
    edit = Edit("mix_context.h", f"case {kind}: return {value};", f"case {kind}: return 0;")
    return Part(name, "a second order 1 in its place", levels, edits=(edit,))


MIX_KERNEL = (
    _context("MIX_ORDER_1", "last >> 24", (9,)),
    _context("MIX_ORDER_2", "last >> 16"),
    _context("MIX_ORDER_3", "last >> 8", (9,)),
    _context("MIX_ORDER_4", "last"),
    _context("MIX_ORDER_5", "mix_mash(last) + (older >> 24)", (9,)),
    _context("MIX_ORDER_6", "mix_mash(last) + (older >> 16)", (8, 9)),
    _context("MIX_WORD", "t->word"),
    _context("MIX_LINE_START", "t->line_start * 3"),
    _context("MIX_LINE", "t->line", (9,)),
    _context("MIX_WORDS", "t->word + t->word_before * 0x1F123BB5u", (9,)),
    _context("MIX_WORD_ABOVE", "t->word + above * 0x3D4D51CBu", (9,)),
    Part(
        "context: indent",
        "a second order 1 in its place",
        (9,),
        edits=(Edit("mix_context.h", "default: return t->indent << 16 | above;", "default: return 0;"),),
    ),
    Part(
        "match in the mixer",
        "the mixer is not told what the match expects; the bypass stays",
        MIX,
        edits=(Edit("mix_byte.h", "w.agrees = match->at != 0;", "w.agrees = 0;"),),
    ),
    Part(
        "long matches",
        "the table of places by 24 bytes finds nothing",
        MIX,
        edits=(Edit("mix_match.h", "#define MIX_MATCH_LONG 24\n", "#define MIX_MATCH_LONG 48\n"),),
    ),
    Part(
        "bypass",
        "every byte is mixed",
        (8,),
        edits=(Edit("mix_model.h", "{ 5, 16, 12, 1, 0,", "{ 5, 16, 70000, 1, 0,"),),
    ),
    Part(
        "trees by the byte before",
        "eight decisions for each byte that is mixed",
        MIX,
        edits=(Edit("mix_block.h", "#define MIX_FLAT_FROM 7 ", "#define MIX_FLAT_FROM 0 "),),
    ),
    Part(
        "weights by the match",
        "one set instead",
        MIX,
        edits=(
            Edit(
                "mix_byte.h",
                "set[0] += ((w->deep ? 32 : 0) + w->said[w->agrees] + (last & (unsigned)w->agrees)) * lanes;",
                "",
            ),
        ),
    ),
    Part(
        "weights by node and slots",
        "one set instead",
        MIX,
        edits=(
            Edit(
                "mix_byte.h",
                "core->by_slots + (((w->deep ? contexts + 1 : 0) + at->known) * 8 + within) * lanes;",
                "core->by_slots;",
            ),
        ),
    ),
    Part(
        "weights by the byte before",
        "one set instead",
        MIX,
        edits=(
            Edit("mix_byte.h", "w.by_byte = core->by_byte + before * lanes;", "w.by_byte = core->by_byte;"),
        ),
    ),
    Part(
        "refinement",
        "the mixer's probability is coded as it is",
        (9,),
        edits=(
            Edit(
                "mix_byte.h",
                "fine_p = MIX_PATH(refine)(row, z, p, &learns);",
                "MIX_PATH(refine)(row, z, p, &learns);",
            ),
        ),
    ),
    Part(
        "settled maps",
        "maps of histories go on learning behind a dictionary",
        MIX,
        edits=(
            Edit("mix_model.h", "#define MIX_FROZEN_FROM 65536 ", "#define MIX_FROZEN_FROM 0xFFFFFFFFu "),
        ),
    ),
)

PARTS = (*PIPELINE, *LZ_KERNEL, *MIX_KERNEL)
BY_NAME = {part.name: part for part in PARTS}
