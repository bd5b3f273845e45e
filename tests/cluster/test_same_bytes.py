"""What a cluster makes of a tree is what this machine makes of it, byte for byte."""

from __future__ import annotations

import gc
import json
import pickle
import random

import pytest

import ucompress
from pipeline.runs import pack, run
from support import create_difficult_tree
from ucompress.pipeline.cluster.executor import DaskExecutor
from ucompress.pipeline.running.executors import ordered_map
from ucompress.pipeline.running.lending import lent


@pytest.fixture(scope="module")
def local_cluster():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0", host="127.0.0.1"
    ) as cluster:
        yield cluster


@pytest.fixture
def executor(local_cluster):
    with DaskExecutor(local_cluster.scheduler_address) as executor:
        yield executor


@pytest.mark.parametrize("level", [3, 6])
def test_the_cluster_writes_the_same_archive(executor, tree, small_tree, tmp_path, level):
    packed = tree if level == 3 else small_tree
    here, expected = pack(packed, tmp_path / "a.ucz", level=level)
    there, found = pack(packed, tmp_path / "b.ucz", level=level, executor=executor)
    assert found == expected
    assert there.statistics.patterns_found == here.statistics.patterns_found
    assert there.statistics.blocks >= 2
    assert there.warnings == ()


def test_odd_names_links_and_holes_come_through(executor, tmp_path):
    tree = create_difficult_tree(tmp_path / "tree")
    expected = pack(tree, tmp_path / "a.ucz", level=3)[1]
    assert pack(tree, tmp_path / "b.ucz", level=3, executor=executor)[1] == expected


def test_copies_holes_and_large_files_in_windows_are_planned_alike(executor, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    chance = random.Random(3)
    original = chance.randbytes(6_000_000)
    (tree / "original").write_bytes(original)
    (tree / "moved").write_bytes(
        b"in front" + original[1_000_000:5_500_000] + bytes(50_000) + original[:70_000]
    )
    (tree / "part").write_bytes(original[4_190_000:4_200_000])
    for number in range(40):
        own = chance.randbytes(3000)
        (tree / f"small{number}").write_bytes(own + original[: 500 * number] + bytes(5000) + own)
    options = {"level": 3, "memory_map_threshold": 5 << 20}
    here, expected = pack(tree, tmp_path / "a.ucz", **options)
    there, found = pack(tree, tmp_path / "b.ucz", executor=executor, **options)
    assert found == expected
    assert here.statistics.saved.segments == there.statistics.saved.segments > 4_000_000


def test_counts_of_patterns_are_the_same(executor, tree, tmp_path):
    from pipeline.runs import configuration
    from ucompress import PatternDatabase, PipelineOrchestrator

    found = []
    for name, where in (("a", None), ("b", executor)):
        job = PipelineOrchestrator(
            configuration(tree, tmp_path / "none.ucz", database=tmp_path / f"{name}.db"), executor=where
        )
        job.analyze()
        with PatternDatabase(tmp_path / f"{name}.db") as database:
            found.append([(e.pattern, e.frequency, e.file_count) for e in database.get_frequent_patterns(2)])
    assert found[0] == found[1]
    assert len(found[0]) > 10


def test_the_command_works_on_a_cluster_from_a_relative_path(local_cluster, tree, tmp_path):
    expected = pack(tree, tmp_path / "a.ucz", level=3)[1]
    archive = tmp_path / "b.ucz"
    words = ["--dask", local_cluster.scheduler_address, "--database", ":memory:", "-3", "--json"]
    done = run("compress", tree.name, "-o", archive, *words, cwd=tree.parent)
    assert done.returncode == 0, done.stderr
    assert archive.read_bytes() == expected
    assert [line for line in map(json.loads, done.stdout.splitlines()) if line["type"] == "error"] == []


def test_tasks_carry_paths_and_the_dictionary_goes_once(executor, tree, tmp_path, monkeypatch):
    sent: dict[str, list[bytes]] = {}
    original = DaskExecutor._sent

    def noted(self, function, *arguments, **options):
        sent.setdefault(function.__name__, []).append(pickle.dumps(arguments))
        return original(self, function, *arguments, **options)

    monkeypatch.setattr(DaskExecutor, "_sent", noted)
    dictionary = tmp_path / "dictionary"
    dictionary.write_bytes((tree / "large").read_bytes()[:500_000])
    pack(tree, tmp_path / "a.ucz", level=3, dictionary=dictionary, executor=executor)
    assert sum(len(value) > 400_000 for value in sent["kept"]) == 1
    assert len(sent["work"]) > 8
    assert not any(b"of many lines" in task or b"return readl" in task for task in sent["work"])


def test_nothing_is_kept_of_tasks_that_are_done(executor):
    """Nor does it take a search for cycles, which the command hardly ever makes."""
    gc.collect()
    gc.disable()
    try:
        with lent(executor, _length_and, b"") as task:
            items = (_Item() for _ in range(20))
            assert sum(1 for _ in ordered_map(executor, task, items, in_flight=2)) == 20
        assert sum(isinstance(thing, _Item) for thing in gc.get_objects()) <= 2
    finally:
        gc.enable()
    assert executor._client.scheduler_comm.recent_message_log.maxlen == 0


class _Item:
    """Something that can be looked for."""


def test_what_is_lent_may_be_large(executor):
    """Warnings are errors here, and Dask warns of 10 MB."""
    value = random.Random(1).randbytes(12 << 20)
    with lent(executor, _length_and, value) as task:
        assert list(ordered_map(executor, task, range(3), in_flight=2)) == [(12 << 20, n) for n in range(3)]


def _length_and(value, item):
    return len(value), item


def test_a_client_that_was_given_stays_open(local_cluster, tree, tmp_path):
    from distributed import Client

    with Client(local_cluster.scheduler_address, set_as_default=False) as client:
        with DaskExecutor(client) as executor:
            ucompress.compress(tree / "large", tmp_path / "a.ucz", level=3, executor=executor)
        assert client.submit(abs, -1).result(30) == 1
