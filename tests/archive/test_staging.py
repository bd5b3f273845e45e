"""What a whole extraction is put together in, and the kernel that makes its files."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from ucompress.archive import Archive, Entry, EntryKind
from ucompress.archive.extracting import staging
from ucompress.archive.extracting.target import TargetFolder
from ucompress.errors import OutputError
from ucompress.files import write_files

from .build import folder, plan_files, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs descriptors of folders")

DATA = bytes(range(256)) * 4


@pytest.fixture
def opened(tmp_path: Path):
    (tmp_path / "d").mkdir()
    descriptor = os.open(tmp_path / "d", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("kept", [0, 0o755])
def test_files_come_with_mode_and_time(tmp_path: Path, opened: int, kept: int) -> None:
    times = [0, -1, -1_000_000_001, 10**18 + 7, -(1 << 60), 5 * 10**9]
    modes = [0o644, 0o666, 0o400, 0o1777, 0, 0o777]
    rows = [
        (b"f%d" % n, n, 100 * n, mode, time) for n, (mode, time) in enumerate(zip(modes, times, strict=True))
    ]
    before = os.umask(0o022)
    try:
        assert write_files(opened, DATA, rows, kept) == []
    finally:
        os.umask(before)
    for name, offset, size, mode, time in rows:
        path = tmp_path / "d" / os.fsdecode(name)
        state = path.stat()
        assert (stat.S_IMODE(state.st_mode), state.st_mtime_ns) == (mode, time)
        path.chmod(0o600)
        assert path.read_bytes() == DATA[offset : offset + size]


def test_nothing_is_replaced_or_followed(tmp_path: Path, opened: int) -> None:
    (tmp_path / "d" / "there").write_bytes(b"mine")
    (tmp_path / "d" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "outside").mkdir()
    (tmp_path / "d" / "through").symlink_to(tmp_path / "outside")
    paths = [b"there", b"link", b"no/folder", b"there/below", b"good"]
    missing = write_files(opened, memoryview(DATA), [(path, 0, 3, 0o644, 0) for path in paths])
    assert missing == [(0, errno.EEXIST), (1, errno.EEXIST), (2, errno.ENOENT), (3, errno.ENOTDIR)]
    assert (tmp_path / "d" / "there").read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "d" / "good").read_bytes() == DATA[:3]


@pytest.mark.parametrize("span", [(0, 1025), (1025, 0), (-1, 1), (1, -1), (1 << 62, 1 << 62)])
def test_spans_lie_in_the_buffer(opened: int, span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not in a buffer"):
        write_files(opened, DATA, [(b"a", 0, 1, 0o644, 0), (b"f", *span, 0o644, 0)])
    assert os.listdir(opened) == []


def test_a_path_has_no_zero_byte(opened: int) -> None:
    with pytest.raises(ValueError, match="zero byte"):
        write_files(opened, DATA, [(b"a\0b", 0, 1, 0o644, 0)])
    assert write_files(opened, b"", []) == []


def test_a_file_that_does_not_fit_is_removed(tmp_path: Path, opened: int) -> None:
    code = (
        "import os, resource, signal, sys\nfrom ucompress.files import write_files\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "rows = [(b'small', 0, 900, 0o644, 0), (b'large', 0, 1100, 0o644, 0)]\n"
        f"print(write_files({opened}, bytes(2000), rows))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], pass_fds=[opened], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"[(1, {errno.EFBIG})]"
    assert os.listdir(tmp_path / "d") == ["small"]


def archive_of(path: Path, files: dict[bytes, bytes]) -> Path:
    write(path / "a.ucz", plan_files(files, block=4000, others=[folder(b"t")]))
    return path / "a.ucz"


def test_a_whole_tree_appears_at_once(tmp_path: Path) -> None:
    files = {b"t/%02d" % number: bytes([number]) * 3000 for number in range(20)}
    target, seen = tmp_path / "out", []

    def look(_name: str, _size: int) -> None:
        seen.append([name for name in os.listdir(target) if not name.startswith(".ucompress-")])

    with Archive(archive_of(tmp_path, files)) as archive:
        assert archive.extract(target, progress=look).failed == []
    assert len(seen) == 20 and not any(seen)
    assert os.listdir(target) == ["t"]
    assert {b"t/" + os.fsencode(p.name): p.read_bytes() for p in (target / "t").iterdir()} == files


def test_the_folder_is_of_the_user_alone(tmp_path: Path) -> None:
    target, modes = tmp_path / "out", set()

    def look(_name: str, _size: int) -> None:
        modes.update(stat.S_IMODE(path.stat().st_mode) for path in target.iterdir())

    with Archive(archive_of(tmp_path, {b"t/f": b"x"})) as archive:
        archive.extract(target, progress=look)
    assert modes == {0o700}


def test_what_came_between_is_left_untouched(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def intrude(_name: str, _size: int) -> None:
        (target / "t").mkdir(exist_ok=True)
        (target / "t" / "f").write_bytes(b"mine")

    with (
        Archive(archive_of(tmp_path, {b"t/f": b"x"})) as archive,
        pytest.raises(OutputError, match=r"t is already there.*is in \.ucompress-"),
    ):
        archive.extract(target, progress=intrude)
    assert (target / "t" / "f").read_bytes() == b"mine"


def test_a_killed_extraction_leaves_no_part_under_its_name(tmp_path: Path) -> None:
    files = {b"t/%02d" % number: bytes([number]) * 3000 for number in range(20)}
    code = (
        "import os, signal, ucompress\ncount = []\n"
        "def stop(*_):\n    count.append(1)\n    len(count) == 7 and os.kill(os.getpid(), signal.SIGKILL)\n"
        f"ucompress.open({str(archive_of(tmp_path, files))!r})"
        f".extract({str(tmp_path / 'out')!r}, progress=stop)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [name for name in os.listdir(tmp_path / "out") if not name.startswith(".ucompress-")] == []


def test_a_file_system_with_modes_of_its_own_is_written_to_at_once(tmp_path: Path, monkeypatch) -> None:
    """FAT and network shares show every folder as open to all, and may refuse to change a mode."""
    target, real, umask = tmp_path / "out", os.fstat, 0o022

    def as_shown(descriptor: int) -> os.stat_result:
        state = list(real(descriptor))
        state[0] |= 0o777 & ~umask
        return os.stat_result(state)

    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fstat", as_shown)
    monkeypatch.setattr(os, "fchmod", refuse)
    with Archive(archive_of(tmp_path, {b"t/f": b"x", b"t/g": b"y"})) as archive:
        report = archive.extract(target)
    assert (report.failed, report.files, report.folders) == ([], 2, 1)
    assert os.listdir(target) == ["t"]
    assert (target / "t" / "f").read_bytes() == b"x"


def test_no_folder_stays_where_it_cannot_be_used(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(staging.os, "geteuid", refuse)
    with (
        Archive(archive_of(tmp_path, {b"t/f": b"x"})) as archive,
        pytest.raises(OutputError, match=r"cannot extract to .*out: Input/output error"),
    ):
        archive.extract(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_deeper_than_the_longest_path_come_with_mode_and_time(tmp_path: Path) -> None:
    """The system takes no path of 5000 bytes, but each of its components."""
    paths = [b"/".join([b"n" * 200] * depth) for depth in range(1, 26)]
    write(
        tmp_path / "a.ucz",
        plan_files(
            {paths[-1] + b"/leaf": b"content"},
            others=[
                folder(path)._replace(mode=0o750, mtime_ns=number * 10**9)
                for number, path in enumerate(paths)
            ],
        ),
    )
    with Archive(tmp_path / "a.ucz") as archive:
        report = archive.extract(tmp_path / "out")
    assert (report.failed, report.folders, report.files) == ([], 25, 1)
    above = os.open(tmp_path / "out", os.O_RDONLY)
    for number in range(25):
        below = os.open(b"n" * 200, os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
        state = os.fstat(above)
        assert (stat.S_IMODE(state.st_mode), state.st_mtime_ns) == (0o750, number * 10**9)
    leaf = os.open(b"leaf", os.O_RDONLY, dir_fd=above)
    assert os.read(leaf, 100) == b"content"
    os.close(leaf)
    os.close(above)


def test_with_force_what_came_between_is_replaced_file_by_file(tmp_path: Path) -> None:
    target = tmp_path / "out"
    files = {b"t/a": b"a", b"t/b/c": b"c", b"u": b"u"}

    def intrude(_name: str, _size: int) -> None:
        (target / "t").mkdir(exist_ok=True)
        (target / "t" / "a").write_bytes(b"theirs")
        (target / "t" / "more").write_bytes(b"theirs")

    with Archive(archive_of(tmp_path, files)) as archive:
        report = archive.extract(target, force=True, progress=intrude)
    assert (report.files, report.failed) == (3, [])
    assert sorted(os.listdir(target)) == ["t", "u"]
    assert sorted(os.listdir(target / "t")) == ["a", "b", "more"]
    assert (target / "t" / "a").read_bytes() in (b"a", b"theirs")  # they go on intruding
    assert (target / "t" / "b" / "c").read_bytes() == b"c"


def test_several_may_extract_to_one_new_folder_by_force(tmp_path: Path) -> None:
    files = {b"t/%02d" % number: bytes([number]) * 3000 for number in range(20)}
    links = [
        Entry(b"t/z", EntryKind.HARDLINK, target=b"t/00"),
        Entry(b"t/y", EntryKind.SYMLINK, target=b"00"),
    ]
    write(tmp_path / "a.ucz", plan_files(files, block=4000, others=[folder(b"t"), *links]))
    target = tmp_path / "out"
    together = Barrier(4)

    def one(_number: int) -> list[tuple[bytes, str]]:
        first = True

        def wait(_name: str, _size: int) -> None:
            nonlocal first
            if first:
                first = False
                together.wait(30)

        with Archive(tmp_path / "a.ucz") as archive:
            return archive.extract(target, force=True, threads=1, progress=wait).failed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == [[]] * 4
    assert os.listdir(target) == ["t"]
    assert sorted(os.listdir(target / "t")) == [*(f"{number:02d}" for number in range(20)), "y", "z"]
    assert {os.fsencode(f"t/{n:02d}"): (target / "t" / f"{n:02d}").read_bytes() for n in range(20)} == files


def test_a_link_that_another_one_made_meanwhile_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = TargetFolder(tmp_path, force=True)
    (tmp_path / "file").write_bytes(b"x")
    os.link(tmp_path / "file", tmp_path / "link")
    target.make_hard_link(b"link", b"file")
    target.close()
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]


def test_all_that_was_put_together_is_removed_however_deep_and_whatever_its_mode(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    top = tmp_path / "top"
    top.mkdir()
    opened = os.open(top, os.O_RDONLY)
    os.symlink(outside, "link", dir_fd=opened)
    os.mkdir("other", dir_fd=opened)
    os.symlink(outside, "other/link", dir_fd=opened)
    above = os.dup(opened)
    for depth in range(1500):
        os.mkdir("d" * 20, dir_fd=above)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=above)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        os.fchmod(above, 0o500 if depth else 0o700)
        os.close(above)
        above = inner
    os.fchmod(above, 0)
    os.close(above)
    staging.remove_all(opened)
    assert os.listdir(opened) == []
    os.close(opened)
    assert os.listdir(outside) == ["kept"]
