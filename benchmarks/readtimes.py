"""Read single files from an open archive: `readtimes.py ARCHIVE PARENT [--count N] [--seed N]`.

Random files of 5 to 20 KB (of any size, if there are none) are read one by one with `Archive.read`, the
cache of decoded blocks cleared before each, and compared with the files below PARENT. Then, where the codec
decodes quickly, the whole archive is verified by one thread. Prints one JSON object: how long opening and the
first read took (which primes the dictionary), the 50th and 95th percentile of the reads, in milliseconds of
wall time and of CPU, the memory that decoding is declared to take, in MiB, and the CPU seconds of verifying,
the start of Python left out.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

from ucompress.archive import Archive
from ucompress.codec.levels import decodes_quickly

SIZES = range(5_000, 20_001)


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("parent", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    with Archive(options.archive) as archive:
        opened = time.perf_counter() - started
        unique, state = archive.statistics.unique_bytes, archive.header.decoder_memory
        names = [name for name in archive if is_wanted(options.parent / name)]
        names = names or [name for name in archive if (options.parent / name).is_file()]
        picked = random.Random(options.seed).choices(sorted(names), k=options.count)
        started = time.perf_counter()
        archive.read(picked[0])
        first = time.perf_counter() - started
        wall, cpu = [], []
        for name in picked:
            # Decoded blocks only: an open archive keeps its index pages and its dictionary.
            archive._blocks.clear()
            before, before_cpu = time.perf_counter(), time.process_time()
            content = archive.read(name)
            wall.append((time.perf_counter() - before) * 1000)
            cpu.append((time.process_time() - before_cpu) * 1000)
            if content != (options.parent / name).read_bytes():
                sys.exit(f"{name} differs")
        verifying = {}
        if decodes_quickly(archive.header.level):
            before_cpu = time.process_time()
            if not archive.verify(threads=1).ok:
                sys.exit(f"{options.archive} is damaged")
            verifying["verify_cpu_s"] = time.process_time() - before_cpu
    told = {
        "files": len(picked),
        "unique_bytes": unique,
        "decoder_mb": state / (1 << 20),
        "open_ms": opened * 1000,
        "first_ms": first * 1000,
        "p50_ms": percentile(wall, 0.5),
        "p95_ms": percentile(wall, 0.95),
        "cpu_p50_ms": percentile(cpu, 0.5),
        "cpu_p95_ms": percentile(cpu, 0.95),
        "cpu_ms_mean": sum(cpu) / len(cpu),
        **verifying,
    }
    print(json.dumps({name: round(value, 3) for name, value in told.items()}))
    return 0


def is_wanted(path: Path) -> bool:
    """Whether this is a regular file of the wanted size."""
    return path.is_file() and not path.is_symlink() and path.stat().st_size in SIZES


if __name__ == "__main__":
    sys.exit(main())
