"""What each part of the compressor gives: exact bytes of archives with one part turned off at a time.

    python benchmarks/ablation.py --trees small json --levels 6 8
    python benchmarks/ablation.py --trees c json/cldr-dates-full-45.0.0 --levels 6 --parts dictionary

For each tree and level an archive is written as usual, then one without each part of `parts.py` that the
level has; each is extracted by the same program and compared with the tree byte for byte, modes and times
too, or the run ends. One thread, an empty database. A row of `raw.csv` is written after each turn, so that a
run called again with the same folder goes on where it was; `README.md` there has the tables.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import parts
import ucompress
from measure import HERE, measure, same_tree, tree_bytes
from report import shown, table
from run import machine
from ucompress.codec.zstd import LIBRARY_VERSION

WHOLE = parts.Part("whole", "everything is on", parts.ALL)
FIELDS = (
    "tree", "level", "part", "bytes", "dictionary_bytes", "index_bytes", "unique_bytes", "saved_files",
    "saved_segments", "blocks", "compress_s", "extract_s",
)  # fmt: skip
MEASURED = FIELDS[3:]

Rows = dict[tuple[str, int, str], dict[str, float]]
"""What was measured, by tree, level and part."""


def turn(part: parts.Part, level: int, tree: Path, archive: Path, copy: Path) -> dict[str, float]:
    """Pack a tree without a part and unpack it again, in this process; the sizes and seconds of user CPU."""
    started = os.times().user
    with part.off():
        told = ucompress.compress(tree, archive, level=level, threads=1).statistics
    packed = os.times().user
    ucompress.decompress(archive, copy)
    return {
        "bytes": archive.stat().st_size,
        "dictionary_bytes": told.dictionary_coded_bytes,
        "index_bytes": told.index_bytes,
        "unique_bytes": told.unique_bytes,
        "saved_files": told.saved.files,
        "saved_segments": told.saved.segments,
        "blocks": told.blocks,
        "compress_s": round(packed - started, 2),
        "extract_s": round(os.times().user - packed, 2),
    }


def measured(part: parts.Part, level: int, tree: Path, package: Path, scratch: Path) -> dict[str, float]:
    """`turn` in a process of its own, with the package found in `package`; then the trees are compared."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        work = Path(folder)
        told, archive, copy = work / "told.json", work / "archive.ucz", work / "copy"
        words = [
            sys.executable,
            __file__,
            "--turn",
            part.name,
            str(level),
            str(tree),
            str(archive),
            str(copy),
        ]
        environment = {"PYTHONPATH": str(package), "UCOMPRESS_STATE_DIR": folder}
        measure(words, environment=environment, output=told)
        if not same_tree(tree, copy / tree.name, metadata=True):
            raise SystemExit(f"{tree.name} at level {level} without {part.name!r} did not come back")
        found: dict[str, float] = json.loads(told.read_text())
        return found


def read_rows(path: Path) -> Rows:
    """The rows of an earlier part of the run; none where there is no file."""
    if not path.exists():
        return {}
    with path.open(newline="") as stream:
        return {
            (row["tree"], int(row["level"]), row["part"]): {name: float(row[name]) for name in MEASURED}
            for row in csv.DictReader(stream)
        }


def add_row(path: Path, tree: str, level: int, part: str, found: dict[str, float]) -> None:
    """Write one row."""
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if fresh:
            writer.writerow(FIELDS)
        writer.writerow((tree, level, part, *(found[name] for name in MEASURED)))


def run_part(part: parts.Part, wanted: Sequence[tuple[Path, int]], raw: Path, scratch: Path) -> None:
    """Measure a part on trees and levels, building the kernel first if it is one of a kernel."""
    if not wanted:
        return
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        package = parts.build(part, Path(folder)) if part.edits else Path(ucompress.__file__).parents[1]
        for tree, level in wanted:
            found = measured(part, level, tree, package, scratch)
            add_row(raw, tree.name, level, part.name, found)
            print(f"{tree.name:9} -{level} {part.name:32}{found['bytes']:>12,.0f} bytes", flush=True)


def change(rows: Rows, tree: str, level: int, part: str, what: str = "bytes") -> float | None:
    """By how much a figure without a part is more than with all, as a share; None if it was not measured."""
    whole, without = rows.get((tree, level, WHOLE.name)), rows.get((tree, level, part))
    return without[what] / whole[what] - 1 if whole and without else None


def changes(rows: Rows, level: int, what: str, form: str) -> str:
    """The table of one level: parts down, trees across."""
    trees = list(dict.fromkeys(tree for tree, at, _ in rows if at == level))
    lines = []
    for part in parts.PARTS:
        shares = [change(rows, tree, level, part.name, what) for tree in trees]
        if any(share is not None for share in shares):
            lines.append([part.name, part.instead, *(shown(share, form) for share in shares)])
    return table(["without", "instead", *trees], lines)


def wholes(rows: Rows) -> str:
    """Sizes of the archives that have all parts, and what statistics tell of them."""
    names = (
        "bytes",
        "dictionary_bytes",
        "index_bytes",
        "saved_files",
        "saved_segments",
        "unique_bytes",
        "blocks",
    )
    lines = [
        [f"{tree} -{level}", *(f"{row[name]:,.0f}" for name in names)]
        for (tree, level, part), row in rows.items()
        if part == WHOLE.name
    ]
    head = [
        "tree",
        "archive",
        "dictionary",
        "index",
        "in identical files",
        "in copies and holes",
        "coded",
        "blocks",
    ]
    return table(head, lines)


def tables(rows: Rows) -> str:
    """All tables."""
    text = "## Everything on, bytes\n\n" + wholes(rows)
    for level in sorted({level for _, level, _ in rows}):
        text += f"\n## Level {level}: archive without one part, against the whole\n\n"
        text += changes(rows, level, "bytes", "+.2%")
        text += f"\n## Level {level}: user CPU to extract without it\n\n" + changes(
            rows, level, "extract_s", "+.0%"
        )
        text += f"\n## Level {level}: user CPU to compress without it\n\n" + changes(
            rows, level, "compress_s", "+.0%"
        )
    return text


def write(folder: Path) -> None:
    """Write `README.md` into the run's folder."""
    about = json.loads((folder / "run.json").read_text())
    it = about["machine"]
    head = (
        f"# Ablation of {about['date']}\n\n"
        f"{it['cpu']}, {it['cores']} cores, {it['memory_gib']} GiB, {it['system']}, Python {it['python']}, "
        f"zstd {about['zstd']}, ucompress {about['version']}, commit {it['commit']}. Made by "
        + ", then ".join(f"`{command}`" for command in about["commands"])
        + ".\n\nOne part off at a time, one thread, an empty database. Every archive was extracted and "
        "compared with its tree byte for byte, modes and times too. All rows are in `raw.csv`. Sizes are "
        "exact; seconds are user CPU of one turn each.\n\n"
    )
    (folder / "README.md").write_text(head + tables(read_rows(folder / "raw.csv")))


def as_command(options: argparse.Namespace) -> str:
    """The command line that measures the same, wherever the trees are."""
    words = ["python benchmarks/ablation.py --trees", *options.trees, "--levels", *map(str, options.levels)]
    if options.parts:
        words += ["--parts", *map(shlex.quote, options.parts)]
    return " ".join(words)


def note_run(folder: Path, root: Path, command: str) -> None:
    """Write what the run is made by and on into `run.json`; its commands are kept from call to call."""
    path = folder / "run.json"
    commands = json.loads(path.read_text())["commands"] if path.exists() else []
    about = {
        "machine": machine(),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "version": ucompress.__version__,
        "zstd": LIBRARY_VERSION,
        "commands": [*commands, *([command] if command not in commands else [])],
    }
    path.write_text(json.dumps(about, indent=1) + "\n")
    if (root / "manifest.json").exists():
        shutil.copy(root / "manifest.json", folder / "corpora.json")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--root", type=Path, default=HERE / "corpora", help="folder that corpora.py filled")
    parser.add_argument("--trees", nargs="+", default=["small", "json"], metavar="NAME", help="folders in it")
    parser.add_argument("--levels", nargs="+", type=int, default=[3, 6, 8], metavar="LEVEL")
    parser.add_argument("--parts", nargs="+", choices=sorted(parts.BY_NAME), metavar="NAME", help="[all]")
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    name = f"{today}-{platform.system()}-{platform.machine()}-{os.cpu_count()}cores-ablation".lower()
    parser.add_argument("--folder", type=Path, default=HERE / "runs" / name, help="the run's folder")
    parser.add_argument(
        "--scratch", type=Path, help="where archives, copies and builds are written meanwhile"
    )
    parser.add_argument("--turn", nargs=5, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measure; returns the exit code."""
    options = parse(arguments)
    if options.turn:
        name, level, tree, archive, copy = options.turn
        part = WHOLE if name == WHOLE.name else parts.BY_NAME[name]
        print(json.dumps(turn(part, int(level), Path(tree), Path(archive), Path(copy))))
        return 0
    root, folder = options.root.resolve(), options.folder.resolve()
    if missing := [name for name in options.trees if not (root / name).is_dir()]:
        raise SystemExit(f"no {', '.join(missing)} in {root}: make them with corpora.py {' '.join(missing)}")
    folder.mkdir(parents=True, exist_ok=True)
    note_run(folder, root, as_command(options))
    raw = folder / "raw.csv"
    for name in options.trees:
        tree_bytes(root / name)  # the first turn shall not pay for reading from disk
    for part in (WHOLE, *(part for part in parts.PARTS if part.name in (options.parts or parts.BY_NAME))):
        done = read_rows(raw)
        wanted = [
            (root / name, level)
            for name in options.trees
            for level in options.levels
            if level in part.levels and (Path(name).name, level, part.name) not in done
        ]
        run_part(part, wanted, raw, options.scratch)
    write(folder)
    print(f"tables: {folder / 'README.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
