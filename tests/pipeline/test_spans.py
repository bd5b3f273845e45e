"""Spans of many files in one call, against reading them one by one."""

from __future__ import annotations

import errno
import os
import random
import sys

import pytest

from ucompress.files import look_at_files, read_and_look, read_spans, write_files
from ucompress.pipeline.reading import spans
from ucompress.pipeline.reading.spans import ShortFileError, read_exactly, read_many, read_many_and_look


@pytest.fixture
def files(tmp_path):
    chance = random.Random(2)
    found = {}
    for number in range(20):
        path = os.fsencode(tmp_path / f"file {number}")
        found[path] = chance.randbytes(chance.randrange(0, 5000))
        with open(path, "wb") as file:
            file.write(found[path])
    return found


def test_spans_are_those_of_reading_alone(files):
    chance = random.Random(3)
    spans = []
    for path in chance.choices(list(files), k=60):
        for _ in range(chance.randrange(1, 4)):
            offset = chance.randrange(len(files[path]) + 1)
            spans.append((path, offset, chance.randrange(len(files[path]) - offset + 1)))
    expected = [files[path][offset : offset + length] for path, offset, length in spans]
    assert read_many(spans) == expected
    if os.name != "nt":
        assert read_spans(spans) == expected
    assert read_many([]) == []


@pytest.mark.skipif(os.name == "nt", reason="no such calls there")
def test_the_status_of_what_was_read_comes_with_it(files, tmp_path):
    paths = [*files, os.fsencode(tmp_path / "none"), os.fsencode(tmp_path), next(iter(files))]
    rows = [(path, 0, len(files.get(path, b"x"))) for path in paths]
    rows[-1] = (paths[-1], 0, 9000)  # ends before
    found, seen = read_and_look(iter(rows))
    assert found == read_spans(rows)
    bad = [number for number, data in enumerate(found) if not isinstance(data, bytes)]
    assert bad == [len(files), len(files) + 1, len(files) + 2]
    looked = [look_at_files([b"" if number in bad else path]) for number, path in enumerate(paths)]
    assert seen == b"".join(looked)
    alone, same = read_many_and_look(rows)
    assert same == seen
    assert alone[: len(files)] == list(files.values())
    assert all(isinstance(error, OSError) for error in alone[len(files) :])
    assert read_many_and_look([]) == ([], b"")


def test_an_error_that_is_kept_keeps_nothing_else(files, tmp_path):
    short = next(iter(files))
    found = read_many([(short, 0, 9000), (os.fsencode(tmp_path / "none"), 0, 1)])
    assert [type(error) for error in found] == [ShortFileError, FileNotFoundError]
    assert [error.__traceback__ for error in found] == [None, None]


@pytest.mark.skipif(os.name == "nt", reason="no such calls there")
def test_rows_that_own_nothing_are_as_good_as_any(tmp_path):
    """Of a row that is an iterator nobody else holds the path."""
    wanted = [b"%04d" % number for number in range(200)]
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        made = [iter((b"made-%s" % name, 4 * at, 4, 0o600, 0)) for at, name in enumerate(wanted)]
        assert write_files(folder, b"".join(wanted), made) == []
    finally:
        os.close(folder)
    assert sorted(os.listdir(tmp_path)) == ["made-" + name.decode() for name in wanted]
    start = os.fsencode(tmp_path) + b"/made-"
    assert read_spans([iter((start + name, 0, 4)) for name in wanted]) == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file system may store zeros")
def test_holes_are_zeros_that_nobody_reads(tmp_path, monkeypatch):
    path, hole = tmp_path / "image", 1 << 20
    with path.open("wb") as file:
        file.seek(hole)
        file.write(b"data" * 1024)
        file.truncate(3 * hole)
    read = []

    def counted(descriptor, length, offset):
        read.append((offset, length))
        return os.pread(descriptor, length, offset)

    monkeypatch.setattr(spans, "_read_at", counted)
    with path.open("rb") as file:

        def exactly(offset, length):
            return read_exactly(file.fileno(), offset, length, b"image")

        assert exactly(0, hole) == exactly(2 * hole, hole) == bytes(hole)
        assert read == []
        assert exactly(hole - 4, hole) == bytes(4) + b"data" * 1024 + bytes(hole - 4100)
        assert exactly(0, 10) == bytes(10)
        assert len(read) == 2
        with pytest.raises(ShortFileError):
            exactly(2 * hole, hole + 1)


def test_what_cannot_be_read_is_told_and_the_rest_is_read(files, tmp_path):
    path, data = max(files.items(), key=lambda item: len(item[1]))
    folder, missing = os.fsencode(tmp_path), os.fsencode(tmp_path / "missing")
    spans = [(missing, 0, 1), (path, 0, len(data) + 1), (path, 0, len(data)), (folder, 0, 1), (path, 1, 2)]
    none, short, whole, no_file, part = read_many(spans)
    assert isinstance(none, FileNotFoundError)
    assert isinstance(short, ShortFileError)
    assert isinstance(no_file, OSError)
    assert (whole, part) == (data, data[1:3])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this platform")
def test_pipes_and_links_are_neither_followed_nor_waited_for(files, tmp_path):
    path = next(iter(files))
    pipe, link = os.fsencode(tmp_path / "pipe"), os.fsencode(tmp_path / "link")
    os.mkfifo(pipe)
    os.symlink(path, link)
    assert read_spans([(pipe, 0, 1), (link, 0, 1), (path, 0, 0)]) == [errno.EINVAL, errno.ELOOP, b""]
    assert all(isinstance(found, OSError) for found in read_many([(pipe, 0, 1), (link, 0, 1)]))


@pytest.mark.skipif(os.name == "nt", reason="paths have another limit there")
def test_paths_longer_than_the_system_takes(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    path = os.fsencode(tmp_path)
    for _ in range(30):
        os.mkdir(b"d" * 200, dir_fd=folder)
        deeper = os.open(b"d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder, path = deeper, path + b"/" + b"d" * 200
    with open(os.open(b"file", os.O_WRONLY | os.O_CREAT, dir_fd=folder), "wb") as file:
        file.write(b"deep down")
    os.close(folder)
    assert len(path) > 4096
    assert read_many([(path + b"/file", 5, 4)]) == [b"down"]


def test_bad_spans_are_refused():
    for bad in [(b"a\0b", 0, 1), (b"a", -1, 1), (b"a", 0, -1)]:
        with pytest.raises(ValueError, match=r"zero byte|offset|span of"):
            read_spans([bad])
