"""The public calls: what they take, and how they refuse."""

import io
import mmap
import os
import re
import stat
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import ucompress
from support import fill_codebase, tree_facts
from ucompress.database import PatternDatabase
from ucompress.errors import (
    CompressionError,
    CorruptArchiveError,
    InputError,
    OutputError,
    UnsafeArchiveError,
    UnsupportedArchiveError,
    UsageError,
)
from ucompress.render import JsonRenderer


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder to stand in, with a small tree."""
    fill_codebase(tmp_path / "tree", 12, 900)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("source", ["tree", b"tree", Path("tree"), ["tree"], (b"tree",)])
def test_paths_of_any_spelling(work, source):
    result = ucompress.compress(source, b"a.ucz", level=1, include="*.py")
    assert result.archive == Path("a.ucz")
    with ucompress.open(b"a.ucz") as archive:
        names = list(archive)
        assert any(name.endswith(".py") for name in names)
        assert not any(name.endswith((".c", ".json")) for name in names)
    ucompress.decompress(b"a.ucz", b"out")
    ucompress.decompress("a.ucz", "one", members=names[-1])
    assert (work / "one" / names[-1]).read_bytes() == (work / names[-1]).read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": "6"}, "level must be a whole number, not '6'"),
        ({"level": True}, "level must be a whole number"),
        ({"level": 10}, "does not exist"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"threads": "2"}, "threads must be a whole number"),
        ({"checkpoint_interval": -1}, "checkpoint_interval must be a timedelta"),
        ({"progress_update_interval": timedelta(-1)}, "progress_update_interval must be a timedelta"),
        ({"memory_limit_mb": 1.5}, "memory_limit_mb must be a whole number"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"content_hash_bytes": 5}, "content_hash_bytes must be 0, 8, 32 or None, not 5"),
        ({"min_pattern_length": "16"}, "min_pattern_length must be a whole number"),
        ({"include": 7}, "include must be one text or several, not 7"),
        ({"include": [b"*.py"]}, "include must be texts"),
        ({"include": ""}, "not a gitignore-style pattern: ''"),
        ({"exclude": ["*.c", "  "]}, "not a gitignore-style pattern: '  '"),
        ({"source": 1}, r"source must be a text or None, not 1 \(int\)"),
        ({"dictionary": 5}, "dictionary must be a path, not 5"),
        ({"database_path": "a\0b"}, "database_path holds a zero byte"),
        ({"gitignore": 3}, "gitignore must be True or False, not 3"),
        ({"verify": "no"}, "verify must be True or False, not 'no'"),
        ({"enable_resume": "no"}, "enable_resume must be True or False, not 'no'"),
        ({"colour": "red"}, "compress has no option colour"),
        ({"content_hash_bytes": 8.0}, "content_hash_bytes must be a whole number, not 8.0"),
        ({"content_hash_bytes": 9}, "content_hash_bytes must be 0, 8, 32 or None, not 9"),
        ({"batch_size": 10**30}, "batch_size must be at most 9223372036854775807"),
        ({"threads": 10**30}, "threads must be at most 9223372036854775807"),
        ({"executor": "x"}, "executor must be a concurrent.futures.Executor or None, not 'x'"),
        ({"renderer": 5}, "renderer must be a Renderer or None, not 5"),
        ({"renderer": JsonRenderer}, "renderer must be a Renderer or None, not <class"),
    ],
)
def test_wrong_options_are_usage_errors(work, options, words):
    with pytest.raises(UsageError, match=words):
        ucompress.compress("tree", "a.ucz", **options)
    assert os.listdir() == ["tree"]


@pytest.mark.parametrize(
    ("source", "archive"), [("a\0b", "a.ucz"), ("tree", "a\0.ucz"), (7, "a.ucz"), ([], "x")]
)
def test_wrong_paths_are_usage_errors(work, source, archive):
    with pytest.raises(UsageError):
        ucompress.compress(source, archive)


@pytest.mark.parametrize("empty", ["", b""])
def test_an_empty_path_is_not_the_current_folder(work, empty):
    for source, archive, options in (
        (empty, "a.ucz", {}),
        (["tree", empty], "a.ucz", {}),
        ("tree", empty, {}),
        ("tree", "a.ucz", {"dictionary": empty}),
        ("tree", "a.ucz", {"database_path": empty}),
    ):
        with pytest.raises(UsageError, match="is empty, and would name nothing"):
            ucompress.compress(source, archive, **options)
    assert os.listdir() == ["tree"]
    ucompress.compress("tree", "a.ucz", level=1)
    (work / "tree").rename(work / "gone")
    with pytest.raises(UsageError, match="is empty, and would name nothing"):
        ucompress.decompress("a.ucz", empty)
    with ucompress.open("a.ucz") as archive, pytest.raises(UsageError, match="would name nothing"):
        archive.extract("")
    assert sorted(os.listdir()) == ["a.ucz", "gone"]


def test_a_dictionary_that_is_not_there(work):
    with pytest.raises(InputError, match="dictionary x"):
        ucompress.compress("tree", "a.ucz", dictionary="x")
    with pytest.raises(InputError, match="dictionary tree is no regular file"):
        ucompress.compress("tree", "a.ucz", dictionary="tree")
    assert os.listdir() == ["tree"]


@pytest.mark.parametrize("call", [ucompress.open, ucompress.decompress])
@pytest.mark.parametrize("path", ["missing.ucz", "tree", "a\0b"])
def test_what_cannot_be_read_is_an_error_of_ours(work, call, path):
    with pytest.raises(CompressionError):
        call(path)


def test_decompress_tells_what_damage_cost(work):
    ucompress.compress("tree", "a.ucz", level=1)
    content = bytearray((work / "a.ucz").read_bytes())
    with ucompress.open(io.BytesIO(content)) as archive:
        place = int(archive._directory.blocks.at[0])
    content[place + 60] ^= 0xFF
    (work / "a.ucz").write_bytes(content)
    with pytest.raises(CorruptArchiveError, match="members could not be given back") as caught:
        ucompress.decompress("a.ucz", "out")
    assert "block 0" in caught.value.__notes__[0]
    (work / "file").touch()
    with pytest.raises(OutputError):
        ucompress.decompress("a.ucz", "file")


def test_the_readme_s_lines_run_and_run_again(work):
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code, _ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    fill_codebase(work / "src", 6, 900)
    (work / "src" / "main.c").write_bytes(b"int main(void) { return 0; }\n")
    (work / "src" / "data.bin").write_bytes(bytes(2000))
    for _ in range(2):
        found = {}
        exec(code, found)
        assert found["text"] == (work / "src" / "main.c").read_bytes()
        assert found["chunk"] == bytes(100)
        assert tree_facts(work / "copy" / "src") == tree_facts(work / "src")


def test_each_phase_has_its_own_current_file(work):
    seen = []

    class Watching:
        def start(self): ...
        def phase(self, snapshot):
            seen.append((snapshot.update.phase.value, snapshot.update.current_file))

        def draw(self, snapshot): ...
        def message(self, notice): ...
        def finish(self, statistics): ...
        def abort(self): ...

    ucompress.compress("tree", "a.ucz", level=1, renderer=Watching())
    assert [phase for phase, _ in seen][-2:] == ["compressing", "completed"]
    assert {path for _, path in seen} == {None}


def test_a_file_that_is_no_archive_is_not_replaced_unless_told_so(work):
    precious = work / "precious.txt"
    precious.write_text("precious")
    with pytest.raises(
        OutputError, match=r"is no ucompress archive; it was left alone.*force=True"
    ) as caught:
        ucompress.compress("tree", "precious.txt", level=1)
    assert caught.value.path == b"precious.txt"
    assert precious.read_text() == "precious"
    ucompress.compress("tree", "precious.txt", level=1, force=True)
    ucompress.compress("tree", "precious.txt", level=2)  # by now it is an archive
    with ucompress.open("precious.txt") as archive:
        assert len(archive)


@pytest.mark.skipif(os.name != "posix", reason="needs modes")
def test_limits_and_bits_of_what_is_given_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "f").write_bytes(b"content " * 99)
    (tmp_path / "tree" / "f").chmod(0o4755)
    ucompress.compress("tree", "a.ucz")
    with pytest.raises(UnsafeArchiveError):
        ucompress.decompress("a.ucz", "out", limits=ucompress.ExtractionLimits(file_bytes=9))
    assert not (tmp_path / "out").exists()
    for setuid, mode in ((False, 0o755), (True, 0o4755)):
        report = ucompress.decompress("a.ucz", "out", setuid=setuid, threads=1, force=True)
        assert (report.files, list(report.losses)) == (1, [] if setuid else [("setuid", 1, b"tree/f")])
        assert stat.S_IMODE((tmp_path / "out" / "tree" / "f").stat().st_mode) == mode


def test_what_is_left_of_a_cut_archive_and_a_bound_on_memory(work):
    ucompress.compress("tree", "a.ucz")
    with pytest.raises(UnsupportedArchiveError):
        ucompress.open("a.ucz", memory_bound=1 << 20)
    (work / "cut.ucz").write_bytes((work / "a.ucz").read_bytes()[:-300])
    with pytest.raises(CorruptArchiveError, match="recover=True"):
        ucompress.open("cut.ucz")
    with ucompress.open("cut.ucz", recover=True) as archive:
        assert archive.recovered
    ucompress.decompress("cut.ucz", "out", recover=True)
    assert tree_facts(work / "out" / "tree") == tree_facts(work / "tree")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"threads": 0}, UsageError, "threads must be at least 1, not 0"),
        ({"threads": "2"}, UsageError, "threads must be a whole number, not '2'"),
        ({"memory_bound": "1"}, UsageError, "memory_bound must be a whole number, not '1'"),
        ({"force": "no"}, UsageError, "force must be True or False, not 'no'"),
        ({"setuid": 1}, UsageError, "setuid must be True or False, not 1"),
        ({"recover": "no"}, UsageError, "recover must be True or False, not 'no'"),
        ({"limits": 5}, UsageError, "limits must be ExtractionLimits or None, not 5"),
        ({"members": 5}, TypeError, "members are one name, or several, not int"),
        ({"members": [5]}, TypeError, "the name of a member is str, bytes or os.PathLike, not int"),
    ],
)
def test_arguments_that_mean_nothing_are_told_and_nothing_is_written(work, options, kind, message):
    ucompress.compress("tree", "a.ucz")
    with pytest.raises(kind, match=re.escape(message)):
        ucompress.decompress("a.ucz", "out", **options)
    assert not (work / "out").exists()


def test_what_is_no_archive_at_all_is_told_by_its_type(work):
    ucompress.compress("tree", "a.ucz")
    for wrong in (5, None, io.StringIO("text"), SimpleNamespace(seek=None)):
        with pytest.raises(TypeError, match="an archive is a path, or a seekable file opened in binary"):
            ucompress.open(wrong)
    with ucompress.open("a.ucz") as archive, pytest.raises(UsageError, match="threads must be at least 1"):
        archive.verify(threads=0)


HALF = "\ud800"
"""Half a character: no path can be written with it."""


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda _: ucompress.compress(HALF, "b.ucz"), r"inputs holds what no path .*'\\ud800'"),
        (lambda _: ucompress.compress("tree", HALF), "output holds what no path"),
        (lambda _: ucompress.compress("tree", "b.ucz", database_path=HALF), "database_path holds what no"),
        (lambda _: ucompress.compress(bytearray(b"/x"), "b.ucz"), r"one path or several, not bytearray"),
        (lambda _: ucompress.compress(memoryview(b"/x"), "b.ucz"), r"inputs must be .*\(memoryview\)"),
        (lambda _: ucompress.compress([5], "b.ucz"), r"inputs must be a path, not 5 \(int\)"),
        (lambda _: ucompress.decompress("a.ucz", HALF), "the target holds what no path"),
        (lambda _: ucompress.decompress("a.ucz", "a\0b"), "the target holds a zero byte"),
        (lambda _: ucompress.decompress("a.ucz", 3), r"the target must be a path, not 3 \(int\)"),
        (
            lambda _: ucompress.decompress("a.ucz", "out", members=[HALF]),
            "name of a member holds what no path",
        ),
        (lambda _: ucompress.decompress(HALF, "out"), "archive holds what no path"),
        (lambda _: ucompress.open(HALF), "archive holds what no path"),
        (lambda archive: archive.extract(None), r"the target must be a path, not None \(NoneType\)"),
        (lambda archive: archive.read(HALF), "the name of a member holds what no path"),
        (lambda archive: archive.read("tree/a", limit="a"), "limit must be a whole number, not 'a'"),
        (lambda archive: archive.read("tree/a", limit=-1), "limit must be at least 0, not -1"),
        (lambda archive: archive.verify(share=3), "share must be a BlockShare or None, not 3"),
        (lambda archive: archive.blocks_of("tree/a"), "entry must be an Entry, .*not 'tree/a'"),
        (lambda archive: archive.origin(3), "entry must be an Entry, .*not 3"),
        (lambda archive: list(archive.entries("tree")), "prefix must be bytes, .*not 'tree'"),
        (lambda archive: next(archive.paths(None)), "prefix must be bytes, .*not None"),
    ],
)
def test_arguments_of_the_wrong_kind_are_usage_errors(work, call, words):
    ucompress.compress("tree", "a.ucz", level=1)
    before = sorted(os.listdir())
    with ucompress.open("a.ucz") as archive, pytest.raises(UsageError, match=words):
        call(archive)
    assert sorted(os.listdir()) == before


def test_what_can_name_no_member_is_in_no_archive(work):
    ucompress.compress("tree", "a.ucz", level=1)
    with ucompress.open("a.ucz") as archive:
        assert "tree" in archive
        assert HALF not in archive


def test_a_closed_file_is_no_archive(work):
    ucompress.compress("tree", "a.ucz", level=1)
    with open("a.ucz", "rb") as file:
        pass
    for closed in (file, io.BytesIO()):
        closed.close()
        with pytest.raises(UsageError, match="was closed: give one that is open"):
            ucompress.open(closed)


def test_limits_are_numbers():
    for wrong in ({"members": "many"}, {"depth": None}, {"file_bytes": 1.5}, {"content_bytes": -1}):
        with pytest.raises(UsageError, match=f"{next(iter(wrong))} must be"):
            ucompress.ExtractionLimits(**wrong)
    assert ucompress.ExtractionLimits(content_bytes=None) == ucompress.ExtractionLimits()


def test_the_source_of_counts_is_a_field_like_others(work):
    def counted() -> int:
        with PatternDatabase(work / "p.db") as database:
            return database.figures().sources

    for folder in ("tree", "moved"):
        ucompress.compress(folder, archive="a.ucz", database_path="p.db", source="one", level=1)
        os.rename(folder, "moved")
        assert counted() == 1
    with pytest.raises(UsageError, match=r"source must be a text or None, not 5 \(int\)"):
        ucompress.compress("moved", "b.ucz", source=5)


def test_an_archive_is_read_from_mapped_memory(work):
    ucompress.compress("tree", "a.ucz", level=1)
    with (
        open("a.ucz", "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ucompress.open(mapped) as archive,
    ):
        assert not archive.verify().problems
        archive.extract("out")
    assert tree_facts(work / "out" / "tree") == tree_facts(work / "tree")


def test_a_member_knows_only_places_to_seek_from(work):
    (work / "tree" / "f").write_bytes(b"content")
    ucompress.compress("tree", "a.ucz", level=1)
    with ucompress.open("a.ucz") as archive, archive.open("tree/f") as member:
        for whence in (3, 4, 9):
            with pytest.raises(ValueError):
                member.seek(0, whence)
            with pytest.raises(ValueError):
                member.raw.seek(0, whence)
        assert member.read() == b"content"
