"""One picture for each thing that a run grows with: `axes.py [AXIS ...] [--tree TREE] [--draw-only]`.

Packs trees along four axes and notes what each phase took: the number of files (100 to 100,000 of about 1
KB), the bytes (files of 16 KB), the threads, and the memory limit (the last two on a tree of your own, else
on one of 40 MB). A point is the whole command, as its own process, with a new database; along the threads
it is what `cores.py` makes of one run. Writes `docs/pictures/axes.csv` and an SVG for each axis: seconds
stacked by phase, peak memory above. Phases are told by the clock; so that a machine that does other things
too gives the same pictures, they share the CPU of the run as they share its time. Drawing wants matplotlib
(`pip install 'matplotlib>=3.9,<4'`).
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cores import CORES, observed
from measure import Usage, measure, ucompress
from synthetic import PER_FOLDER, make_tree

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
TABLE = PICTURES / "axes.csv"
PHASES = ("scanning_files", "analyzing_patterns", "building_dictionary", "compressing")
COLUMNS = ("axis", "value", "level", "files", "bytes", "cpu_s", "wall_s", "peak_mb", *PHASES)
MB = 1_000_000
LEVELS = (3, 6)
REST = "start and end"
ESTIMATED = "threads"
_FILE = 16_000
_WORDS = 4096


class Point(NamedTuple):
    """A place on an axis.

    Attributes:
        value: where it stands on the axis.
        tree: what is packed.
        threads: worker threads.
        limit: memory limit, in MB.
    """

    value: float
    tree: Path
    threads: int = 1
    limit: int = 1024


def text_tree(root: Path, size: int) -> Path:
    """A tree of `size` bytes in files of 16 KB: lines of words that repeat as words of texts do."""
    import random

    draw = random.Random(size)
    words = [bytes(97 + draw.getrandbits(16) % 26 for _ in range(3 + n % 8)) for n in range(_WORDS)]
    for number in range(size // _FILE):
        folder = root / f"{number // 100:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        # The less of two draws comes more often: a few words are common, most are rare.
        picked = (
            words[min(draw.getrandbits(12), draw.getrandbits(12), draw.getrandbits(12))] for _ in range(2200)
        )
        (folder / f"{number}.txt").write_bytes(b" ".join(picked).ljust(_FILE, b".")[:_FILE])
    return root


def by_files(folder: Path, _tree: Path) -> Iterator[Point]:
    """100, 1,000, 10,000 and 100,000 files."""
    for files in (100, 1_000, 10_000, 100_000):
        root = folder / f"files-{files}"
        root.mkdir()
        make_tree(root, files, PER_FOLDER)
        yield Point(files, root)


def by_bytes(folder: Path, _tree: Path) -> Iterator[Point]:
    """5 to 80 MB."""
    for megabytes in (5, 10, 20, 40, 80):
        yield Point(megabytes, text_tree(folder / f"bytes-{megabytes}", megabytes * MB))


def by_limit(_folder: Path, tree: Path) -> Iterator[Point]:
    """256 to 2,048 MB."""
    for limit in (256, 512, 1024, 2048):
        yield Point(limit, tree, threads=2, limit=limit)


AXES: dict[str, tuple[Callable[[Path, Path], Iterator[Point]] | None, str]] = {
    "files": (by_files, "files of about 1 KB"),
    "bytes": (by_bytes, "MB, in files of 16 KB"),
    "threads": (None, "threads (estimated)"),
    "limit": (by_limit, "memory limit, MB"),
}
"""For each axis what walks along it, unless it is estimated, and what its numbers are."""


def packed(point: Point, level: int, folder: Path) -> tuple[Usage, dict[str, object]]:
    """Pack a tree once; what it took, and the summary that the command gave."""
    scratch = folder / "run"
    scratch.mkdir()
    told = scratch / "told.jsonl"
    options = [f"-{level}", "--threads", point.threads, "--memory-limit", point.limit, "--json"]
    words = ucompress(
        "compress", point.tree, "-o", scratch / "a.ucz", "--database", scratch / "p.db", *options
    )
    used = measure(words, output=told, environment={"UCOMPRESS_STATE_DIR": str(scratch / "state")})
    documents = map(json.loads, told.read_text(encoding="utf-8").splitlines())
    summary = next(document for document in documents if document["type"] == "summary")
    shutil.rmtree(scratch)
    return used, summary


def measured(axis: str, tree: Path, folder: Path, rounds: int) -> Iterator[dict[str, object]]:
    """The rows of an axis."""
    walk = AXES[axis][0]
    if walk is None:
        yield from estimated(axis, tree, folder)
        return
    for point in walk(folder, tree):
        for level in LEVELS:
            turns = [packed(point, level, folder) for _ in range(rounds)]
            used, summary = min(turns, key=lambda turn: turn[0].wall)
            phases = summary["phase_seconds"]
            assert isinstance(phases, dict)
            row: dict[str, object] = {
                "axis": axis,
                "value": point.value,
                "level": level,
                "files": summary["files"],
                "bytes": summary["original_bytes"],
                "cpu_s": round(used.cpu, 2),
                "wall_s": round(used.wall, 2),
                "peak_mb": round(used.rss_mb),
                **{phase: round(phases.get(phase, 0.0), 3) for phase in PHASES},
            }
            print(*row.values(), sep=",", flush=True)
            yield row
        if point.tree != tree:
            shutil.rmtree(point.tree)


def estimated(axis: str, tree: Path, folder: Path) -> Iterator[dict[str, object]]:
    """The rows of the threads: seconds of each phase by the CPU of main thread and workers; no memory."""
    for level in LEVELS:
        phases = observed(tree, level, folder / "run")
        cpu = sum(phase.main + phase.tasks for phase in phases.values())
        for cores in CORES:
            times = {name: phase.on(cores, 0) for name, phase in phases.items()}
            row: dict[str, object] = dict.fromkeys(COLUMNS, "")
            row |= {"axis": axis, "value": cores, "level": level, "cpu_s": round(cpu, 2)}
            row |= {"wall_s": round(sum(times.values()), 3)}
            row |= {phase: round(times[phase], 3) for phase in PHASES}
            print(*row.values(), sep=",", flush=True)
            yield row


def seconds(row: dict[str, str], phase: str) -> float:
    """What a phase took, of CPU except where that is what the seconds were made of."""
    wall = float(row["wall_s"])
    told = {name: float(row[name]) for name in PHASES}
    took = told.get(phase, max(0.0, wall - sum(told.values())))
    return took if row["axis"] == ESTIMATED else took * float(row["cpu_s"]) / wall


def draw(axis: str, rows: list[dict[str, str]]) -> None:
    """The picture of an axis: for each level the phases' seconds, stacked, and the peak memory."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = axis  # the same picture for the same rows
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    figure, plots = pyplot.subplots(1, len(LEVELS), figsize=(9, 3.4), layout="constrained")
    for plot, level in zip(plots, LEVELS, strict=True):
        chosen = [row for row in rows if row["axis"] == axis and int(row["level"]) == level]
        names = [f"{float(row['value']):,.0f}" for row in chosen]
        floor = [0.0] * len(chosen)
        for phase in (*PHASES, REST):
            heights = [seconds(row, phase) for row in chosen]
            plot.bar(names, heights, bottom=floor, label=phase.replace("_", " "))
            floor = [low + height for low, height in zip(floor, heights, strict=True)]
        for at, (top, row) in enumerate(zip(floor, chosen, strict=True)):
            peak = row["peak_mb"] and f"{row['peak_mb']} MB"
            plot.annotate(peak, (at, top), ha="center", va="bottom", fontsize=8)
        plot.set(
            title=f"level {level}",
            xlabel=AXES[axis][1],
            ylabel="seconds" if axis == ESTIMATED else "seconds of CPU",
        )
        plot.margins(y=0.15)
    figure.legend(*plots[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    figure.savefig(PICTURES / f"{axis}.svg", metadata={"Date": None})
    pyplot.close(figure)


def main() -> int:
    """Measure, note, draw."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("axes", nargs="*", metavar="AXIS", help=f"of {', '.join(AXES)}; all if none is named")
    parser.add_argument("--tree", type=Path, help="what threads and memory limit are tried on")
    parser.add_argument(
        "--rounds", type=int, default=1, help="times that each point is packed: the least counts"
    )
    parser.add_argument("--draw-only", action="store_true", help="draw what was measured before")
    options = parser.parse_args()
    wanted = options.axes or list(AXES)
    PICTURES.mkdir(exist_ok=True)
    rows: list[dict[str, str]] = []
    if TABLE.exists():
        with TABLE.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    if not options.draw_only:
        rows = [row for row in rows if row["axis"] not in wanted]
        with tempfile.TemporaryDirectory(prefix="axes-") as folder:
            tree = (options.tree or text_tree(Path(folder, "tree"), 40 * MB)).resolve()
            for axis in wanted:
                new = measured(axis, tree, Path(folder), options.rounds)
                rows += [{name: str(value) for name, value in row.items()} for row in new]
        with TABLE.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    for axis in wanted:
        draw(axis, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
