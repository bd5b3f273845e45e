"""Make the tables of a run from its rows: `report.py RUNS_FOLDER`.

Sizes are relative to solid `xz -9e` of the same tree in the same run. The geometric mean leaves out
`binary` (nothing to gain there) and `objects` (no tree of text), and a corpus counts with at least 0.6, so
that far repeats alone carry nothing. Speeds are medians over the turns of each tool. Parameters were chosen
by looking at eight of the corpora, not each at all of them: their mean stands beside that of trees that
nobody looked at.
"""

from __future__ import annotations

import csv
import json
import math
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BASE = "xz -9e"
NO_TEXT = ("binary", "objects")
CHOSEN_ON = ("c", "html", "json", "node", "python", "small", "text", "versions")
LEAST = 0.6
QUICK_PEER = "zstd -9"


@dataclass(frozen=True, slots=True)
class Target:
    """What a level shall reach.

    Attributes:
        mean, worst: sizes relative to xz -9e.
        compress: most CPU, over that of `compress_peer`.
        decode: least speed by CPU, over that of `decode_peer`.
        one_file: milliseconds to read one from an open archive.
        cold_open: milliseconds to open an archive and read the first file.
    """

    mean: float
    worst: float
    compress: float
    compress_peer: str
    decode: float
    decode_peer: str
    one_file: float
    cold_open: float


TARGETS = {
    "ucompress -3": Target(1.20, 1.50, 2.5, QUICK_PEER, 0.5, QUICK_PEER, 5, 100),
    "ucompress -4": Target(1.04, 1.20, 0.4, BASE, 0.3, BASE, 60, 400),
    "ucompress -6": Target(0.97, 1.10, 1.5, BASE, 0.22, BASE, 80, 400),
    "ucompress -8": Target(0.90, 1.05, 0.5, BASE, 0.8, "7-Zip PPMd", 250, 700),
    "ucompress -9": Target(0.84, 1.00, 0.7, "zpaq -m5", 0.6, "zpaq -m4", 600, 3000),
}
NO_TEXT_TARGET = 1.03

Row = dict[str, str]


class Run:
    """The rows of a run, by what they say."""

    def __init__(self, folder: Path) -> None:
        """Read `raw.csv` and what was written about the run."""
        with (folder / "raw.csv").open(newline="") as stream:
            self.rows: list[Row] = list(csv.DictReader(stream))
        self.about = json.loads((folder / "run.json").read_text())
        self.corpora_made = json.loads((folder / "corpora.json").read_text())
        self.corpora = list(dict.fromkeys(row["corpus"] for row in self.rows))
        self.tools = sorted({row["tool"] for row in self.rows}, key=self._order)
        self._cells: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in self.rows:
            self._cells[row["corpus"], row["tool"], row["action"]].append(row)

    def _order(self, tool: str) -> tuple[bool, float, str]:
        sizes = [
            int(row["bytes"]) for row in self.rows if row["tool"] == tool and row["action"] == "compress"
        ]
        return not tool.startswith("ucompress"), sum(sizes) / max(1, len(sizes)), tool

    def size(self, corpus: str, tool: str) -> int | None:
        """Bytes of the archive."""
        rows = self._cells.get((corpus, tool, "compress"))
        return int(rows[0]["bytes"]) if rows else None

    def cpu(self, corpus: str, tool: str, action: str) -> float | None:
        """Median CPU seconds of an action."""
        rows = self._cells.get((corpus, tool, action))
        return statistics.median(float(r["user_s"]) + float(r["system_s"]) for r in rows) if rows else None

    def wall(self, corpus: str, tool: str, action: str) -> float | None:
        """Median wall seconds of an action."""
        rows = self._cells.get((corpus, tool, action))
        return statistics.median(float(row["wall_s"]) for row in rows) if rows else None

    def peak(self, corpus: str, tool: str) -> float | None:
        """Highest resident memory while compressing, in MiB."""
        rows = self._cells.get((corpus, tool, "compress"))
        return max(float(row["rss_mb"]) for row in rows) if rows else None

    def one_file(self, corpus: str, tool: str) -> dict[str, float] | None:
        """What `readtimes.py` told."""
        rows = self._cells.get((corpus, tool, "one file"))
        return json.loads(rows[-1]["note"]) if rows else None

    def relative(self, corpus: str, tool: str) -> float | None:
        """Size over the size of `BASE`."""
        ours, theirs = self.size(corpus, tool), self.size(corpus, BASE)
        return ours / theirs if ours and theirs else None

    @property
    def trees(self) -> list[str]:
        """The corpora that count in means."""
        return [corpus for corpus in self.corpora if corpus not in NO_TEXT]

    def mean(self, tool: str, corpora: Iterable[str]) -> float | None:
        """Geometric mean of the relative sizes; None unless each of these corpora was measured."""
        values = [self.relative(corpus, tool) for corpus in corpora]
        if not values or None in values:
            return None
        return math.exp(sum(math.log(max(LEAST, value)) for value in values if value) / len(values))

    def unique_speed(self, tool: str, peer: str) -> float | None:
        """Our unique bytes a second of `extract`, over the peer's bytes a second of decoding."""
        found = []
        for corpus in self.corpora:
            told, ours = self.one_file(corpus, tool), self.cpu(corpus, tool, "extract")
            theirs = self.cpu(corpus, peer, "decode")
            if told and ours and theirs:
                found.append(told["unique_bytes"] / ours / (self.corpora_made[corpus]["bytes"] / theirs))
        return math.exp(sum(map(math.log, found)) / len(found)) if found else None

    def open_speed(self, tool: str, peer: str) -> float | None:
        """Speed of verifying an open archive, over the peer's decoding; None unless all was measured."""
        told = {c: (self.one_file(c, tool) or {}).get("verify_cpu_s") for c in self.corpora}
        logs = [
            math.log(theirs / ours)
            for c, ours in told.items()
            if ours and (theirs := self.cpu(c, peer, "decode"))
        ]
        return math.exp(sum(logs) / len(logs)) if len(logs) == len(told) else None

    def cpu_ratio(self, tool: str, action: str, peer: str, peer_action: str) -> float | None:
        """Geometric mean over the corpora of a tool's CPU over a peer's."""
        pairs = [(self.cpu(c, tool, action), self.cpu(c, peer, peer_action)) for c in self.corpora]
        logs = [math.log(one / other) for one, other in pairs if one and other]
        return math.exp(sum(logs) / len(logs)) if logs else None


def shown(value: float | None, form: str) -> str:
    """A figure, or a dash where there is none."""
    return format(value, form) if value is not None else "-"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; the first column is text, the rest figures."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def sizes(run: Run) -> str:
    """Bytes, relative sizes and their mean."""
    rows = []
    chosen_on = [corpus for corpus in run.trees if corpus in CHOSEN_ON]
    others = [corpus for corpus in run.trees if corpus not in CHOSEN_ON]
    for tool in run.tools:
        means = [shown(run.mean(tool, corpora), ".3f") for corpora in (run.trees, chosen_on, others)]
        rows.append([tool, *means, *(shown(run.relative(c, tool), ".3f") for c in run.corpora)])
    absolute = [[tool, *(shown(run.size(c, tool), ",") for c in run.corpora)] for tool in run.tools]
    return (
        f"## Size, relative to solid {BASE}\n\n"
        + table(["tool", "mean", "of those looked at", "of the others", *run.corpora], rows)
        + f"\nLooked at while parameters were chosen: {', '.join(CHOSEN_ON)}.\n"
        + "\n## Size in bytes\n\n"
        + table(["tool", *run.corpora], absolute)
    )


def times(run: Run) -> str:
    """CPU seconds of each action, and peak memory."""
    parts = []
    titles = {
        "compress": "CPU seconds to compress (user and system, all processes)",
        "decode": "CPU seconds to decode to nowhere",
        "extract": "CPU seconds to extract to a folder",
        "read": "CPU seconds to read one file, in a new process",
    }
    for action, title in titles.items():
        tools = [tool for tool in run.tools if any(run.cpu(c, tool, action) is not None for c in run.corpora)]
        rows = [[tool, *(shown(run.cpu(c, tool, action), ".2f") for c in run.corpora)] for tool in tools]
        if rows:
            parts.append(f"\n## {title}\n\n" + table(["tool", *run.corpora], rows))
    parts.append(same_job(run))
    rows = [[tool, *(shown(run.peak(c, tool), ".0f") for c in run.corpora)] for tool in run.tools]
    floor = run.about["machine"]["floor_mb"]
    title = f"Peak memory while compressing, MiB (largest process; below {floor:.0f} cannot be told)"
    return "".join(parts) + f"\n## {title}\n\n" + table(["tool", *run.corpora], rows)


def same_job(run: Run) -> str:
    """Speed of our `extract` over the peer's decoder with `tar -x` behind it: both write all files."""
    rows = []
    for tool, target in TARGETS.items():
        peer = target.decode_peer
        pairs = [(run.cpu(c, peer, "extract"), run.cpu(c, tool, "extract")) for c in run.corpora]
        if any(theirs and ours for theirs, ours in pairs):
            speeds = [shown(theirs / ours if theirs and ours else None, ".2f") for theirs, ours in pairs]
            rows.append([f"{tool} / {peer}", *speeds])
    title = "Speed of extract against the peer's, files written by both, by CPU"
    return f"\n## {title}\n\n" + table(["tools", *run.corpora], rows) if rows else ""


def single_files(run: Run) -> str:
    """Reads of one file from an open archive."""
    rows = []
    for tool in run.tools:
        told = [run.one_file(corpus, tool) for corpus in run.corpora]
        if any(told):
            for what in ("p50_ms", "p95_ms", "cpu_p50_ms", "cpu_p95_ms", "open_ms", "first_ms"):
                rows.append([f"{tool} {what[:-3]}", *(shown(t[what] if t else None, ".1f") for t in told)])
    if not rows:
        return ""
    head = "\n## One file of 5 to 20 KB from an open archive, milliseconds\n\n"
    return head + table(["tool", *run.corpora], rows) + decoder_memory(run)


def decoder_memory(run: Run) -> str:
    """What the archives declare that decoding a block takes."""
    rows = []
    for tool in run.tools:
        told = [(run.one_file(corpus, tool) or {}).get("decoder_mb") for corpus in run.corpora]
        if any(told):
            rows.append([tool, *(shown(value, ".1f") for value in told)])
    title = "Memory to decode, dictionary and reference included, MiB, as declared in the archive"
    return f"\n## {title}\n\n" + table(["tool", *run.corpora], rows) if rows else ""


def verdicts(run: Run) -> str:
    """What our levels reached of what they shall reach."""
    rows = []

    def add(tool: str, what: str, value: float | None, bound: float, least: bool = False) -> None:
        if value is not None:
            held = value >= bound if least else value <= bound
            rows.append(
                [tool, what, f"{value:.3f}", f"{'≥' if least else '≤'} {bound}", "yes" if held else "**no**"]
            )

    for tool, target in TARGETS.items():
        ratios = [r for c in run.trees if (r := run.relative(c, tool)) is not None]
        if not ratios:
            continue
        add(tool, "size, geometric mean", run.mean(tool, run.trees), target.mean)
        add(tool, "size, worst corpus", max(ratios), target.worst)
        for corpus in NO_TEXT:
            add(tool, f"size, {corpus}", run.relative(corpus, tool), NO_TEXT_TARGET)
        peer = target.compress_peer
        add(
            tool,
            f"CPU to compress, over {peer}",
            run.cpu_ratio(tool, "compress", peer, "compress"),
            target.compress,
        )
        peer = target.decode_peer
        inverse = run.cpu_ratio(peer, "decode", tool, "extract")
        add(tool, f"speed of extract, over decoding by {peer}", inverse, target.decode, least=True)
        unique = run.unique_speed(tool, peer)
        add(tool, "the same, our unique bytes only", unique, target.decode, least=True)
        nowhere = run.cpu_ratio(peer, "decode", tool, "decode")
        add(tool, f"speed of verify, over decoding by {peer}", nowhere, target.decode, least=True)
        opened = run.open_speed(tool, peer)
        add(
            tool,
            f"speed of verifying an open archive, over decoding by {peer}",
            opened,
            target.decode,
            least=True,
        )
        equal = run.cpu_ratio(peer, "extract", tool, "extract")
        add(tool, f"speed of extract, over that of {peer}", equal, target.decode, least=True)
        told = [t for c in run.corpora if (t := run.one_file(c, tool))]
        if told:
            add(tool, "one file, p50 ms, worst corpus", max(t["p50_ms"] for t in told), target.one_file)
            add(tool, "one file, p95 / p50, worst corpus", max(t["p95_ms"] / t["p50_ms"] for t in told), 3)
            cpu = [(t["cpu_p50_ms"], t["cpu_p95_ms"]) for t in told]
            add(tool, "one file, p50 ms of CPU, worst corpus", max(half for half, _ in cpu), target.one_file)
            spread = max(most / half for half, most in cpu)
            add(tool, "one file, p95 / p50 of CPU, worst corpus", spread, 3)
            cold = max(t["open_ms"] + t["first_ms"] for t in told)
            add(tool, "open and first file, ms, worst corpus", cold, target.cold_open)
    if not rows:
        return ""
    return "## Targets\n\n" + table(["tool", "what", "measured", "target", "held"], rows) + "\n"


def sources(run: Run) -> str:
    """What the corpora are and which tools these were."""
    rows = []
    for name in run.corpora:
        made = run.corpora_made[name]
        origin = ", ".join(f"{package} {version}" for package, version in made["sources"].items())
        counts = [f"{made[key]:,}" for key in ("files", "links", "distinct", "bytes")]
        rows.append([f"{name}: {origin}", *counts, f"`{made['tree'][:16]}`"])
    text = "\n## Corpora\n\n" + table(["made from", "files", "links", "distinct", "bytes", "tree hash"], rows)
    text += "\n## Tools\n\n"
    for name in run.tools:
        tool = run.about["tools"].get(name)
        if tool:
            text += f"- **{name}** ({tool['version']}): `{tool['compress']}`; `{tool['extract']}`\n"
    return text


def write(folder: Path) -> None:
    """Write `README.md` into the run's folder."""
    run = Run(folder)
    machine = run.about["machine"]
    text = f"# Run of {run.about['date']}\n\n"
    turns = 1 + max(int(row["repeat"]) for row in run.rows)
    text += (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}, commit {machine['commit']}. Made by `{run.about['command']}`.\n\n"
        f"Turns of each tool: {turns}, interleaved; figures are medians. Every archive was unpacked again in "
        "this run and compared with the tree byte for byte, ours with modes and times too. All rows are in "
        "`raw.csv`.\n\n"
    )
    text += verdicts(run) + sizes(run) + times(run) + single_files(run) + sources(run)
    (folder / "README.md").write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
