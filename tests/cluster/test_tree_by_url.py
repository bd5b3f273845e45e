"""Workers that see the tree at a URL: the same bytes, and whatever they do not see is done here."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

import ucompress
from cluster.programs import started
from pipeline.runs import pack, run
from support import create_difficult_tree
from ucompress.errors import ClusterError, UsageError
from ucompress.pipeline.cluster import fetching, remote
from ucompress.pipeline.cluster.executor import DaskExecutor
from ucompress.pipeline.cluster.fetching import Copies, Tree

BLIND = """
import os
from ucompress.pipeline.analysis import file_content
from ucompress.pipeline.reading import spans
from ucompress.scan import again

def blinded(function, paths_of):
    def asked(wanted):
        if any(path.startswith({path!r}) for path in paths_of(wanted)):
            os._exit(9)
        return function(wanted)
    return asked

spans.read_spans = blinded(spans.read_spans, lambda wanted: [path for path, _, _ in wanted])
spans.read_and_look = blinded(spans.read_and_look, lambda wanted: [path for path, _, _ in wanted])
again.look_at_files = blinded(again.look_at_files, list)
file_content.open_source = blinded(file_content.open_source, lambda path: [path])
"""
"""A worker that ends when it looks for files of the tree at the path that they have here."""

SPECIAL = ("what?", "#1", "100%", "%41", "*", "[a]", "a b+c", "~", "wo::rse", "caf\u00e9s", "{x}")


@pytest.fixture(scope="module")
def blind(tree, tmp_path_factory):
    """A cluster whose workers may not read the tree where it is."""
    with started(tmp_path_factory.mktemp("blind") / "cluster", allowed_failures=0) as cluster:
        cluster.add_worker(threads=2, preload=BLIND.format(path=bytes(tree.parent)))
        cluster.add_worker(preload=BLIND.format(path=bytes(tree.parent)))
        cluster.await_workers(2)
        yield cluster


def copied(tree, target):
    """A copy with other times."""
    shutil.copytree(tree, target, copy_function=shutil.copyfile)
    return target


@pytest.mark.parametrize("level", [3, 6])
def test_a_tree_at_a_url_gives_the_same_archive(blind, tree, small_tree, tmp_path, level):
    packed = tree if level == 3 else small_tree
    expected = pack(packed, tmp_path / "a.ucz", level=level)[1]
    url = copied(packed, tmp_path / "copy of").as_uri().replace("%20", " ")
    with DaskExecutor(blind.address, tree=url) as executor:
        result, found = pack(packed, tmp_path / "b.ucz", level=level, executor=executor)
    assert found == expected
    assert result.warnings == ()
    assert left_behind(blind) == []


def left_behind(cluster):
    """What workers keep of files that they fetched; they delete it when they hear that the run is over."""
    threading.Event().wait(0.5)
    return [path for path in cluster.folder.rglob("ucompress-*/*") if path.is_file()]


def test_a_file_of_another_size_there_is_read_here(blind, tree, tmp_path):
    expected = pack(tree, tmp_path / "a.ucz", level=3)[1]
    copy = copied(tree, tmp_path / "copy")
    (copy / "twin").write_bytes(b"something else")
    with DaskExecutor(blind.address, tree=str(copy)) as executor:
        result, found = pack(tree, tmp_path / "b.ucz", level=3, executor=executor)
        assert executor.done_here > 0
    assert found == expected
    assert result.unreadable == ()
    assert any("done again on this machine" in warning for warning in result.warnings)


def test_a_file_that_changes_there_is_never_mixed(blind, tree, tmp_path, monkeypatch):
    """The digest is of the first bytes; who fetches others later does the task here."""
    expected = pack(tree, tmp_path / "a.ucz", level=3)[1]
    copy = copied(tree, tmp_path / "copy")
    lent = DaskExecutor.lend

    def change(self, task, *arguments):
        if task.__name__ == "code_block":
            large = copy / "large"
            large.write_bytes(large.read_bytes()[::-1])
            self._client.run(remote.retire, self._ticket.run)
        return lent(self, task, *arguments)

    monkeypatch.setattr(DaskExecutor, "lend", change)
    with DaskExecutor(blind.address, tree=str(copy)) as executor:
        result, found = pack(tree, tmp_path / "b.ucz", level=3, executor=executor)
        assert executor.done_here > 0
    assert found == expected
    assert result.unreadable == ()


def test_other_bytes_of_the_same_size_are_noticed_where_they_are_read_here(blind, tree, tmp_path):
    """And where they are not, the archive has what was at the URL, whole."""
    copy = copied(tree, tmp_path / "copy")
    (copy / "large").write_bytes((tree / "large").read_bytes()[::-1])
    with DaskExecutor(blind.address, tree=str(copy)) as executor:
        pack(tree, tmp_path / "b.ucz", level=3, executor=executor)
    assert run("verify", tmp_path / "b.ucz", cwd=tmp_path).returncode == 0
    ucompress.decompress(tmp_path / "b.ucz", tmp_path / "out")
    packed = (tmp_path / "out" / "tree" / "large").read_bytes()
    assert packed in ((tree / "large").read_bytes(), (copy / "large").read_bytes())
    shutil.rmtree(copy)
    copied(tree, copy)
    (copy / "large").write_bytes(packed)
    assert same_bytes(tmp_path / "out" / "tree", copy)


def same_bytes(one, other):
    names = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    return len(names) > 1 and all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_odd_names_come_through(blind, tmp_path, tree):
    odd = create_difficult_tree(tree.parent / "odd")
    for number, name in enumerate(SPECIAL):
        (odd / name).mkdir()
        (odd / name / name).write_bytes(name.encode() * (number + 2))
    expected = pack(odd, tmp_path / "a.ucz", level=3)[1]
    copy = tmp_path / "copy"
    shutil.copytree(odd, copy, symlinks=True)
    with DaskExecutor(blind.address, tree=copy.as_uri()) as executor:
        result, found = pack(odd, tmp_path / "b.ucz", level=3, executor=executor)
        here = executor.done_here
        (odd / os.fsdecode(b"\xff\xfe not utf-8")).unlink()
        again = pack(odd, tmp_path / "c.ucz", level=3, executor=executor)[1]
        assert (here > 0, executor.done_here) == (True, 0)
    assert found == expected
    assert result.unreadable == ()
    assert again == pack(odd, tmp_path / "d.ucz", level=3)[1]


def test_the_command_takes_a_url_and_resume_ends_in_the_same_bytes(blind, tree, tmp_path, monkeypatch):
    expected = pack(tree, tmp_path / "a.ucz", level=3)[1]
    copy = copied(tree, tmp_path / "copy")
    words = ["--dask", blind.address, "--dask-tree", copy.as_uri(), "--database", tmp_path / "db"]
    done = run("compress", ".", "-o", tmp_path / "b.ucz", "-3", *words, cwd=tree)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.ucz").read_bytes() == expected
    assert run("analyze", tree, *words, cwd=tmp_path).returncode == 0
    done = run("resume", *words, cwd=tmp_path)
    assert "the last job is done" in done.stderr


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("file:///nowhere/at/all", "finds no folder at file:///nowhere/at/all"),
        (
            "nosuch://user:secret@host/x",
            r"cannot open nosuch://host/x \(ValueError: Protocol not known: nosuch",
        ),
        ("{empty}", "sees .*/empty without what is in "),
    ],
)
def test_a_worker_that_does_not_see_the_url_is_refused_by_name(blind, tree, tmp_path, url, told):
    (tmp_path / "empty").mkdir()
    url = url.format(empty=tmp_path / "empty")
    with (
        DaskExecutor(blind.address, tree=url) as executor,
        pytest.raises(ClusterError, match=f"worker tcp://127.0.0.1:.* {told}"),
    ):
        pack(tree, tmp_path / "b.ucz", level=3, executor=executor)
    assert not (tmp_path / "b.ucz").exists()


def test_a_missing_package_of_a_protocol_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert "cannot open s3://bucket/tree (ImportError: Install s3fs" in Tree("s3://bucket/tree", b"/t").lacks(
        [b"a"]
    )


def test_several_inputs_and_no_folder_are_refused(blind, tree, tmp_path):
    with DaskExecutor(blind.address, tree="file:///x") as executor:
        for inputs, told in (
            (
                (tree, tree / "large"),
                "2 inputs are named; nothing was read: name the folder that they are in",
            ),
            ((tree / "large",), "large is none; nothing was read: name the folder"),
        ):
            with pytest.raises(UsageError, match=told):
                ucompress.compress(inputs, tmp_path / "b.ucz", executor=executor)
    done = run("compress", tree, "-o", tmp_path / "b.ucz", "--dask-tree", "file:///x", cwd=tmp_path)
    assert done.returncode == 2 and "name it with --dask" in done.stderr


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}").write_bytes(bytes([number]) * 1000)
    return folder


def test_copies_are_bounded_and_what_is_in_use_stays(source, tmp_path):
    tree, copies = Tree(source.as_uri(), b"/t"), Copies(lambda: str(tmp_path), most=5000)
    paths = [b"/t/%d" % number for number in range(20)]

    def size():
        return sum(path.stat().st_size for path in tmp_path.glob("ucompress-*/*"))

    with copies.fetching("run", tree) as fetch:
        first = fetch(paths[:5], [1000] * 5)
        assert [Path(os.fsdecode(path)).read_bytes() for path in first] == [
            bytes([number]) * 1000 for number in range(5)
        ]
        with pytest.raises(OSError, match="no room"):
            fetch(paths[5:6], [1000])
    for path in paths:
        with copies.fetching("run", tree) as fetch:
            fetch([path], [1000])
        assert size() == copies.size == 5000
    (source / "19").write_bytes(b"later")
    with copies.fetching("run", tree) as fetch:
        assert os.path.getsize(fetch(paths[19:], [-1])[0]) == 1000
        copies.forget("run")
        assert size() == 1000
    assert size() == copies.size == 0


def test_what_cannot_be_fetched_leaves_nothing(source, tmp_path):
    tree, copies = Tree(source.as_uri(), b"/t"), Copies(lambda: str(tmp_path))
    (source / "folder").mkdir()
    for path, size in ((b"/t/0", 999), (b"/t/none", -1), (b"/t/folder", -1), (b"/t/\xff", -1), (b"/u/0", -1)):
        with pytest.raises(OSError), copies.fetching("run", tree) as fetch:
            fetch([b"/t/1", path], [1000, size])
    assert copies.size <= 1000
    copies.forget("run")
    assert copies.size == len(copies._copies) == 0


def test_threads_fetch_a_file_once(source, tmp_path, monkeypatch):
    from fsspec.implementations.local import LocalFileSystem

    fetched = []
    original = LocalFileSystem.get_file

    def noted(self, place, *arguments, **options):
        fetched.append(place)
        return original(self, place, *arguments, **options)

    monkeypatch.setattr(LocalFileSystem, "get_file", noted)
    tree, copies = Tree(str(source), b"/t"), Copies(lambda: str(tmp_path))
    failures = []

    def work():
        with copies.fetching("run", tree) as fetch:
            for place in fetch([b"/t/%d" % number for number in range(20)], [1000] * 20):
                if os.path.getsize(place) != 1000:
                    failures.append(place)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(fetched) == len(set(fetched)) == 20


def test_paths_that_are_urls_have_their_names_quoted():
    opened = fetching.OpenTree(Tree("https://host/tree", b"/t"), None, "https://host/tree")
    assert opened.place(b"a/w?#%41 \xc3\xa9") == "https://host/tree/a/w%3F%23%2541%20%C3%A9"
    opened = opened._replace(path="bucket/tree")
    assert opened.place(b"a/w?#%41") == "bucket/tree/a/w?#%41"
