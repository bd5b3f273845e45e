"""Standard input and output of `compress`: no such run can be continued, and nobody says it could."""

import io
import json
import os
import random
import signal
import sys

import pytest

from ucompress.database import PatternDatabase
from ucompress.pipeline.writing.assembly import Assembly

WAYS = {"from a pipe": ["-", "-o", "a.ucz"], "to a pipe": ["tree", "-o", "-"], "through": ["-"]}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with something to pack; the user's last job is kept in it, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "noise").write_bytes(random.Random(1).randbytes(50_000))
    return tmp_path


@pytest.fixture
def piped(monkeypatch):
    """Give standard input these bytes."""
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def stop_while_coding(monkeypatch):
    """SIGTERM comes once the partial archive is there."""
    original = Assembly.write_blocks

    def stopped(assembly, *arguments):
        assembly.context.guard.request(signal.SIGTERM)
        return original(assembly, *arguments)

    monkeypatch.setattr(Assembly, "write_blocks", stopped)


@pytest.mark.parametrize("way", WAYS)
def test_an_interrupted_run_through_a_pipe_leaves_nothing_and_says_so(
    here, piped, ucompress, monkeypatch, way
):
    piped(b"piped\n" * 1000)
    stop_while_coding(monkeypatch)
    done = ucompress("compress", *WAYS[way], "--database", "p.db")
    assert (done.code, done.out) == (143, b"")
    assert "nothing of the archive was kept, for what goes through a pipe cannot be continued" in done.err
    assert "resume" not in done.err
    assert sorted(os.listdir(here)) == ["p.db", "state", "tree"]
    assert not (here / "state" / "last-job.json").exists()
    assert ucompress("status").code == ucompress("resume").code == 14
    assert ucompress("status", "--database", "p.db").code == 14


def test_a_killed_run_through_a_pipe_is_not_offered_to_be_continued(here, piped, ucompress, monkeypatch):
    def killed(*_):
        raise SystemExit(9)

    piped(b"piped\n" * 1000)
    monkeypatch.setattr(Assembly, "write_blocks", killed)
    monkeypatch.setattr("ucompress.pipeline.jobs.stopping.save_what_is_done", lambda *_: None)
    assert ucompress("compress", *WAYS["from a pipe"], "--database", "p.db").code == 9
    with PatternDatabase("p.db", read_only=True) as database:
        assert database.jobs.latest().state.value == "interrupted"
    told = ucompress("status", "--database", "p.db")
    assert told.code == 0
    assert b"interrupted" in told.out and b"resume" not in told.out
    refused = ucompress("resume", "--database", "p.db")
    assert refused.code == 14
    assert "pipe" in refused.err


def test_an_interrupted_run_between_files_is_remembered(here, ucompress, monkeypatch):
    with monkeypatch.context() as patch:
        stop_while_coding(patch)
        done = ucompress("compress", "tree", "--database", "p.db")
    assert done.code == 143
    assert "Continue with: ucompress resume --database" in done.err
    assert b"Continue it with: ucompress resume" in ucompress("status").out
    assert ucompress("resume", "-q").code == 0
    assert (here / "tree.ucz").exists()


def test_standard_input_that_comes_again_counts_once(here, piped, ucompress):
    def counts():
        shown = ucompress("patterns", "--database", "p.db", "--json").out.splitlines()
        return [(row["pattern_b64"], row["frequency"], row["file_count"]) for row in map(json.loads, shown)]

    told = []
    for text in (b"first", b"first", b"second", b"first"):
        data = b"".join(b"%s sentence stands here, and here number %d\n" % (text, n) for n in range(400))
        piped(data)
        assert ucompress("compress", "-", "-o", "a.ucz", "--database", "p.db", "-q").code == 0
        told.append(counts())
    assert told[0]
    assert told[0] == told[1]
    assert told[2] != told[1]
    assert told[2] == told[3]
