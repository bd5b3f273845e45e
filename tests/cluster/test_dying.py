"""What becomes of a run whose workers or scheduler die in the middle."""

from __future__ import annotations

import os
import signal

import pytest

from cluster.programs import started
from pipeline.runs import pack
from ucompress.errors import ClusterError
from ucompress.pipeline.cluster.executor import DaskExecutor
from ucompress.pipeline.writing.assembly import Assembly

DEADLY = """
import os
from ucompress.pipeline.writing import coding
coding.read_runs = lambda *arguments: os._exit(9)
"""


@pytest.fixture(scope="module")
def expected(tree, tmp_path_factory):
    return pack(tree, tmp_path_factory.mktemp("local") / "a.ucz", level=4)[1]


def after_first_block(monkeypatch, action):
    """Do something once a block has been written."""
    original = Assembly._append

    def disturbed(self, writer, block):
        row = original(self, writer, block)
        if block.number == 0:
            action()
        return row

    monkeypatch.setattr(Assembly, "_append", disturbed)


def test_a_killed_worker_costs_a_retry(tree, expected, tmp_path, monkeypatch):
    with started(tmp_path / "cluster", workers=2) as cluster:
        after_first_block(monkeypatch, lambda: os.kill(cluster.workers[0].pid, signal.SIGKILL))
        with DaskExecutor(cluster.address) as executor:
            result, found = pack(tree, tmp_path / "a.ucz", level=4, executor=executor)
        assert cluster.workers[0].wait(10) == -signal.SIGKILL
    assert found == expected
    assert result.warnings == ()


def test_a_killed_scheduler_is_an_error_and_the_run_goes_on_here(tree, expected, tmp_path, monkeypatch):
    database, output = tmp_path / "patterns.db", tmp_path / "a.ucz"
    with (
        started(tmp_path / "cluster", workers=1) as cluster,
        monkeypatch.context() as patch,
        DaskExecutor(cluster.address) as executor,
    ):
        patch.setattr("ucompress.pipeline.writing.naming.SYNC_SECONDS", 0.0)
        after_first_block(patch, lambda: os.kill(cluster.scheduler.pid, signal.SIGKILL))
        with pytest.raises(ClusterError, match=r"scheduler at tcp://.* was lost.*run the same") as caught:
            pack(tree, output, level=4, executor=executor, database=database)
    assert caught.value.exit_code == 18
    assert not output.exists()
    result, found = pack(tree, output, level=4, database=database)
    assert found == expected
    assert result.statistics.blocks_resumed >= 1


def test_a_run_whose_workers_are_all_gone_gives_up(tree, tmp_path, monkeypatch):
    with started(tmp_path / "cluster", workers=1) as cluster:
        after_first_block(monkeypatch, lambda: os.kill(cluster.workers[0].pid, signal.SIGKILL))
        error = pytest.raises(ClusterError, match=r"no worker for 1 seconds.*dask worker")
        with DaskExecutor(cluster.address, patience=1.0) as executor, error:
            pack(tree, tmp_path / "a.ucz", level=4, executor=executor)
    assert not (tmp_path / "a.ucz").exists()


def test_a_task_that_kills_its_workers_ends_the_run(tree, tmp_path):
    with started(tmp_path / "cluster", allowed_failures=0) as cluster:
        cluster.add_worker(preload=DEADLY)
        cluster.await_workers(1)
        error = pytest.raises(ClusterError, match=r"1 workers died over one task.* tcp://127.0.0.1:.*memory")
        with DaskExecutor(cluster.address) as executor, error:
            pack(tree, tmp_path / "a.ucz", level=3, executor=executor)
