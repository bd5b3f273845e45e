"""JSON lines: every document as docs/json.md describes it."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress.database import DatabaseFigures, JobRecord, JobState
from ucompress.patterns import PatternEntry
from ucompress.progress import (
    CompressionStatistics,
    Notice,
    PipelinePhase,
    ProgressReporter,
    ProgressSnapshot,
    ProgressUpdate,
    SavedBytes,
    Severity,
    error_document,
    notice_document,
    path_fields,
    phase_document,
    progress_document,
    summary_document,
)
from ucompress.render import JsonLines, JsonRenderer
from ucompress.render.documents import (
    analyzed_document,
    damage_document,
    database_document,
    dictionary_document,
    dropped_document,
    extracted_document,
    info_document,
    member_document,
    pattern_document,
    repaired_document,
    status_document,
    verify_document,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
SNAPSHOT = ProgressSnapshot(
    ProgressUpdate(
        PipelinePhase.COMPRESSING,
        Path("a/b"),
        1,
        4,
        7,
        100,
        timedelta(seconds=1.25),
        total_bytes=300,
        memory_bytes=9,
    ),
    bytes_per_second=12.5,
    elapsed=3.14159,
    phase_seconds={PipelinePhase.SCANNING_FILES: 1.0},
)

FIGURES = DatabaseFigures(
    schema_version=5,
    disk_bytes=9000,
    free_bytes=0,
    patterns=2,
    pattern_bytes=40,
    sources=1,
    counts=2,
    files=3,
    file_bytes=300,
    results=1,
    result_bytes=1000,
    running=0,
    interrupted=1,
    done=2,
)

DOCUMENTS: list[dict[str, Any]] = [
    progress_document(SNAPSHOT),
    phase_document(SNAPSHOT),
    notice_document(Notice("careful", b"x", Severity.WARNING)),
    error_document("failed", path=b"x", kind="InputError", exit_code=1),
    summary_document(CompressionStatistics(saved=SavedBytes(1, 2, 3, 4))),
    member_document(
        b"a", kind="symlink", size=0, mode=0o777, mtime_ns=5, target=b"b", digest=b"\xab", blocks=1
    ),
    info_document(
        b"a.ucz",
        format_version="1.0",
        level=6,
        members=5,
        files=3,
        original_bytes=200,
        archive_bytes=50,
        dictionary_bytes=0,
        blocks=1,
        saved_bytes={"files": 1, "segments": 2, "coding": 147},
        extra={"unique_bytes": 197},
    ),
    pattern_document(PatternEntry(b"pattern", 3, 2, NOW, NOW, 9)),
    damage_document(b"a", "block 3 does not decode", block=3),
    verify_document(
        b"a.ucz",
        members=5,
        blocks=1,
        checked_bytes=200,
        damaged=0,
        problems=0,
        first_block=0,
        next_block=1,
        total_blocks=1,
    ),
    dropped_document("setuid", b"a", count=2, message="2 members had them"),
    extracted_document(
        b"out", files=3, folders=1, links=2, content_bytes=200, failed=0, nameless=0, loose_blocks=0
    ),
    repaired_document(
        b"b.ucz", archive_bytes=900, sectors=11, sector_bytes=64, mended=2, record_mended=False
    ),
    dictionary_document(b"d", size=99, samples=4, format="raw"),
    analyzed_document(b"p.db", patterns=12),
    database_document(b"p.db", FIGURES, 4096),
    status_document(
        JobRecord(1, b"\x01", {"level": 6}, JobState.RUNNING, 77, NOW, NOW), {"type": "progress"}
    ),
]


def documented() -> dict[str, dict[str, str]]:
    """Types and their fields, as the document's tables have them."""
    text = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    types: dict[str, dict[str, str]] = {}
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        name = section.partition("\n")[0].strip()
        types[name] = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, flags=re.M))
    return types


def fits(value: object, kind: str) -> bool:
    if value is None:
        return "null" in kind
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "path": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "object": (dict,),
        "array": (list,),
    }
    wanted = kinds[kind.split()[0]]
    return isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))


def test_every_documented_type_is_made_and_every_made_type_documented() -> None:
    assert sorted(document["type"] for document in DOCUMENTS) == sorted(documented())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document["type"]))
def test_fields_and_their_types_are_as_documented(document: dict[str, Any]) -> None:
    fields = documented()[document["type"]]
    assert set(document) - {"type"} == set(fields)
    for name, kind in fields.items():
        assert fits(document[name], kind), (name, document[name], kind)


def test_optional_values_may_be_missing() -> None:
    least = [
        progress_document(ProgressSnapshot(ProgressUpdate(PipelinePhase.INITIALIZING))),
        notice_document(Notice("a", None)),
        error_document("b"),
        member_document(b"a", kind="file", size=0, mode=0, mtime_ns=0, blocks=0),
        damage_document(b"a", "gone"),
        status_document(JobRecord(1, b"", {}, JobState.DONE, None, None, None), None),
        pattern_document(PatternEntry(b"\xff\x00", 3, 2, NOW, NOW)),
    ]
    for document in least:
        fields = documented()[document["type"]]
        assert all(fits(document[name], kind) for name, kind in fields.items()), document


def test_an_error_notice_is_an_error() -> None:
    document = notice_document(Notice("unreadable", b"x", Severity.ERROR))
    assert (document["type"], document["fatal"], document["exit_code"]) == ("error", False, None)


@given(st.binary(max_size=40))
def test_any_path_can_be_told_exactly(raw: bytes) -> None:
    fields = json.loads(json.dumps(path_fields(raw, "where")))
    if "where_b64" in fields:
        assert base64.b64decode(fields["where_b64"]) == raw
    else:
        assert fields["where"].encode("utf-8") == raw
    assert path_fields(None, "where") == {"where": None}


def test_paths_with_surrogates_are_the_same_as_their_bytes() -> None:
    raw = b"caf\xe9/x"
    assert path_fields(Path(os.fsdecode(raw))) == path_fields(raw)


def test_a_run_as_lines() -> None:
    stream = io.StringIO()
    with ProgressReporter(JsonRenderer(JsonLines(stream)), timedelta(0)) as reporter:
        for phase in PipelinePhase:
            reporter.update(ProgressUpdate(phase, Path("\udcff\n"), 1, 2))
        reporter.notice("two\nlines", b"a\xff")
        reporter.finish(CompressionStatistics(files=2))
    assert stream.getvalue().isascii()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["phase"] for line in lines if line["type"] == "phase"] == [p.value for p in PipelinePhase]
    assert lines[-1]["type"] == "summary"
    assert {line["type"] for line in lines} <= set(documented())


def test_quiet_leaves_notices_and_the_summary() -> None:
    stream = io.StringIO()
    reporter = ProgressReporter(JsonRenderer(JsonLines(stream), progress=False), timedelta(0))
    reporter.update(ProgressUpdate(PipelinePhase.COMPRESSING))
    reporter.notice("n")
    reporter.finish(CompressionStatistics())
    assert [json.loads(line)["type"] for line in stream.getvalue().splitlines()] == ["notice", "summary"]


def test_lines_of_many_threads_stay_whole() -> None:
    stream = io.StringIO()
    lines = JsonLines(stream)
    threads = [
        threading.Thread(
            target=lambda n=n: [lines.write({"type": "t", "n": n, "x": "y" * 50}) for _ in range(50)]
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(json.loads(line)["n"] for line in stream.getvalue().splitlines()) == sorted(
        [*range(8)] * 50
    )
