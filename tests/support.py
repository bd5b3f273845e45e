"""Trees to pack, ways to compare them, and what a run cost: shared by all tests."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucompress.scan import listing

if TYPE_CHECKING:
    import pytest

SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
"""Whether AddressSanitizer has malloc to itself, and takes several times the memory."""


def preloaded(*shims: Path) -> str:
    """LD_PRELOAD for a child with these libraries, behind what this process was started with."""
    return " ".join([*os.environ.get("LD_PRELOAD", "").split(), *map(str, shims)])


LANGUAGES = {
    ".py": (
        "def {name}(self, value: int) -> int:\n",
        '    """Return the {name} of value."""\n',
        "    if value is None:\n        raise ValueError(f'{name}: no value')\n",
        "    return self.{name}_table.get(value, {number})\n\n",
    ),
    ".c": (
        "static int {name}(struct device *dev, unsigned int value)\n",
        "{{\n\tif (!dev)\n\t\treturn -EINVAL;\n",
        "\treturn readl(dev->base + {number}) & value;\n}}\n\n",
    ),
    ".json": ('{{"name": "{name}", ', '"id": {number}, "enabled": true}}\n'),
}
WORDS = "open close read write flush table index block count merge encode decode parse match offset".split()
SIGNATURE = b"Permission is hereby granted, free of charge, to any person obtaining a copy of this text.\n"


def create_test_codebase(
    file_count: int, avg_file_size: int, *, seed: int = 0
) -> tempfile.TemporaryDirectory[str]:
    """A temporary tree that looks like source code; the same arguments give the same bytes.

    Args:
        file_count: number of files, spread over folders of 20.
        avg_file_size: mean size in bytes; sizes run from a half to one and a half of it.
        seed: another seed, another tree.
    """
    folder = tempfile.TemporaryDirectory(prefix="codebase-")
    fill_codebase(Path(folder.name), file_count, avg_file_size, seed=seed)
    return folder


def fill_codebase(root: Path, file_count: int, avg_file_size: int, *, seed: int = 0) -> list[Path]:
    """The files of `create_test_codebase` in a folder of your own."""
    chance = random.Random(seed)
    files = []
    for number in range(file_count):
        suffix = chance.choice(list(LANGUAGES))
        path = root / f"package{number // 20:03d}" / f"module{number:05d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = chance.randint(avg_file_size // 2, avg_file_size + avg_file_size // 2)
        path.write_bytes(_source_text(chance, suffix, size))
        files.append(path)
    return files


def create_machine_code(size: int, *, seed: int = 0) -> bytes:
    """Bytes that look like x86-64 code: instructions between calls and loads of a few targets.

    Args:
        size: number of bytes.
        seed: another seed, other instructions; the same arguments give the same bytes.
    """
    chance = random.Random(seed)
    targets = [chance.randrange(1 << 20) for _ in range(60)]
    openings = [b"\xe8", b"\x48\x8b\x05", b"\x48\x8d\x3d", b"\xf2\x0f\x10\x05"]
    phrases = [chance.randbytes(chance.randrange(3, 12)) for _ in range(200)]
    code = bytearray()
    while len(code) < size:
        code += chance.choice(phrases) + chance.choice(openings)
        displacement = chance.choice(targets) - len(code)
        code += displacement.to_bytes(4, "little", signed=True)
    return bytes(code[:size])


def _source_text(chance: random.Random, suffix: str, size: int) -> bytes:
    parts = [f"# {suffix} {chance.choice(WORDS)}\n"]
    length = 0
    while length < size:
        name = f"{chance.choice(WORDS)}_{chance.choice(WORDS)}"
        for line in LANGUAGES[suffix]:
            parts.append(line.format(name=name, number=chance.randrange(1000)))
            length += len(parts[-1])
    return "".join(parts).encode()[:size]


def create_pattern_heavy_files(
    pattern_density: float, *, folder: Path | None = None, file_count: int = 20, file_size: int = 8192
) -> list[Path]:
    """Files in which one known sentence (`SIGNATURE`) takes a given share of the bytes, noise the rest.

    Args:
        pattern_density: share of the bytes, from 0.0 to 1.0.
        folder: where to; a temporary folder, removed at exit, when none is given.
        file_count, file_size: how many, and of how many bytes each.
    """
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="patterns-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    chance = random.Random(file_size)
    files = []
    for number in range(file_count):
        content = bytearray()
        while len(content) < file_size:
            heavy = chance.random() < pattern_density
            content += SIGNATURE if heavy else chance.randbytes(len(SIGNATURE))
        path = folder / f"heavy{number:03d}.bin"
        path.write_bytes(bytes(content[:file_size]))
        files.append(path)
    return files


@dataclass(frozen=True, slots=True)
class PerformanceMetrics:
    """What packing some files cost.

    Attributes:
        files: number of files.
        original_bytes, archive_bytes: sizes.
        seconds, cpu_seconds: wall time, and user and system time of this process.
        peak_rss_mb: highest resident memory of this process so far, in MB.
        patterns_found: patterns stored in the database.
    """

    files: int
    original_bytes: int
    archive_bytes: int
    seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    patterns_found: int

    @property
    def ratio(self) -> float:
        """Archive size over original size."""
        return self.archive_bytes / max(1, self.original_bytes)

    @property
    def bytes_per_second(self) -> float:
        """Original bytes over wall time."""
        return self.original_bytes / max(1e-9, self.seconds)


def measure_compression_performance(files: Sequence[Path], **options: object) -> PerformanceMetrics:
    """Pack files with distinct names by the whole pipeline, in this process.

    Args:
        files: what to pack.
        options: fields of `CompressionConfig`, such as `level`.
    """
    from ucompress.config import CompressionConfig, PipelineConfig
    from ucompress.database import PatternDatabase
    from ucompress.pipeline.orchestrator import PipelineOrchestrator

    with tempfile.TemporaryDirectory(prefix="measure-") as folder:
        archive = Path(folder) / "out.ucz"
        pipeline = PipelineConfig(database_path=Path(folder) / "patterns.db")
        config = CompressionConfig(inputs=tuple(files), output=archive, pipeline=pipeline, **options)  # type: ignore[arg-type]
        wall, cpu = time.perf_counter(), time.process_time()
        PipelineOrchestrator(config).run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        with PatternDatabase(pipeline.database_path) as database:
            patterns = len(database.get_frequent_patterns(2))
        return PerformanceMetrics(
            files=len(files),
            original_bytes=sum(path.stat().st_size for path in files),
            archive_bytes=archive.stat().st_size,
            seconds=wall,
            cpu_seconds=cpu,
            peak_rss_mb=_peak_rss_mb(),
            patterns_found=patterns,
        )


def _peak_rss_mb() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / (1 << 20)


def create_difficult_tree(root: Path) -> Path:
    """Everything that makes round trips fail: odd names, links, modes, times, holes, depth, attributes."""
    root.mkdir(parents=True)
    chance = random.Random(1)
    top = os.fsencode(root)
    for name in (
        b"\xff\xfe not utf-8",
        b"new\nline",
        b" lead",
        b"trail ",
        b"-rf",
        b"caf\xc3\xa9",
        b"%s\\n",
        b"x" * 255,
    ):
        Path(os.fsdecode(top + b"/" + name)).write_bytes(name * 3)
    (root / "empty-file").touch()
    (root / "empty-folder").mkdir()
    (root / "noise").write_bytes(chance.randbytes(300_000))
    (root / "twin-of-noise").write_bytes((root / "noise").read_bytes())
    (root / "short").write_bytes(b"a")
    _add_sparse(root / "sparse")
    _add_links(root)
    deep = root.joinpath(*(f"level{number:02d}" for number in range(40)))
    deep.mkdir(parents=True)
    (deep / "bottom").write_bytes(b"far down\n")
    if hasattr(os, "setxattr"):
        with contextlib.suppress(OSError):
            os.setxattr(root / "short", "user.note", b"\0binary\xff")
    _set_modes_and_times(root)
    return root


def _add_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"head")
        file.seek(1 << 20)
        file.write(b"middle")
        file.truncate((1 << 20) + 70_000)


def _add_links(root: Path) -> None:
    (root / "links").mkdir()
    (root / "links" / "to-file").symlink_to("../short")
    (root / "links" / "dangling").symlink_to("nowhere/at all")
    (root / "links" / "absolute").symlink_to("/nonexistent")
    (root / "links" / "loop").symlink_to("loop")
    (root / "links" / "to-folder").symlink_to("../empty-folder")
    for name in ("hard1", "hard2"):
        os.link(root / "noise", root / "links" / name)


def _set_modes_and_times(root: Path) -> None:
    for number, mode in enumerate((0o400, 0o755, 0o600, 0o1755, 0o666)):
        path = root / f"mode{mode:o}"
        path.write_bytes(b"#!/bin/sh\n" * number)
        path.chmod(mode)
        os.utime(path, ns=(0, 1_600_000_000_123_456_789 + number))
    os.utime(root / "short", ns=(0, -1_000_000_001))
    os.utime(root / "links" / "dangling", ns=(0, 1_500_000_000_000_000_001), follow_symlinks=False)
    (root / "empty-folder").chmod(0o1777)
    os.utime(root / "empty-folder", ns=(0, 1_400_000_000_000_000_007))


def compile_shim(source: Path, folder: Path) -> Path:
    """A library to be loaded before the C library; needs a C compiler, as building this package does."""
    library = folder / "shim.so"
    compiler = os.environ.get("CC", "cc")
    words = [compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread"]
    subprocess.run(words, check=True)
    return library


def tree_facts(root: Path, *, times: bool = True) -> dict[bytes, tuple[object, ...]]:
    """All that an archive promises to keep of a tree, by path below it; equal dicts, equal trees.

    Args:
        root: a file or folder.
        times: compare modification times too.
    """
    top = os.fsencode(root)
    paths = [top]
    for folder, folders, files in os.walk(top):
        paths += [os.path.join(folder, name) for name in folders + files]
    primary: dict[tuple[int, int], bytes] = {}
    facts: dict[bytes, tuple[object, ...]] = {}
    for path in sorted(paths):
        status = os.lstat(path)
        name = path[len(top) :]
        content: object = b""
        if stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            with open(path, "rb") as file:
                content = file.read()
        first = primary.setdefault((status.st_dev, status.st_ino), name)
        time_ns = status.st_mtime_ns if times else None
        facts[name] = (status.st_mode, time_ns, content, first, _attributes(path))
    return facts


def _attributes(path: bytes) -> tuple[tuple[str, bytes], ...]:
    if not hasattr(os, "listxattr"):
        return ()
    try:
        names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith("user.")]
        return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names))
    except OSError:
        return ()


def all_settled(stamps: bytes, moment_ns: int) -> list[bool]:
    """In the place of `database.cache.settled`: files that were written just now are as good as old ones."""
    return [True] * (len(stamps) // 40)


def close_folders(monkeypatch: pytest.MonkeyPatch, ending: bytes) -> None:
    """Let no folder whose path ends like this be listed, in either way that a scan does it."""

    def refusing(listed: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(path: Any) -> Any:
            if isinstance(path, bytes) and path.endswith(ending):
                raise PermissionError(errno.EACCES, "Permission denied")
            return listed(path)

        return refuse

    monkeypatch.setattr(os, "scandir", refusing(os.scandir))
    monkeypatch.setattr(listing, "list_folder", refusing(listing.list_folder))
