"""One worker against two on a Dask cluster of this machine: `dask_scaling.py TREE... [--levels 3 6]`.

    python benchmarks/dask_scaling.py benchmarks/corpora/c --levels 6
    python benchmarks/dask_scaling.py --files 10000 100000 --levels 3

The second asks what a file takes on the coordinator: trees of files of about 1 KB, as `synthetic.py` makes
them, packed with one worker and without a cluster, and what each further file adds to CPU and peak memory.

Starts a scheduler and workers of one thread each as programs of their own, and packs each tree here, with one
worker and with two. All archives must be the same, byte for byte, or the program ends with 1.

What is told of each run: wall time; CPU of the coordinator, of all workers and of the busiest; and the
*path*, the seconds that the run cannot do without: coordinator and busiest worker, one after the other. On a
machine that others use too, wall times say little; the ratio of the paths is what two workers give where
processors are to be had. Busy neighbours make the same work take more CPU, the more so the more processes
work at a time; *inside* is therefore all CPU of a run over its own path. Then bytes between the coordinator
and the cluster as TCP counts them, the coordinator's peak memory, and how many tasks it had to do again
itself.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from measure import MIB, process_cpu, ucompress
from synthetic import PER_FOLDER, make_tree

MOST_SECONDS = 3600
TCP_INFO_SIZE, BYTES_ACKED = 232, 120


class Traffic:
    """Bytes over the TCP connections of this process, sampled while they are open."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[int, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> tuple[int, int]:
        """Bytes sent and received until now."""
        self._look()
        self._stop.set()
        sent, received = zip(*self.seen.values(), strict=True)
        return sum(sent), sum(received)

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            self._look()

    def _look(self) -> None:
        for link in Path("/proc/self/fd").iterdir():
            with suppress(OSError, ValueError):
                path = str(link.readlink())
                if not path.startswith("socket:["):
                    continue
                with socket.socket(fileno=os.dup(int(link.name))) as connection:
                    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
                self.seen[int(path[8:-1])] = struct.unpack_from("<QQ", told, BYTES_ACKED)


def coordinate(tree: str, archive: str, level: int, address: str) -> None:
    """Pack a tree on a cluster, or here without an address, and write what it took as JSON.

    A process of its own.
    """
    import ucompress as package

    gc.set_threshold(1_000_000)  # as the command does
    wall = time.perf_counter()
    wanted = {"level": level, "database_path": f"{archive}.db"}
    sent = received = done_here = 0
    if address:
        with package.DaskExecutor(address) as executor:
            traffic = Traffic()
            result = package.compress(tree, archive, executor=executor, **wanted)
            sent, received = traffic.end()
            done_here = executor.done_here
    else:
        result = package.compress(tree, archive, threads=1, **wanted)
    used = os.times()
    json.dump(
        {
            "wall": time.perf_counter() - wall,
            "cpu": used.user + used.system,
            "sent": sent,
            "received": received,
            "peak": peak_of_self(),
            "bytes": result.statistics.original_bytes,
            "files": result.statistics.files,
            "done_here": done_here,
        },
        sys.stdout,
    )


def peak_of_self() -> int:
    """The highest resident set of this process since it was started as a program, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


class Cluster:
    """A scheduler and workers of one thread, ended by their pid."""

    def __init__(self, folder: Path, workers: int) -> None:
        named = folder / "scheduler.json"
        quiet = ("--no-dashboard", "--dashboard-address", ":0", "--idle-timeout", f"{MOST_SECONDS} s")
        self.programs = [self._start(folder, "scheduler", "--port", "0", *quiet, "--scheduler-file", named)]
        while not named.exists() or not named.read_text().endswith("}"):
            time.sleep(0.05)
        self.address = json.loads(named.read_text())["address"]
        for number in range(workers):
            self.programs.append(
                self._start(
                    folder, "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                    "--name", number, "--death-timeout", "60", "--local-directory", folder,
                )
            )  # fmt: skip
        self._wait(workers)
        self.before = self.cpu()

    def cpu(self) -> list[float]:
        """CPU seconds of each worker since it was ready."""
        before = getattr(self, "before", [0.0] * len(self.programs))
        now = [process_cpu(program.pid) for program in self.programs[1:]]
        return [used - earlier for used, earlier in zip(now, before, strict=False)]

    def end(self) -> None:
        """End the programs."""
        for program in reversed(self.programs):
            program.terminate()
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()

    def _start(self, folder: Path, kind: str, *options: object) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "dask", kind, "--host", "127.0.0.1", *map(str, options)]
        with (folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(words, stdout=log, stderr=log)

    def _wait(self, workers: int) -> None:
        from distributed import Client

        with Client(self.address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)


def coordinated(tree: Path, level: int, address: str, archive: Path) -> dict[str, float]:
    """What `coordinate` tells."""
    words = [sys.executable, __file__, "--coordinate", tree, archive, str(level), address]
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, check=True, timeout=MOST_SECONDS)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def run(tree: Path, level: int, workers: int, archive: Path) -> dict[str, float]:
    """Pack a tree on a cluster of so many workers."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        cluster = Cluster(Path(folder), workers)
        try:
            figures = coordinated(tree, level, cluster.address, archive)
            spent = cluster.cpu()
        finally:
            cluster.end()
    figures["busiest"], figures["workers"] = max(spent), sum(spent)
    figures["path"] = figures["cpu"] + figures["busiest"]
    return figures


def growth(counts: list[int], level: int) -> bool:
    """A line for each number of files, with one worker and without; whether all archives are the same."""
    print("    files level  on         cpu  us/file  us more    peak  KB more  here", flush=True)
    before: dict[str, tuple[int, float, float]] = {}
    same = True
    for files in counts:
        with tempfile.TemporaryDirectory(prefix="growth-") as folder:
            tree, archives = Path(folder, "tree"), set()
            tree.mkdir()
            make_tree(tree, files, PER_FOLDER)
            for where in ("cluster", "here"):
                archive = Path(folder, f"{where}.ucz")
                told = (
                    run(tree, level, 1, archive)
                    if where == "cluster"
                    else coordinated(tree, level, "", archive)
                )
                archives.add(archive.read_bytes())
                cpu, peak = told["cpu"], told["peak"]
                columns = f"{cpu:8.1f}{cpu / files * 1e6:9.1f}"
                more = f"{'':9}{peak / MIB:8.0f}{'':9}"
                if where in before:
                    further, cpu_before, peak_before = files - before[where][0], *before[where][1:]
                    more = f"{(cpu - cpu_before) / further * 1e6:9.1f}{peak / MIB:8.0f}"
                    more += f"{(peak - peak_before) / further / 1024:9.3f}"
                before[where] = files, cpu, peak
                print(f"{files:9}{level:6}  {where:7}{columns}{more}{told['done_here']:6.0f}", flush=True)
            same = same and len(archives) == 1
    print("the same bytes" if same else "ARCHIVES DIFFER", flush=True)
    return same


def report(tree: Path, level: int, counts: list[int], *, compare: bool) -> bool:
    """A line for each number of workers; whether all archives are the same."""
    archives = set()
    paths = []
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder:
        for workers in counts:
            archive = Path(folder, f"{workers}.ucz")
            told = run(tree, level, workers, archive)
            archives.add(archive.read_bytes())
            paths.append(told["path"])
            seconds = (told["wall"], told["cpu"], told["workers"], told["busiest"], told["path"])
            sent, received = told["sent"], told["received"]
            columns = [*(f"{second:8.1f}" for second in seconds), f"{paths[0] / paths[-1]:6.2f}"]
            columns += [f"{(told['cpu'] + told['workers']) / told['path']:7.2f}"]
            columns += [f"{sent / MIB:8.1f}{received / MIB:8.1f}{sent / told['files']:9.0f}"]
            columns += [f"{(sent + received) / told['bytes'] * 1e9 / MIB:8.0f}"]
            columns += [f"{told['peak'] / MIB:7.0f}{told['done_here']:6.0f}"]
            print(f"{tree.name:10}{level:3}{workers:3}", *columns, sep="", flush=True)
        if compare:
            archive = Path(folder, "local.ucz")
            words = ucompress("compress", tree, "-o", archive, f"-{level}", "-q", "--database", ":memory:")
            subprocess.run(words, check=True)
            archives.add(archive.read_bytes())
    same = len(archives) == 1
    print(f"{tree.name:10}{level:3}  {'the same bytes' if same else 'ARCHIVES DIFFER'}", flush=True)
    return same


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trees", nargs="*", type=Path)
    parser.add_argument("--files", nargs="+", type=int, default=[], help="sizes of trees to make, instead")
    parser.add_argument("--levels", nargs="+", type=int, default=[6])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--no-local", action="store_true", help="do not compare with a run without a cluster")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    if options.files:
        same = [growth(options.files, level) for level in options.levels]
        sys.exit(0 if all(same) else 1)
    print("tree     level n    wall   coord workers busiest    path ratio inside", end="")
    print("    sent    recv sent/file MiB/GB   peak  here", flush=True)
    results = [
        report(tree, level, options.workers, compare=not options.no_local)
        for tree in options.trees
        for level in options.levels
    ]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--coordinate"]:
        coordinate(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    else:
        main()
