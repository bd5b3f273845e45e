"""Two threads against one: `threads.py [--seconds N] [--tree TREE --levels 3 6]`.

Kernels first: each is run over and over for some seconds by one thread, then by two that share nothing;
the ratio of the spans done is what two cores give. Then, with `--tree`, the whole program packs a tree
with one thread and with two, by turns, and the ratio of the wall times stands beside the CPU that each
took. Wall time counts here, so the machine should do nothing else; the first line says how much it does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import kernels
from measure import measure, ucompress


def throughput(kernel: kernels.Kernel, threads: int, seconds: float) -> float:
    """Spans a second that `threads` threads do together."""
    data = kernels.text()[: kernel.span]
    jobs = [kernel.prepare() for _ in range(threads)]
    for job in jobs:
        job(data)
    done = [0.0] * threads
    together = threading.Barrier(threads)

    def work(number: int) -> None:
        job, count = jobs[number], 0
        together.wait()
        started = time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds:
            job(data)
            count += 1
            passed = time.perf_counter() - started
        done[number] = count / passed

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done)


def compare_kernels(seconds: float, rounds: int) -> None:
    """One line for each kernel; the two take turns, medians count."""
    print(f"{'kernel':20}{'one, MB/s':>12}{'two, MB/s':>12}{'ratio':>8}")
    for kernel in kernels.KERNELS:
        single, double = [], []
        for _ in range(rounds):
            single.append(throughput(kernel, 1, seconds))
            double.append(throughput(kernel, 2, seconds))
        one, two = (statistics.median(values) * kernel.span / 1e6 for values in (single, double))
        print(f"{kernel.name:20}{one:12.1f}{two:12.1f}{two / one:8.2f}", flush=True)


def compare_runs(tree: Path, level: int, rounds: int) -> None:
    """Whole runs with one and two threads, fresh database each time, the same bytes or an error."""
    found: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    archives = set()
    for _ in range(rounds):
        for threads, figures in found.items():
            with tempfile.TemporaryDirectory() as folder:
                archive = Path(folder, "tree.ucz")
                options = ("--threads", threads, "--database", Path(folder, "patterns.db"), f"-{level}", "-q")
                used = measure(
                    ucompress("compress", tree, "-o", archive, *options),
                    environment={"UCOMPRESS_STATE_DIR": folder},
                )
                figures.append((used.wall, used.cpu))
                archives.add(archive.read_bytes())
    if len(archives) > 1:
        sys.exit(f"level {level}: archives differ by the number of threads")
    one, two = (statistics.median(wall for wall, _ in found[threads]) for threads in (1, 2))
    cpu = [statistics.median(cpu for _, cpu in found[threads]) for threads in (1, 2)]
    print(
        f"{tree.name} level {level}: {one:.2f} s with one thread, {two:.2f} s with two,"
        f" ratio {one / two:.2f}; CPU {cpu[0]:.2f} s and {cpu[1]:.2f} s",
        flush=True,
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement of a kernel")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-kernels", action="store_true")
    parser.add_argument("--tree", type=Path, action="append", default=[])
    parser.add_argument("--levels", type=int, nargs="+", default=[3, 6])
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    if not options.no_kernels:
        compare_kernels(options.seconds, options.rounds)
    for tree in options.tree:
        for level in options.levels:
            compare_runs(tree, level, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
