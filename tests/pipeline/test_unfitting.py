"""What cannot be packed as it is costs only itself: the job is done, the rest is packed, the result is 3."""

from __future__ import annotations

import os
import signal
import sys
from unittest.mock import Mock

import pytest

from support import fill_codebase
from tests.pipeline.runs import configuration, pack
from tests.scan.test_fitting import deep_folder
from ucompress import Archive
from ucompress.errors import InterruptedJobError, ParallelProcessingError
from ucompress.pipeline import orchestrator
from ucompress.pipeline.analysis import finding
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.scan import ScanNote, walk
from ucompress.scan.opening import read_xattrs


@pytest.fixture
def tree(tmp_path):
    fill_codebase(tmp_path / "tree", 5, 500)
    return tmp_path / "tree"


@pytest.mark.skipif(sys.platform != "linux", reason="walks by descriptor, as Linux allows")
def test_a_path_that_is_too_long(tree, tmp_path):
    expected = pack(tree, tmp_path / "a.ucz")[0].statistics.files
    os.close(deep_folder(tree, "d" * 250, 300))
    result, _ = pack(tree, tmp_path / "b.ucz")
    assert (result.exit_code, result.statistics.files) == (3, expected)
    ((path, why),) = result.unreadable
    assert path.startswith(os.fsencode(tree) + b"/ddd")
    assert "its path has" in why
    with Archive(tmp_path / "b.ucz") as archive:
        assert archive.verify().ok


def test_too_many_attributes(tree, tmp_path, monkeypatch):
    (tree / "noted").write_bytes(b"content")
    many = tuple((b"user.%04d" % number, b"") for number in range(4200))

    def read(source):
        return (many, [], None) if source.endswith(b"/noted") else read_xattrs(source)

    monkeypatch.setattr(walk, "_HAS_XATTRS", True)
    monkeypatch.setattr(walk, "read_xattrs", read)
    monkeypatch.setattr(walk, "take_plain", lambda *_: None)
    result, _ = pack(tree, tmp_path / "a.ucz")
    assert result.exit_code == 3
    ((path, why),) = result.unreadable
    assert path == os.fsencode(tree / "noted")
    assert why.startswith("packed, but without its attributes: there are 4,200 ")
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/noted") == b"content"
        assert archive.info("tree/noted").xattrs == ()


def test_a_file_without_its_attributes_that_vanishes_is_told_twice(tree, tmp_path, monkeypatch):
    (tree / "noted").write_bytes(b"content")
    scan = orchestrator.scan

    def scanned(*arguments, **options):
        manifest = scan(*arguments, **options)
        manifest.errors.append(ScanNote(b"tree/noted", "packed, but without its attributes", packed=True))
        (tree / "noted").unlink()
        return manifest

    monkeypatch.setattr(orchestrator, "scan", scanned)
    result, _ = pack(tree, tmp_path / "a.ucz")
    assert [path for path, _ in result.unreadable] == [os.fsencode(tree / "noted")] * 2
    assert "No such file" in result.unreadable[1][1]


def test_an_input_without_its_attributes_replaces_its_archive(tmp_path, monkeypatch):
    (tmp_path / "noted").write_bytes(b"content")
    pack(tmp_path / "noted", tmp_path / "a.ucz")
    (tmp_path / "noted").write_bytes(b"another")
    monkeypatch.setattr(walk, "_HAS_XATTRS", True)
    monkeypatch.setattr(walk, "read_xattrs", lambda _: (((b"user.large", bytes(2 << 20)),), [], None))
    result, _ = pack(tmp_path / "noted", tmp_path / "a.ucz")
    assert result.exit_code == 3
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("noted") == b"another"


@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo"), reason="no such file system")
@pytest.mark.parametrize("level", [3, 6])
def test_files_that_are_made_up_as_they_are_read(tmp_path, level):
    job = PipelineOrchestrator(configuration("/proc/cpuinfo", tmp_path / "a.ucz", level=level))
    result = job.run()
    assert result.exit_code == 3
    assert result.unreadable == ((b"/proc/cpuinfo", "left out: its size is told as 0, and yet it has bytes"),)
    with Archive(tmp_path / "a.ucz") as archive:
        assert list(archive) == []


def test_an_old_archive_of_which_another_name_is_packed_is_kept_by_it(tree, tmp_path):
    _, old = pack(tree, tmp_path / "a.ucz")
    os.link(tmp_path / "a.ucz", tree / "backup.ucz")
    result, new = pack(tree, tmp_path / "a.ucz")
    assert result.exit_code == 0
    assert (tree / "backup.ucz").read_bytes() == old != new
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/backup.ucz") == old


def test_another_name_of_the_database_is_left_out_and_told(tree, tmp_path):
    pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db")
    os.link(tmp_path / "p.db", tree / "backup.db")
    renderer = Mock()
    result, _ = pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", renderer=renderer)
    assert result.exit_code == 0
    notices = [call.args[0] for call in renderer.message.call_args_list]
    (told,) = (notice for notice in notices if "another name" in notice.message)
    assert told.path == os.fsencode(tree / "backup.db")
    assert str(tmp_path / "p.db") in told.message
    with Archive(tmp_path / "a.ucz") as archive:
        assert "tree/backup.db" not in archive


@pytest.mark.parametrize(
    ("kept", "options"),
    [
        ("nothing was kept, for there is no database to keep it in", {}),
        ("what was finished is kept: the same command goes on with it", {"database": "p.db"}),
        (
            "what was finished is kept: the same command, without --no-resume, goes on with it",
            {"database": "p.db", "resume": False},
        ),
    ],
)
def test_a_worker_that_fails_is_told_with_what_is_kept(tree, tmp_path, monkeypatch, kept, options):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finding, "classify_all", lambda *_: 1 // 0)
    with pytest.raises(ParallelProcessingError) as caught:
        pack(tree, tmp_path / "a.ucz", **options)
    assert str(caught.value).startswith("Parallel processing error: a worker failed (ZeroDivisionError: ")
    assert "kept" not in str(caught.value)
    assert caught.value.__notes__ == [kept]


@pytest.mark.parametrize(
    ("kept", "database"),
    [("nothing was kept, for there is no database", ":memory:"), ("what was analyzed is kept", "p.db")],
)
def test_an_analysis_that_is_interrupted_tells_what_is_kept(tree, tmp_path, monkeypatch, kept, database):
    monkeypatch.chdir(tmp_path)
    job = PipelineOrchestrator(configuration(tree, tmp_path / "a.ucz", database=database))

    def interrupt(*_):
        job.guard.request(signal.SIGTERM)
        job.guard.check()

    monkeypatch.setattr(PipelineOrchestrator, "_survey", interrupt)
    with pytest.raises(InterruptedJobError, match=kept) as caught:
        job.analyze()
    assert caught.value.signal_number == signal.SIGTERM
