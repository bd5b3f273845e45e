"""What people see: numbers, paths, plain lines, the terminal."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ucompress.database import JobRecord, JobState
from ucompress.database.times import utc_now
from ucompress.progress import (
    CompressionStatistics,
    Notice,
    PipelinePhase,
    ProgressReporter,
    ProgressSnapshot,
    ProgressUpdate,
    SavedBytes,
    Severity,
)
from ucompress.render import JsonRenderer, PlainRenderer, choose_renderer
from ucompress.render.format import (
    counted,
    display_path,
    display_width,
    excerpt,
    format_bytes,
    format_count,
    format_percent,
    format_rate,
    format_seconds,
    shorten_path,
)
from ucompress.render.plain import counts, figures
from ucompress.render.rich_renderer import RichRenderer
from ucompress.render.status import status_lines

STATISTICS = CompressionStatistics(
    original_bytes=100_000_000,
    unique_bytes=60_000_000,
    archive_bytes=10_000_000,
    dictionary_bytes=1 << 20,
    dictionary_coded_bytes=123_456,
    index_bytes=9_999,
    patterns_found=1_234,
    files=2_000,
    duplicate_files=33,
    blocks=60,
    blocks_resumed=12,
    errors=1,
    phase_seconds={PipelinePhase.COMPRESSING: 75.0, PipelinePhase.SCANNING_FILES: 0.5},
    cpu_seconds=140.0,
    peak_rss_bytes=256 << 20,
    saved=SavedBytes(1_000_000, 39_000_000, 5_000_000, 45_000_000),
)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (10_234, "9.99 KiB"),
        (10_240, "10.0 KiB"),
        (102_400, "100 KiB"),
        (1_023_487, "999 KiB"),
        (1_023_488, "0.98 MiB"),
        (1 << 20, "1.00 MiB"),
        (5 << 40, "5.00 TiB"),
        (1 << 70, "1024 EiB"),
        (-2048, "-2.00 KiB"),
    ],
)
def test_bytes(count: int, text: str) -> None:
    assert format_bytes(count) == text


@given(st.integers(1 << 10, 1 << 68))
def test_bytes_keep_three_digits(count: int) -> None:
    number, unit = format_bytes(count).split()
    assert len(number.replace(".", "").lstrip("0")) in (2, 3)
    power = 1024 ** ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB").index(unit)
    assert float(number) * power == pytest.approx(count, rel=0.006)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.994, "0.99 s"),
        (0.996, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1:00"),
        (187, "3:07"),
        (3723, "1:02:03"),
        (-5, "0.00 s"),
        (timedelta(minutes=2), "2:00"),
    ],
)
def test_durations(seconds: float | timedelta, text: str) -> None:
    assert format_seconds(seconds) == text


def test_other_numbers() -> None:
    assert format_count(1234567) == "1,234,567"
    assert format_rate(2048.0) == "2.00 KiB/s"
    assert [format_percent(part) for part in (0, 0.4321, 0.99999, 1)] == [
        "0.0 %",
        "43.2 %",
        "99.9 %",
        "100.0 %",
    ]


def test_paths_cannot_disturb_a_terminal() -> None:
    assert display_path(b"a\x1b[31m\n\xff/\xc3\xa4") == "a\\x1b[31m\\x0a\\xff/ä"
    assert display_path("right\u202eleft") == "right\\u202eleft"
    assert display_path(Path(os.fsdecode(b"\xe9"))) == "\\xe9"


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (40, "project/src/deep/folder/name.c"),
        (29, "project/…/deep/folder/name.c"),
        (25, "project/…/folder/name.c"),
        (22, "project/…/name.c"),
        (16, "project/…/name.c"),
        (10, "…er/name.c"),
        (7, "…name.c"),
        (3, "….c"),
        (1, "…"),
        (0, ""),
    ],
)
def test_long_paths_lose_their_middle(width: int, text: str) -> None:
    assert shorten_path("project/src/deep/folder/name.c", width) == text


@given(st.text(max_size=60), st.integers(0, 50))
def test_shortened_paths_fit(text: str, width: int) -> None:
    shown = shorten_path(text.encode("utf-8", "surrogatepass"), width)
    assert display_width(shown) <= width
    assert shown.isprintable()


@given(st.binary(max_size=80), st.integers(20, 60))
def test_patterns_stand_on_one_line_and_are_cut_at_an_edge_only(pattern: bytes, width: int) -> None:
    cut = excerpt(pattern, width)
    assert cut.isprintable()
    assert display_width(cut) <= width
    whole = excerpt(pattern, None)
    assert whole.isprintable()
    assert whole.startswith('"')
    assert whole.endswith('"')
    assert cut == whole or whole.startswith(cut[:-1])


def test_patterns_are_spelled_as_in_python() -> None:
    assert excerpt(b'a\t"\\\n\xff\x00 ' + "é".encode(), None) == r'"a\t\"\\\n\xff\x00 é"'


@pytest.mark.parametrize(("count", "text"), [(0, "0 files"), (1, "1 file"), (1234, "1,234 files")])
def test_one_is_not_many(count: int, text: str) -> None:
    assert counted(count, "file") == text


def test_wide_characters_take_two_columns() -> None:
    assert display_width("漢字é") == 5
    assert shorten_path("漢字漢字漢字", 6) == "…漢字"


def moment(
    phase: PipelinePhase, elapsed: float, path: Path = Path("some/file"), **fields: int
) -> ProgressSnapshot:
    update = ProgressUpdate(phase, path, **fields)  # type: ignore[arg-type]
    return ProgressSnapshot(update, 2048.0, elapsed, {phase: elapsed})


def test_plain_lines_are_paced() -> None:
    stream = io.StringIO()
    renderer = PlainRenderer(stream)
    renderer.start()
    renderer.phase(moment(PipelinePhase.SCANNING_FILES, 0.0))
    renderer.phase(moment(PipelinePhase.COMPRESSING, 3.0))
    for step in range(400):
        renderer.draw(
            moment(PipelinePhase.COMPRESSING, 3.0 + step * 0.1, files_processed=step, total_files=400)
        )
    renderer.phase(moment(PipelinePhase.COMPLETED, 43.0))
    renderer.abort()
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["Scanning files", "Compressing"]
    assert len(lines) == 2 + 3
    assert lines[2] == "Compressing: 25.0 %, 100 of 400 files, 2.00 KiB/s, at some/file"


def test_plain_lines_name_the_current_file() -> None:
    stream = io.StringIO()
    renderer = PlainRenderer(stream)
    path = Path("a") / ("b" * 80) / "c\nd"
    renderer.draw(moment(PipelinePhase.COMPRESSING, 20.0, path))
    (line,) = stream.getvalue().splitlines()
    assert line.startswith("Compressing: ")
    assert line.endswith("c\\x0ad")
    assert len(line.partition(" at ")[2]) <= 60


def test_plain_notices_are_one_line_each() -> None:
    stream = io.StringIO()
    renderer = PlainRenderer(stream)
    renderer.message(Notice("cannot be read:\nPermission denied", b"a\nb\xff", Severity.ERROR))
    renderer.message(Notice("12 sockets were left out"))
    assert stream.getvalue().splitlines() == [
        "error: a\\x0ab\\xff: cannot be read:\\x0aPermission denied",
        "12 sockets were left out",
    ]


def test_plain_lines_survive_a_narrow_encoding() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    PlainRenderer(stream).message(Notice("ok", "ä/漢".encode()))
    assert raw.getvalue().split() == [b"\\xe4/\\u6f22:", b"ok"]


def test_the_plain_summary_tells_phases_and_scales() -> None:
    stream = io.StringIO()
    PlainRenderer(stream).finish(STATISTICS)
    text = stream.getvalue()
    for part in (
        "2,000  33 with the content of another",
        "10.0 % of the original",
        "121 KiB in the archive",
        "12 from the interrupted run",
        "whole files",
        "segments",
        "patterns (dictionary)",
        "context (codec)",
        "39.0 %",
        "Scanning files",
        "1:15",
        "2:20 of processor time",
        "1  input left out; the rest is packed",
    ):
        assert part in text, part
    assert text.index("Scanning files") < text.index("Compressing")


def test_an_archive_larger_than_its_input_has_no_percentages() -> None:
    """The least that an archive takes is many times a file of some bytes."""
    stream = io.StringIO()
    few = replace(STATISTICS, original_bytes=6, unique_bytes=6, archive_bytes=573)
    PlainRenderer(stream).finish(few)
    assert "573 B  larger than the original" in stream.getvalue()
    assert "%" not in stream.getvalue()


def test_an_s_stands_behind_several_only() -> None:
    snapshot = moment(
        PipelinePhase.ANALYZING_PATTERNS, 1.0, files_processed=1, total_files=1, patterns_found=1
    )
    update = snapshot.update
    assert counts(update) == ["1 of 1 file"]
    assert counts(replace(update, total_files=0)) == ["1 file"]
    assert "1 pattern" in figures(snapshot)
    stream = io.StringIO()
    PlainRenderer(stream).finish(replace(STATISTICS, errors=2))
    assert "2  inputs left out; the rest is packed" in stream.getvalue()


def test_an_empty_run_has_a_summary_too() -> None:
    stream = io.StringIO()
    PlainRenderer(stream).finish(CompressionStatistics())
    assert "nothing to gain" in stream.getvalue()
    assert "nan" not in stream.getvalue()


def terminal(width: int = 80, encoding: str = "utf-8") -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    return Console(file=stream, force_terminal=True, width=width, height=24, color_system=None), raw


@pytest.mark.parametrize(("width", "encoding"), [(80, "utf-8"), (40, "utf-8"), (20, "utf-8"), (100, "ascii")])
def test_the_terminal_shows_everything_and_is_given_back(width: int, encoding: str) -> None:
    console, raw = terminal(width, encoding)
    reporter = ProgressReporter(RichRenderer(console), timedelta(0))
    reporter.start_display_thread()
    reporter.update(ProgressUpdate(PipelinePhase.SCANNING_FILES))
    reporter.update(
        ProgressUpdate(
            PipelinePhase.COMPRESSING,
            Path("a/" + "long/" * 30 + "name\x1b.c"),
            7,
            2842,
            99,
            1 << 20,
            timedelta(seconds=12),
            total_bytes=4 << 20,
            memory_bytes=300 << 20,
        )
    )
    reporter.notice("[red]no markup[/red]", b"x", Severity.WARNING)
    reporter.pump()
    reporter.update(ProgressUpdate(PipelinePhase.COMPLETED))
    reporter.finish(STATISTICS)
    assert reporter.renderer_error is None
    text = raw.getvalue().decode(encoding)
    assert "name\x1b" not in text
    # Hidden once, shown once: the cursor is the user's again.
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert text.index("\x1b[?25h") < text.index("Result")
    if width >= 80:
        for part in (
            "Compressing",
            "25.0 %",
            "12 s left",
            "7 of 2,842 files",
            "99 patterns",
            "300 MiB memory",
        ):
            assert part in text, part
        assert "warning: x: [red]no markup[/red]" in text


def test_figures_that_do_not_fit_are_left_out_whole() -> None:
    for width in range(20, 100):
        console, raw = terminal(width)
        renderer = RichRenderer(console)
        renderer.start()
        renderer.draw(
            moment(
                PipelinePhase.COMPRESSING, 3.0, files_processed=227, total_files=300, memory_bytes=111 << 20
            )
        )
        renderer.abort()
        line = next(line for line in raw.getvalue().decode().splitlines() if "227 of 300 files" in line)
        assert "…" not in line
        assert ("memory" in line) == (width > len("227 of 300 files  2.00 KiB/s  0 patterns  111 MiB memory"))


def test_the_terminal_is_given_back_after_an_error() -> None:
    console, raw = terminal()
    with pytest.raises(KeyboardInterrupt), ProgressReporter(RichRenderer(console)) as reporter:
        reporter.update(ProgressUpdate(PipelinePhase.COMPRESSING))
        raise KeyboardInterrupt
    text = raw.getvalue().decode()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert "Result" not in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_renderer_follows_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(choose_renderer(stderr=Terminal()), RichRenderer)
    assert isinstance(choose_renderer(stderr=io.StringIO()), PlainRenderer)
    assert choose_renderer(quiet=True, stderr=Terminal()) is None
    assert isinstance(choose_renderer(json=True, quiet=True, stdout=io.StringIO()), JsonRenderer)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(choose_renderer(stderr=Terminal()), PlainRenderer)
    closed = io.StringIO()
    closed.close()
    assert isinstance(choose_renderer(stderr=closed), PlainRenderer)


def test_rich_is_imported_for_a_terminal_only() -> None:
    code = (
        "import sys, io, ucompress.render, ucompress.progress, ucompress.database, ucompress.render.status;"
        "ucompress.render.choose_renderer(stderr=io.StringIO()); print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_status_lines() -> None:
    record = JobRecord(
        3,
        b"k",
        {"inputs": ["/a", "/b\x1b"], "output": "/o.ucz", "level": 6, "other": 1},
        JobState.RUNNING,
        4711,
        utc_now(),
        utc_now(),
    )
    progress = {
        "phase": "compressing",
        "fraction": 0.5,
        "files_processed": 7,
        "total_files": 14,
        "bytes_processed": 2048,
        "total_bytes": None,
        "bytes_per_second": 1024,
        "patterns_found": 1234,
        "memory_bytes": 1 << 20,
        "elapsed": 61.0,
        "estimated_remaining": 59.9,
        "current_file": "x\x1by",
    }
    lines = [line for line in status_lines(record, progress) if "sign of life" not in line]
    assert [" ".join(line.split()) for line in lines] == [
        "Job running, process 4711",
        "Inputs /a /b\\x1b",
        "Output /o.ucz",
        "Level 6",
        "Phase Compressing",
        "Done 50.0 %",
        "Files 7 of 14",
        "Bytes 2.00 KiB",
        "Patterns 1,234",
        "Elapsed 1:01",
        "Rate 1.00 KiB/s",
        "Memory 1.00 MiB",
        "Left 1:00",
        "Current file x\\x1by",
    ]


def test_status_lines_know_no_rate_of_nothing() -> None:
    record = JobRecord(1, b"", {}, JobState.RUNNING, 7, None, None)
    lines = status_lines(record, {"bytes_per_second": 0, "patterns_found": 0})
    assert [line.split()[0] for line in lines] == ["Job", "Patterns"]


def test_status_lines_of_a_job_that_stopped_tell_no_rates() -> None:
    progress = {"files_processed": 7, "bytes_per_second": 1, "memory_bytes": 1, "estimated_remaining": 1}
    record = JobRecord(1, b"", {}, JobState.INTERRUPTED, None, None, utc_now())
    lines = status_lines(record, {**progress, "current_file": "x"})
    assert [line.split()[0] for line in lines] == ["Job", "Stopped", "Files"]


@given(
    st.dictionaries(
        st.sampled_from(["phase", "fraction", "files_processed", "elapsed", "current_file"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    )
)
def test_status_lines_of_a_strange_progress_row(progress: dict[str, object]) -> None:
    record = JobRecord(1, b"", {}, JobState.INTERRUPTED, None, None, None)
    assert status_lines(record, progress)[0].split() == ["Job", "interrupted"]
