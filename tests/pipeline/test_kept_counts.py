"""Counts that an interrupted run has taken are not taken again."""

import signal
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest

from support import fill_codebase
from tests.pipeline.runs import configuration, pack
from ucompress.database import PatternDatabase
from ucompress.patterns import TALLY_DTYPE
from ucompress.pipeline.analysis import mining
from ucompress.pipeline.analysis.kept_counts import COUNTS, KeptCounts
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.running.savepoint import Savepoint

CHUNK = 8
KILLED_AFTER = 3
KILLED = """
import os, signal, sys
from tests.pipeline.runs import pack
from ucompress.pipeline.analysis.kept_counts import KeptCounts

note, saved = KeptCounts.note, []

def killed(kept, done, counts):
    note(kept, done, counts)
    saved.append(done)
    if len(saved) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

KeptCounts.note = killed
pack(sys.argv[1], sys.argv[2], database=sys.argv[3], checkpoint=1e-6, chunk_size=int(sys.argv[5]))
"""


def counted_contents(monkeypatch):
    """A list that receives the contents of each chunk that is counted from now on."""
    numbers = []
    count = mining._count

    def noted(chunk, **options):
        contents = list(chunk)
        numbers.extend(content.file.document for content in contents)
        return count(iter(contents), **options)

    monkeypatch.setattr(mining, "_count", noted)
    return numbers


def top(database):
    with PatternDatabase(database) as opened:
        return [(e.pattern, e.frequency, e.file_count, e.saved_bytes) for e in opened.top_patterns()]


def test_a_kill_while_patterns_are_counted_repeats_nothing_that_was_saved(tmp_path, monkeypatch):
    tree, output, database = tmp_path / "tree", tmp_path / "a.ucz", tmp_path / "p.db"
    fill_codebase(tree, 120, 3000)
    reference = pack(tree, output, database=tmp_path / "r.db")[1]
    output.unlink()
    arguments = [tree, output, database, str(KILLED_AFTER), str(CHUNK)]
    child = subprocess.run([sys.executable, "-c", KILLED, *map(str, arguments)], timeout=60, check=False)
    assert child.returncode == -signal.SIGKILL
    counted = counted_contents(monkeypatch)
    config = configuration(tree, output, database=database, chunk_size=CHUNK)
    PipelineOrchestrator(config).resume_from_checkpoint()
    assert output.read_bytes() == reference
    assert top(database) == top(tmp_path / "r.db") != []
    assert min(counted) == KILLED_AFTER * CHUNK
    with PatternDatabase(database) as opened:
        assert not opened._connection.query("SELECT 1 FROM artifacts WHERE name = 'counts'")


@pytest.fixture
def cache():
    with PatternDatabase(":memory:") as database:
        yield database.cache


def counts_of(*frequencies):
    counts = np.zeros(len(frequencies), dtype=TALLY_DTYPE)
    counts["frequency"] = frequencies
    return counts


def test_counts_are_saved_when_they_are_due(cache):
    now = [0.0]
    kept = KeptCounts(Savepoint(cache, b"corpus", COUNTS, timedelta(seconds=30), lambda: now[0]))
    assert kept.begin([b"one", b"two"], 9)[0] == 0
    for now[0], done in ((29.0, 1), (30.0, 2), (59.0, 3)):
        kept.note(done, counts_of(done, 7))
    done, counts = KeptCounts(Savepoint(cache, b"corpus", COUNTS, timedelta(seconds=30))).begin(
        [b"one", b"two"], 9
    )
    assert (done, counts.tolist()) == (2, counts_of(2, 7).tolist())
    counts["frequency"] += 1


def test_counts_of_other_patterns_or_more_contents_are_none(cache):
    kept = KeptCounts(Savepoint(cache, b"corpus", COUNTS, timedelta(0)))
    kept.begin([b"one", b"two"], 9)
    kept.note(4, counts_of(3, 3))
    for patterns, contents in (([b"onet", b"wo"], 9), ([b"one"], 9), ([b"one", b"two"], 3)):
        assert kept.begin(patterns, contents)[0] == 0
    assert kept.begin([b"one", b"two"], 4)[0] == 4
    kept.forget()
    assert kept.begin([b"one", b"two"], 4)[0] == 0
