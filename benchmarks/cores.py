"""What more cores would do: `cores.py TREE... [--levels 3 6] [--rounds N]`.

Packs each tree with two threads and takes, for each phase, the CPU of the main thread, which is alone, and
that of each task of the workers. From these follows what `n` threads would take (Amdahl 1967, Graham 1969):

    time(n) = main + max(tasks / n, longest task, share of the interpreter's lock x tasks)

All is CPU, so a machine that others use too gives the same figures. It is an estimate: what the main thread
does while workers are busy counts as if they waited, and memory and disk, which cores share, do not count. Of
some rounds the one with the least CPU is taken.

With py-spy at hand (`pip install py-spy`) as many further runs are sampled: how long workers hold the
interpreter's lock, for their CPU, the least of all. Who is put to sleep while holding it holds it on, so on
a busy machine this is too much. Without py-spy that share counts as 0.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from measure import ucompress

CORES = (1, 2, 4, 8, 16)
RATE = 200
"""Samples a second."""
WORKERS = ("ucompress_", "ucompress-dictionary_", "ucompress-plan_", "ucompress-sketch_")
"""How the names of threads begin that do a run's work."""
START = "start"


class Phase(NamedTuple):
    """What a phase took, in seconds of CPU.

    Attributes:
        main: of the main thread.
        tasks: of all tasks of workers.
        longest: of the longest of these.
    """

    main: float
    tasks: float
    longest: float

    def on(self, cores: int, lock: float) -> float:
        """Seconds on so many cores; `lock` is the share of their time that workers hold the lock."""
        return self.main + max(self.tasks / cores, self.longest, lock * self.tasks)


def observe(tree: Path, level: int, folder: Path) -> dict[str, Phase]:
    """Pack a tree in this process, with two threads and a new database."""
    from ucompress.config import CompressionConfig, PipelineConfig
    from ucompress.pipeline.orchestrator import PipelineOrchestrator
    from ucompress.pipeline.running.tracker import RunTracker
    from ucompress.progress import PipelinePhase

    main: Counter[str] = Counter()
    tasks: dict[str, list[float]] = {}
    now = START
    since = 0.0

    def enter_next(name: str) -> None:
        nonlocal now, since
        used = time.thread_time()
        main[now] += used - since
        now, since = name, used

    enter, submit = RunTracker.enter, ThreadPoolExecutor.submit

    def entered(tracker: RunTracker, phase: PipelinePhase, **work: Any) -> None:
        enter_next(phase.value)
        enter(tracker, phase, **work)

    def submitted(
        executor: ThreadPoolExecutor, task: Callable[..., Any], /, *given: Any, **named: Any
    ) -> Future[Any]:
        def timed() -> Any:
            begun = time.thread_time()
            try:
                return task(*given, **named)
            finally:
                tasks.setdefault(now, []).append(time.thread_time() - begun)

        return submit(executor, timed)

    RunTracker.enter = entered  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = submitted  # type: ignore[method-assign, assignment]
    pipeline = PipelineConfig(database_path=folder / "patterns.db")
    config = CompressionConfig(
        inputs=(tree,), output=folder / "tree.ucz", level=level, threads=2, pipeline=pipeline
    )
    PipelineOrchestrator(config).run()
    enter_next("end")
    return {
        name: Phase(used, sum(tasks.get(name, ())), max(tasks.get(name, ()), default=0.0))
        for name, used in main.items()
    }


def observed(tree: Path, level: int, folder: Path) -> dict[str, Phase]:
    """`observe` in a process of its own."""
    emptied(folder)
    words = [sys.executable, __file__, str(tree), "--levels", str(level), "--observe", str(folder)]
    told = subprocess.run(words, check=True, capture_output=True).stdout
    return {name: Phase(*figures) for name, figures in json.loads(told).items()}


def emptied(folder: Path) -> Path:
    """The folder, without what an earlier run has left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def estimate(tree: Path, level: int, phases: dict[str, Phase], lock: float) -> None:
    """A line for each phase and one for the whole run."""
    label = f"| {tree.name} | {level} |"
    sums = [0.0] * len(CORES)
    for name, phase in phases.items():
        times = [phase.on(cores, lock) for cores in CORES]
        sums = [total + took for total, took in zip(sums, times, strict=True)]
        told = " | ".join(f"{took:.2f}" for took in times)
        print(f"{label} {name} | {phase.main:.2f} | {phase.tasks:.2f} | {phase.longest:.2f} | {told} |")
    main, tasks = (sum(column) for column in list(zip(*phases.values(), strict=True))[:2])
    faster = " | ".join(f"{sums[0] / took:.2f} x" for took in sums)
    print(f"{label} all | {main:.2f} | {tasks:.2f} | | {faster} |", flush=True)


def lock_share(tree: Path, level: int, folder: Path, computed: float) -> float | None:
    """For how much of `computed` seconds workers hold the interpreter's lock; None without py-spy."""
    spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if spy is None:
        return None
    taken = folder.with_name("samples")
    database, archive = emptied(folder) / "patterns.db", folder / "tree.ucz"
    options = ["-o", archive, f"-{level}", "--threads", 2, "--database", database, "-q"]
    words = [spy, "record", "--threads", "--gil", "--rate", RATE, "--format", "raw", "--output", taken, "--"]
    subprocess.run(
        [*map(str, words), *ucompress("compress", tree, *options)],
        check=True,
        capture_output=True,
        env={**os.environ, "UCOMPRESS_STATE_DIR": str(folder)},
    )
    held = 0
    for line in taken.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        if stack.partition(";")[0].partition(": ")[2].startswith(WORKERS):
            held += int(count)
    return held / RATE / computed


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("trees", type=Path, nargs="+")
    parser.add_argument("--levels", type=int, nargs="+", default=[3, 6])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--observe", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.observe:
        print(json.dumps(observe(options.trees[0], options.levels[0], options.observe)))
        return 0
    estimates = " | ".join(f"{cores} cores" for cores in CORES)
    print(f"| tree | level | phase | main, s | tasks, s | longest, s | {estimates} |")
    print("| --- " * (6 + len(CORES)) + "|")
    shares = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "run")
        for tree in options.trees:
            for level in options.levels:
                rounds = [observed(tree, level, folder) for _ in range(options.rounds)]
                least = min(rounds, key=lambda phases: sum(p.main + p.tasks for p in phases.values()))
                computed = sum(phase.tasks for phase in least.values())
                found = [lock_share(tree, level, folder, computed) for _ in range(options.rounds)]
                share = min((one for one in found if one is not None), default=None)
                estimate(tree, level, least, share or 0.0)
                if share is not None:
                    shares.append(f"{tree.name} level {level}: the lock is held for {share:.1%} of tasks")
    print("", *shares, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
