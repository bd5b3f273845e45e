"""Live progress on a terminal. The only module that imports rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ucompress.progress import PipelinePhase, Severity
from ucompress.render.format import (
    ELLIPSIS,
    counted,
    format_bytes,
    format_percent,
    format_rate,
    format_seconds,
    shorten_path,
)
from ucompress.render.plain import counts, notice_line
from ucompress.render.summary import Row, phase_rows, result_rows, saved_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from ucompress.progress import CompressionStatistics, Notice, ProgressSnapshot

STYLES = {Severity.NOTICE: "", Severity.WARNING: "yellow", Severity.ERROR: "red"}
LABEL_COLUMNS = 20
BAR_COLUMNS = 40


class RichRenderer:
    """Three lines that change in place: phase with bar, numbers, current file; at the end a summary.

    Args:
        console: where to draw; None takes stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live: Live | None = None
        self._running: PipelinePhase | None = None

    def start(self) -> None:
        """Take the terminal's last lines."""
        # Refreshed only by `draw`: rich's own thread would draw beside the reporter's interval.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def phase(self, snapshot: ProgressSnapshot) -> None:
        """Leave a line for the phase that ended, and begin the next."""
        self._close_phase(snapshot)
        if snapshot.update.phase is PipelinePhase.COMPLETED:
            self._running = None
        else:
            self._running = snapshot.update.phase
            self.draw(snapshot)

    def draw(self, snapshot: ProgressSnapshot) -> None:
        """Redraw the lines that change."""
        if self._live is not None:
            self._live.update(self._view(snapshot), refresh=True)

    def message(self, notice: Notice) -> None:
        """Leave a line above those that change."""
        self._console.print(Text(notice_line(notice), style=STYLES[notice.severity]))

    def finish(self, statistics: CompressionStatistics) -> None:
        """Give the terminal back and show the summary."""
        self.abort()
        for title, rows in (
            ("Result", result_rows(statistics)),
            ("Saved by", saved_rows(statistics)),
            ("Time", phase_rows(statistics)),
        ):
            self._console.print(_table(title, rows))

    def abort(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    @property
    def _ellipsis(self) -> str:
        return "..." if self._console.options.ascii_only else ELLIPSIS

    def _close_phase(self, snapshot: ProgressSnapshot) -> None:
        if self._running is None:
            return
        phase = self._running
        seconds = snapshot.phase_seconds.get(phase, 0.0)
        mark = "*" if self._console.options.ascii_only else "✓"
        line = Text.assemble((f"{mark} ", "green"), f"{phase.label:<{LABEL_COLUMNS}}")
        line.append(f" {format_seconds(seconds)}", style="dim")
        self._console.print(line)

    def _view(self, snapshot: ProgressSnapshot) -> RenderableType:
        update = snapshot.update
        lines: list[RenderableType] = [self._bar(snapshot), _line(self._fitting(_figures(snapshot)))]
        if update.current_file is not None:
            room = self._console.width - 1
            lines.append(_line(shorten_path(update.current_file, room, self._ellipsis), "dim"))
        return Group(*lines)

    def _fitting(self, parts: list[str]) -> str:
        """As many parts as a line has room for; the first in any case."""
        line = parts[0]
        for part in parts[1:]:
            if len(line) + 2 + len(part) >= self._console.width:
                break
            line += f"  {part}"
        return line

    def _bar(self, snapshot: ProgressSnapshot) -> RenderableType:
        update = snapshot.update
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=LABEL_COLUMNS, no_wrap=True)
        grid.add_column(max_width=BAR_COLUMNS)
        grid.add_column(no_wrap=True)
        known = update.fraction
        width = max(8, min(BAR_COLUMNS, self._console.width - LABEL_COLUMNS - 24))
        bar = ProgressBar(
            total=None if known is None else 1.0,
            completed=known or 0.0,
            width=width,
            pulse=known is None,
            animation_time=snapshot.elapsed,
        )
        words = [] if known is None else [format_percent(known)]
        if update.estimated_remaining is not None:
            words.append(f"{format_seconds(update.estimated_remaining)} left")
        grid.add_row(Text(update.phase.label, style="bold"), bar, Text("  ".join(words)))
        return grid


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _figures(snapshot: ProgressSnapshot) -> list[str]:
    update = snapshot.update
    parts = counts(update)
    if snapshot.bytes_per_second > 0:
        parts.append(format_rate(snapshot.bytes_per_second))
    parts.append(counted(update.patterns_found, "pattern"))
    if update.memory_bytes:
        parts.append(f"{format_bytes(update.memory_bytes)} memory")
    return parts


def _table(title: str, rows: Iterable[Row]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None)
    table.add_column(min_width=24)
    table.add_column(justify="right", min_width=10)
    table.add_column(style="dim")
    for row in rows:
        table.add_row(Text(row.label), Text(row.value), Text(row.remark))
    return table
