"""Files that change or vanish between the phases while nothing is held in memory; codecs that err."""

import os
import random

import pytest

from support import fill_codebase, tree_facts
from tests.pipeline.runs import between_plan_and_coding, pack, victim
from ucompress.archive import Archive
from ucompress.codec.block import BlockCompressor
from ucompress.files import read_and_look
from ucompress.pipeline.reading import spans
from ucompress.pipeline.running.context import RunContext
from ucompress.scan import open_source


@pytest.fixture(autouse=True)
def read_each_time(monkeypatch):
    """As where memory has no room: what is held is not read again, so that its changes are not met."""
    monkeypatch.setattr(RunContext, "hold_contents", lambda *_: None)


@pytest.fixture
def tree(tmp_path):
    fill_codebase(tmp_path / "tree", 60, 5000)
    return tmp_path / "tree"


def test_a_file_that_changes_is_stored_as_it_was_found_last(tree, tmp_path, monkeypatch):
    path = victim(tree)
    between_plan_and_coding(monkeypatch, lambda: path.write_bytes(b"something else\n" * 50))
    result, _ = pack(tree, tmp_path / "a.ucz")
    with Archive(tmp_path / "a.ucz") as archive:
        archive.extract(tmp_path / "out")
    assert tree_facts(tree) == tree_facts(tmp_path / "out" / "tree")
    assert any("changed while it was packed" in warning for warning in result.warnings)


def test_a_file_that_vanishes_is_reported_and_the_rest_is_packed(tree, tmp_path, monkeypatch):
    path = victim(tree)
    between_plan_and_coding(monkeypatch, path.unlink)
    result, _ = pack(tree, tmp_path / "a.ucz")
    assert result.exit_code == 3
    assert [found for found, _ in result.unreadable] == [os.fsencode(path)]
    with Archive(tmp_path / "a.ucz") as archive:
        archive.extract(tmp_path / "out")
    assert not (tmp_path / "out" / path.relative_to(tmp_path)).exists()
    assert tree_facts(tree, times=False) == tree_facts(tmp_path / "out" / "tree", times=False)


def test_duplicates_of_a_file_that_vanishes_stay_whole(tree, tmp_path, monkeypatch):
    path = victim(tree)
    twin = tree / "zzz-twin"
    twin.write_bytes(path.read_bytes())
    content = path.read_bytes()
    between_plan_and_coding(monkeypatch, path.unlink)
    pack(tree, tmp_path / "a.ucz")
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/zzz-twin") == content


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs in folders")
@pytest.mark.parametrize("what", ["fifo", "folder", "link"])
def test_a_file_whose_place_something_else_has_taken_is_reported(tree, tmp_path, monkeypatch, what):
    path = victim(tree)

    def replace_it():
        path.unlink()
        if what == "fifo":
            os.mkfifo(path)
        elif what == "folder":
            path.mkdir()
        else:
            path.symlink_to(tmp_path / "anything")

    between_plan_and_coding(monkeypatch, replace_it)
    result, _ = pack(tree, tmp_path / "a.ucz")
    name = path.relative_to(tmp_path)
    assert [found for found, _ in result.unreadable] == [os.fsencode(path)]
    with Archive(tmp_path / "a.ucz") as archive:
        assert str(name) not in archive
        assert archive.verify().ok


def test_other_names_of_a_file_that_vanishes_keep_its_content(tree, tmp_path, monkeypatch):
    path = victim(tree)
    content = path.read_bytes()
    os.link(path, tree / "zzz-link")
    between_plan_and_coding(monkeypatch, path.unlink)
    result, _ = pack(tree, tmp_path / "a.ucz")
    assert result.exit_code == 0
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/zzz-link") == content


def test_a_file_that_vanishes_with_all_its_names_is_reported_with_all_of_them(tree, tmp_path, monkeypatch):
    path = victim(tree)
    names = [path, tree / "zzz-a", tree / "zzz-b"]
    for other in names[1:]:
        os.link(path, other)

    def remove():
        for name in names:
            name.unlink()

    between_plan_and_coding(monkeypatch, remove)
    result, _ = pack(tree, tmp_path / "a.ucz")
    assert {found for found, _ in result.unreadable} == set(map(os.fsencode, names))
    with Archive(tmp_path / "a.ucz") as archive:
        assert not [name for name in names if str(name.relative_to(tmp_path)) in archive]
        assert archive.verify().ok


def test_a_link_to_a_file_that_vanishes_and_was_changed_has_what_is_found_under_it(
    tree, tmp_path, monkeypatch
):
    path = victim(tree)
    os.link(path, tree / "zzz-link")

    def change_and_remove():
        (tree / "zzz-link").write_bytes(b"changed through the other name")
        path.unlink()

    between_plan_and_coding(monkeypatch, change_and_remove)
    result, _ = pack(tree, tmp_path / "a.ucz")
    assert [found for found, _ in result.unreadable] == [os.fsencode(path)]
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/zzz-link") == b"changed through the other name"


def test_a_neighbour_of_a_change_that_vanishes_itself_is_taken_from_its_twin(tmp_path, monkeypatch):
    root = tmp_path / "tree"
    root.mkdir()
    shared = random.Random(5).randbytes(50_000)
    (root / "a").write_bytes(shared)
    longer = b"head" * 100 + shared + b"tail" * 100
    for name in ("b", "c"):
        (root / name).write_bytes(longer)

    def disturb():
        (root / "a").write_bytes(b"gone")
        (root / "b").unlink()

    between_plan_and_coding(monkeypatch, disturb)
    pack(root, tmp_path / "a.ucz")
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/a") == b"gone"
        assert archive.read("tree/c") == longer
        assert archive.verify().ok


def test_copies_inside_other_files_survive_a_change_of_their_source(tmp_path, monkeypatch):
    root = tmp_path / "tree"
    root.mkdir()
    shared = random.Random(5).randbytes(50_000)
    (root / "a").write_bytes(shared)
    (root / "b").write_bytes(b"head" * 100 + shared + b"tail" * 100)
    expected = (root / "b").read_bytes()
    for path in (root / "a", root / "b"):
        other = root / ("b" if path.name == "a" else "a")
        content = other.read_bytes()
        with monkeypatch.context() as patch:
            between_plan_and_coding(patch, lambda path=path: path.write_bytes(b"gone"))
            pack(root, tmp_path / "a.ucz")
        with Archive(tmp_path / "a.ucz") as archive:
            assert archive.read(f"tree/{other.name}") == content
            assert archive.read(f"tree/{path.name}") == b"gone"
        (root / "a").write_bytes(shared)
        (root / "b").write_bytes(expected)


def test_what_a_file_gains_after_the_scan_is_left_out(tree, tmp_path, monkeypatch):
    path = victim(tree)
    before = path.read_bytes()
    between_plan_and_coding(monkeypatch, lambda: path.write_bytes(before + b"more"))
    result, _ = pack(tree, tmp_path / "a.ucz")
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read(str(path.relative_to(tmp_path))) == before
    assert result.exit_code == 0


def test_an_unreadable_file_is_reported(tree, tmp_path, monkeypatch):
    path = victim(tree)

    def refuse(source):
        if source == os.fsencode(path):
            raise PermissionError(13, "Permission denied", source)
        return open_source(source)

    def read(rows):
        found, seen = read_and_look(rows)
        refused = [row[0] == os.fsencode(path) for row in rows]
        return [13 if bad else data for bad, data in zip(refused, found, strict=True)], seen

    monkeypatch.setattr(spans, "open_source", refuse)
    monkeypatch.setattr(spans, "read_and_look", read)
    result, _ = pack(tree, tmp_path / "a.ucz")
    assert result.exit_code == 3
    assert result.unreadable == ((os.fsencode(path), "Permission denied"),)
    with Archive(tmp_path / "a.ucz") as archive:
        assert str(path.relative_to(tmp_path)) not in archive
        packed = [archive.info(name).size for name in archive if (tmp_path / name).is_file()]
    statistics = result.statistics
    assert (statistics.files, statistics.original_bytes) == (len(packed), sum(packed))
    assert statistics.errors == 1
    saved = statistics.saved
    told = saved.files + saved.segments + saved.patterns + saved.context
    assert told == statistics.original_bytes - statistics.archive_bytes
    assert saved.files == 0


def test_a_block_that_does_not_decode_to_its_bytes_is_stored_and_reported(tree, tmp_path, monkeypatch):
    sound = BlockCompressor.compress

    def faulty(self, data, reference=None):
        codec_id, payload = sound(self, data, reference)
        return codec_id, payload[:-1] if len(data) > 100_000 else payload

    monkeypatch.setattr(BlockCompressor, "compress", faulty)
    result, _ = pack(tree, tmp_path / "a.ucz")
    monkeypatch.undo()
    assert any("did not decode to its own bytes" in warning for warning in result.warnings)
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        archive.extract(tmp_path / "out")
    assert tree_facts(tree) == tree_facts(tmp_path / "out" / "tree")
