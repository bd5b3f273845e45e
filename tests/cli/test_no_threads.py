"""Where the system starts no more threads, commands say so and what to do, and lose nothing."""

import threading
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from support import fill_codebase, tree_facts

STARTS = range(5)
"""How many threads are started before the system refuses."""


@contextmanager
def only_so_many(allowed):
    """Within, so many threads start, and no more; gives those that were asked for."""
    whole, asked = threading.Thread.start, []

    def start(thread):
        asked.append(thread)
        if len(asked) > allowed:
            raise RuntimeError("can't start new thread")
        whole(thread)

    with patch.object(threading.Thread, "start", start):
        yield asked


def told(done, asked, allowed):
    """Whether the command was refused a thread; if so it has to have said so."""
    assert "Traceback" not in done.err
    assert "report it" not in done.err
    refused = len(asked) > allowed
    assert done.code in ((0, 15) if refused else (0,)), done.err
    if done.code == 15:
        assert "starts no more threads" in done.err
        assert "--threads" in done.err
    return done.code == 15


@pytest.mark.parametrize("allowed", STARTS)
@pytest.mark.parametrize("level", [1, 6])
def test_compress_goes_on_later(ucompress, tmp_path, allowed, level):
    fill_codebase(tmp_path / "tree", 60, 3000)
    words = ("compress", tmp_path / "tree", f"-{level}", "--database", tmp_path / "p.db", "--threads", "3")
    assert ucompress(*words, "-o", tmp_path / "b.ucz", "-q").code == 0
    (tmp_path / "p.db").unlink()
    with only_so_many(allowed) as asked:
        told(ucompress(*words, "-o", tmp_path / "a.ucz"), asked, allowed)
    assert ucompress(*words, "-o", tmp_path / "a.ucz", "-q").code == 0
    assert (tmp_path / "a.ucz").read_bytes() == (tmp_path / "b.ucz").read_bytes()
    names = {path.name for path in tmp_path.iterdir() if not path.name.startswith("p.db")}
    assert names <= {"tree", "a.ucz", "b.ucz", "state"}


def test_commands_that_get_no_thread_at_all_say_so(ucompress, packed, tmp_path):
    _, archive = packed
    fill_codebase(tmp_path / "tree", 3, 1000)
    compress = ("compress", tmp_path / "tree", "-o", tmp_path / "a.ucz", "--database", ":memory:")
    with only_so_many(0) as asked:
        assert told(ucompress("extract", archive, "-C", tmp_path / "out"), asked, 0)
        assert told(ucompress("verify", archive), asked, 0)
        assert told(ucompress(*compress), asked, 0)
        assert told(ucompress(*compress, "-q"), asked, 0)
    assert not (tmp_path / "a.ucz").exists()


@pytest.mark.parametrize("allowed", [1, 2])
def test_extract_leaves_only_what_is_complete(ucompress, packed, tmp_path, allowed):
    tree, archive = packed
    with only_so_many(allowed) as asked:
        told(ucompress("extract", archive, "-C", tmp_path / "out", "--threads", "4"), asked, allowed)
    facts = tree_facts(tree, times=False)
    for path in (tmp_path / "out" / "tree").rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert path.read_bytes() == (tree / path.relative_to(tmp_path / "out" / "tree")).read_bytes()
    assert ucompress("extract", archive, "-C", tmp_path / "out", "--force", "-q").code == 0
    assert tree_facts(tmp_path / "out" / "tree", times=False) == facts
