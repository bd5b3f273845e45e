"""Which workers are refused, and what is done where a worker sees other files than this machine."""

from __future__ import annotations

import sys

import pytest

from cluster.programs import started
from pipeline.runs import pack, run
from ucompress.errors import ClusterError, UsageError
from ucompress.pipeline.cluster import admission, executor, remote
from ucompress.pipeline.cluster.admission import Sight, Ticket, refusal
from ucompress.pipeline.cluster.executor import DaskExecutor
from ucompress.pipeline.jobs.job import worker_versions

OTHER_VERSION = "import ucompress\nucompress.__version__ = '9.9'\n"

BLIND = """
import os

def lstat(path, *, real=os.lstat, **options):
    if os.fsencode(path) == {path!r}:
        raise FileNotFoundError(2, "No such file or directory")
    return real(path, **options)

os.lstat = lstat
"""

STALE = """
from ucompress import files
from ucompress.pipeline.reading import spans

def read_spans(wanted):
    return [data[::-1] if b"module0000" in path and isinstance(data, bytes) else data
            for data, (path, _, _) in zip(files.read_spans(wanted), wanted)]

spans.read_spans = read_spans
spans.read_and_look = lambda wanted: (read_spans(wanted), files.read_and_look(wanted)[1])
{more}
"""

OLD = """
import os
from ucompress.scan import again

again.look_at_files = lambda paths: bytes(40 * len(paths))
again.look_at = lambda path: os.stat("/")
"""


def test_a_worker_of_another_version_is_refused_by_name(tree, tmp_path):
    with started(tmp_path / "cluster") as cluster:
        cluster.add_worker(preload=OTHER_VERSION)
        cluster.add_worker()
        cluster.await_workers(2)
        done = run("compress", tree, "-o", tmp_path / "a.ucz", "--dask", cluster.address, cwd=tmp_path)
    assert done.returncode == 18
    assert done.stderr.count("worker tcp://127.0.0.1:") == 1
    assert "has ucompress 9.9 (" in done.stderr and "no archive was written" in done.stderr
    assert not (tmp_path / "a.ucz").exists()


def test_a_worker_that_does_not_see_the_tree_is_refused_by_name(tree, tmp_path):
    with started(tmp_path / "cluster") as cluster:
        cluster.add_worker(preload=BLIND.format(path=bytes(tree)))
        cluster.await_workers(1)
        error = pytest.raises(ClusterError, match=f"worker tcp://.* does not see {tree} \\(No such")
        with DaskExecutor(cluster.address) as executor, error:
            pack(tree, tmp_path / "a.ucz", level=3, executor=executor)


@pytest.mark.parametrize("more", ["", OLD], ids=["same time", "older"])
def test_what_workers_read_otherwise_is_read_here(tree, tmp_path, more):
    expected = pack(tree, tmp_path / "a.ucz", level=3)[1]
    with started(tmp_path / "cluster") as cluster:
        cluster.add_worker(preload=STALE.format(more=more))
        cluster.await_workers(1)
        with DaskExecutor(cluster.address) as executor:
            result, found = pack(tree, tmp_path / "b.ucz", level=3, executor=executor)
    assert found == expected
    assert result.unreadable == ()
    assert any("done again on this machine" in warning for warning in result.warnings)


def ticket(tmp_path, **changes):
    values = {"run": str(tmp_path), "level": 3, "versions": worker_versions(3), "inputs": ()}
    return Ticket(**{**values, **changes})


def test_a_worker_asks_itself_once_for_a_run(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    demanded = ticket(tmp_path, inputs=(Sight.of(bytes(folder)),))
    assert refusal(demanded) == ""
    (folder / "file").rename(tmp_path / "file")
    assert refusal(demanded) == ""
    assert "mounted" in refusal(ticket(tmp_path, run="another", inputs=demanded.inputs))
    folder.rmdir()
    folder.touch()
    assert "something else" in refusal(ticket(tmp_path, run="a third", inputs=demanded.inputs))


def test_another_library_is_another_version_only_where_it_decides_bytes(tmp_path, monkeypatch):
    theirs = {
        level: ticket(tmp_path, run=f"{level}", level=level, versions=worker_versions(level))
        for level in (3, 6)
    }
    monkeypatch.setattr("ucompress.pipeline.jobs.job.LIBRARY_VERSION", "1.0.0")
    assert "libzstd 1.0.0" in refusal(theirs[3])
    assert refusal(theirs[6]) == ""


def test_a_worker_that_joined_later_is_refused_at_its_first_task(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "_address", lambda: "tcp://late:1")
    theirs = ticket(tmp_path, versions="ucompress 9.9")
    with pytest.raises(ClusterError, match=r"worker tcp://late:1 has .*, but here is ucompress 9\.9"):
        remote.work(1, theirs, max, None, None, 2)
    assert remote.work(1, ticket(tmp_path, run="fits"), max, None, None, 2) == 2
    with pytest.raises(OSError):
        remote.work(1, ticket(tmp_path, run="fits"), max, lambda item: item != 2, None, 2)


def test_many_refusals_are_counted():
    answers = {f"tcp://worker{number}": "is odd" for number in range(5)} | {"tcp://good": ""}
    with pytest.raises(ClusterError, match=r"worker tcp://worker0 is odd; .*; and 2 more; no archive"):
        admission.insist_on_all(answers)
    with pytest.raises(ClusterError, match="has no ucompress of this version"):
        admission.insist_on_all({"tcp://bare": ModuleNotFoundError("No module named 'ucompress'")})


def test_no_scheduler_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setattr(executor, "CONNECT_SECONDS", 0.5)
    with pytest.raises(
        ClusterError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9 .*without --dask"
    ):
        DaskExecutor("tcp://127.0.0.1:9")


def test_without_dask_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'dask>=.*' 'distributed>="):
        DaskExecutor("tcp://127.0.0.1:9")
