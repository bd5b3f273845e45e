"""Measure ucompress and its peers side by side, in one run.

    python benchmarks/run.py                          # all corpora, the usual tools, once
    python benchmarks/run.py --quick                  # two small corpora, five tools: minutes
    python benchmarks/run.py --corpora c python --tools "ucompress -6" "xz -9e" --repeats 5

For each corpus the tools take turns; each packs the tree, unpacks it, and what comes out is compared with
the tree byte for byte, or the run fails. The measurements of a turn become rows of `raw.csv` in the run's
folder once the turn is done, so no tool that does not give a tree back has any; a run that was cut short
goes on where it was when it is called again with the same folder. At the end `README.md` there has the
tables (`report.py` makes them anew from the rows).
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import peers
import report
from measure import HERE, CommandFailedError, floor_mb, measure, same_tree, tree_bytes

ALL = ("c", "python", "node", "versions", "html", "json", "small", "text", "binary", "objects")
ON_REQUEST = ("python-twice", "json-twice", "go", "manual", "rust")
QUICK_CORPORA = ("small", "c")
MEMBERS = 3
FIELDS = ("corpus", "tool", "repeat", "action", "bytes", "user_s", "system_s", "wall_s", "rss_mb", "note")


class Log:
    """The rows of a run, on disk as soon as their turn is done."""

    def __init__(self, path: Path) -> None:
        """Open `path`, keeping what an earlier part of the run wrote."""
        with suppress(FileExistsError), path.open("x", newline="") as stream:
            csv.DictWriter(stream, FIELDS, lineterminator="\n").writeheader()
        with path.open(newline="") as stream:
            self.done: set[tuple[str, str, str, str]] = {
                (row["corpus"], row["tool"], row["repeat"], row["action"]) for row in csv.DictReader(stream)
            }
        self._stream = path.open("a", newline="")
        self._writer = csv.DictWriter(self._stream, FIELDS, lineterminator="\n")

    def add(self, **row: object) -> None:
        """Write one row."""
        self._writer.writerow(
            {name: f"{value:.3f}" if isinstance(value, float) else value for name, value in row.items()}
        )
        self._stream.flush()

    def close(self) -> None:
        """Write no more rows."""
        self._stream.close()

    def has(self, corpus: str, tool: str, repeat: int) -> bool:
        """Whether a tool's turn was finished before."""
        return (corpus, tool, str(repeat), "extract") in self.done


def turn(tool: peers.Tool, corpus: Path, repeat: int, log: Log, scratch: Path, kept: Path) -> None:
    """Let one tool pack and unpack one corpus, and write the rows once it has given all back.

    The unpacked tree stays below `kept`: ext4 takes up to five times as long to make files where many were
    removed in the last minutes, and whoever came next would pay for it.
    """
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        work = Path(folder)
        archive = work / "archive"
        out = Path(tempfile.mkdtemp(dir=kept))
        names = {
            "parent": corpus.parent,
            "tree": corpus.name,
            "out": archive,
            "dir": out,
            "work": work,
            "here": HERE,
        }
        environment = {"UCOMPRESS_STATE_DIR": str(work / "state")}

        def act(action: str, template: str, note: str = "", **more: object) -> None:
            usage = measure(template.format(**names, **more), environment=environment)
            size = archive.stat().st_size
            rows.append(
                {
                    "corpus": corpus.name,
                    "tool": tool.name,
                    "repeat": repeat,
                    "action": action,
                    "bytes": size,
                    "user_s": usage.user,
                    "system_s": usage.system,
                    "wall_s": usage.wall,
                    "rss_mb": usage.rss_mb,
                    "note": note,
                }
            )
            print(
                f"{corpus.name:9} {tool.name:18} {action:9}{size:>12,} bytes {usage.cpu:8.2f} s CPU"
                f" {usage.rss_mb:7.0f} MB",
                flush=True,
            )

        act("compress", tool.compress)
        if tool.decode:
            act("decode", tool.decode)
        if tool.read and repeat == 0:
            for member in members(corpus):
                inner = member.split("/", 1)[1]
                act("read", tool.read, member, member=quoted(member), inner=quoted(inner))
        act("extract", tool.extract)
        unpacked = out / tool.unpacked.format(**names)
        exact = tool.name.startswith("ucompress")
        if not same_tree(corpus, unpacked, links=tool.links, metadata=exact):
            raise SystemExit(f"{tool.name} did not give {corpus} back")
    for row in rows:
        log.add(**row)


def quoted(name: str) -> str:
    """A name for the shell."""
    return "'" + name.replace("'", "'\\''") + "'"


def members(corpus: Path) -> list[str]:
    """A few files of 5 to 20 KB (else of any size), spread over the tree; names as `tar` gives them."""
    found = sorted(
        f"{corpus.name}/{path.relative_to(corpus)}"
        for path in (Path(folder, name) for folder, _, names in os.walk(corpus) for name in names)
        if not path.is_symlink() and path.stat().st_size in range(5_000, 20_001)
    )
    found = found or sorted(f"{corpus.name}/{path.name}" for path in corpus.iterdir() if path.is_file())
    return [found[len(found) * (2 * i + 1) // (2 * MEMBERS)] for i in range(MEMBERS)] if found else []


def one_file(corpus: Path, level: int, log: Log, scratch: Path, count: int) -> None:
    """Read many single files from an open archive, each with cleared caches; `readtimes.py` does it."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        archive = Path(folder, "archive.ucz")
        program = peers.BY_NAME[f"ucompress -{level}"]
        environment = {"UCOMPRESS_STATE_DIR": folder}
        names = {"parent": corpus.parent, "tree": corpus.name, "out": archive, "work": folder}
        measure(program.compress.format(**names), environment=environment)
        words = [
            sys.executable,
            str(HERE / "readtimes.py"),
            str(archive),
            str(corpus.parent),
            f"--count={count}",
        ]
        told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        log.add(
            corpus=corpus.name,
            tool=program.name,
            repeat=0,
            action="one file",
            bytes=archive.stat().st_size,
            user_s=told["cpu_ms_mean"] / 1000,
            system_s=0.0,
            wall_s=told["p50_ms"] / 1000,
            rss_mb=0.0,
            note=json.dumps(told),
        )
        print(
            f"{corpus.name:9} {program.name:18} one file  p50 {told['p50_ms']} ms p95 {told['p95_ms']} ms",
            flush=True,
        )


def machine() -> dict[str, object]:
    """What this run was made on."""
    model = "unknown"
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        model = platform.processor() or model
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    commit = subprocess.run(
        ["git", "-C", str(HERE), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        "floor_mb": round(floor_mb(), 1),
    }


def version(tool: peers.Tool) -> str:
    """The tool's own word for its version."""
    command = tool.version.format(program=tool.program)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return next(iter((done.stdout + done.stderr).strip().splitlines()), "unknown")


def chosen_tools(options: argparse.Namespace) -> list[peers.Tool]:
    """The tools of this run, in the tables' order; what is not installed is said and left out."""
    wanted = options.tools or (peers.QUICK if options.quick else peers.USUAL)
    if unknown := set(wanted) - set(peers.BY_NAME):
        raise SystemExit(f"no such tool: {', '.join(sorted(unknown))}; there are {', '.join(peers.BY_NAME)}")
    tools = []
    for tool in peers.TOOLS:
        if tool.name in wanted and not (tool.slow and options.fast):
            if peers.installed(tool):
                tools.append(tool)
            else:
                print(f"{tool.name}: {tool.program} is not installed, left out", file=sys.stderr)
    return tools


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--root", type=Path, default=HERE / "corpora", help="folder that corpora.py filled")
    parser.add_argument(
        "--corpora",
        nargs="+",
        choices=ALL + ON_REQUEST,
        metavar="NAME",
        help=f"of {', '.join(ALL + ON_REQUEST)}; the first ten if not given",
    )
    parser.add_argument("--tools", nargs="+", metavar="NAME", help=f"of {', '.join(peers.BY_NAME)}")
    parser.add_argument("--repeats", type=int, default=1, help="turns of each tool; speeds want 5")
    parser.add_argument(
        "--quick", action="store_true", help=f"only {', '.join(QUICK_CORPORA)} and a few tools"
    )
    parser.add_argument("--fast", action="store_true", help="without the tools that take minutes a corpus")
    parser.add_argument("--files", type=int, default=200, help="single files read from each archive")
    parser.add_argument(
        "--machine", default=f"{platform.system()}-{platform.machine()}-{os.cpu_count()}cores".lower()
    )
    parser.add_argument("--folder", type=Path, help="the run's folder [benchmarks/runs/DATE-MACHINE]")
    parser.add_argument("--scratch", type=Path, help="where archives and trees are written meanwhile")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure; returns the exit code."""
    options = parse(arguments)
    options.root = options.root.resolve()
    tools = chosen_tools(options)
    corpora = options.corpora or (QUICK_CORPORA if options.quick else ALL)
    if missing := [name for name in corpora if not (options.root / name).is_dir()]:
        raise SystemExit(
            f"no {', '.join(missing)} in {options.root}: make them with corpora.py {' '.join(missing)}"
        )
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    folder = (options.folder or HERE / "runs" / f"{today}-{options.machine}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(options.root / "manifest.json", folder / "corpora.json")
    about = {
        "machine": machine(),
        "date": today,
        "command": " ".join(
            ["python benchmarks/run.py", *(sys.argv[1:] if arguments is None else arguments)]
        ),
        "tools": {
            tool.name: {"version": version(tool), "compress": tool.compress, "extract": tool.extract}
            for tool in tools
        },
    }
    text = json.dumps(about, indent=1).replace(str(HERE.parent) + "/", "").replace(sys.executable, "python")
    (folder / "run.json").write_text(text + "\n")
    with tempfile.TemporaryDirectory(dir=options.scratch) as kept:
        failed = measure_all(options, tools, corpora, Log(folder / "raw.csv"), Path(kept))
        report.write(folder)
        print(f"tables: {folder / 'README.md'}")
    return 1 if failed else 0


def measure_all(
    options: argparse.Namespace, tools: Sequence[peers.Tool], corpora: Sequence[str], log: Log, kept: Path
) -> int:
    """Every tool's turns on every corpus, and single files; returns how many turns failed."""
    failed = 0
    for name in corpora:
        corpus = options.root / name
        tree_bytes(corpus)  # the first tool shall not pay for reading from disk
        for repeat in range(options.repeats):
            for tool in tools:
                if not log.has(name, tool.name, repeat):
                    try:
                        turn(tool, corpus, repeat, log, options.scratch, kept)
                    except CommandFailedError as error:
                        failed += 1
                        print(f"{name} {tool.name}: {error}", file=sys.stderr, flush=True)
        for level in (3, 4, 6, 8, 9):
            key = (name, f"ucompress -{level}", "0", "one file")
            if any(tool.name == key[1] for tool in tools) and key not in log.done and options.files:
                one_file(corpus, level, log, options.scratch, options.files)
    log.close()
    return failed


if __name__ == "__main__":
    sys.exit(main())
