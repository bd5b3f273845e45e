"""Folders opened below one: by the one call for it, and one after the other where that is missing."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ucompress.files import open_folder, write_files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs descriptors of folders")

OPENAT2 = 437
LONG = b"/".join([b"n" * 200] * 25)


def forbid(call: int, error: int) -> None:
    """Let a system call fail in this process from now on, as filters around containers do."""
    rules = [
        struct.pack("=HBBI", 0x20, 0, 0, 0),  # the number of the call
        struct.pack("=HBBI", 0x15, 0, 1, call),
        struct.pack("=HBBI", 0x06, 0, 0, 0x00050000 | error),
        struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000),
    ]
    table = ctypes.create_string_buffer(b"".join(rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(table)))
    control = ctypes.CDLL(None, use_errno=True).prctl
    if control(38, 1, 0, 0, 0) or control(22, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "no filter of system calls")


def told_of(root: Path) -> list[str]:
    """What opening and writing by each of some paths comes to."""
    opened, told = os.open(root, os.O_RDONLY), []
    for path in (
        b"a", b"a/b", b"a/b/c", LONG, b"link", b"link/b", b"a/link", b"a/link/b", b"file", b"file/b",
        b"none/b", b"..", b"a/../..", b"/", b"/etc", b"a/" + b"n" * 2000,
    ):  # fmt: skip
        try:
            found = open_folder(opened, path)
        except OSError as error:
            refusal = "link or no folder" if error.errno in (errno.ELOOP, errno.ENOTDIR) else error.errno
            told.append(f"{path[:20]!r}: {refusal}")
            continue
        state = os.fstat(found)
        told.append(f"{path[:20]!r}: {state.st_ino}, inherited: {os.get_inheritable(found)}")
        os.close(found)
    paths = [b"new", b"a/new", b"a/new2", b"a/b/new", b"a/link/new", b"link/new", b"../new", LONG + b"/new"]
    missing = write_files(opened, b"x", [(path, 0, 1, 0o644, 0) for path in paths])
    told.append(str([number for number, _ in missing]))
    before = len(os.listdir("/dev/fd"))
    open_folder_twice = [
        write_files(opened, b"x", [(b"a/b/f%d" % number, 0, 1, 0o644, 0)]) for number in (0, 1)
    ]
    told.append(f"{open_folder_twice}, more descriptors: {len(os.listdir('/dev/fd')) - before}")
    os.close(opened)
    return told


@pytest.mark.parametrize("without", [0, errno.ENOSYS, errno.EPERM], ids=["as it is", "missing", "forbidden"])
def test_no_link_in_a_path_is_followed(tmp_path: Path, without: int) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "a/b/c").mkdir(parents=True)
    (outside / "b").mkdir(parents=True)
    (root / "file").write_bytes(b"")
    (root / "link").symlink_to("a")
    (root / "a/link").symlink_to(outside)
    above = os.open(root, os.O_RDONLY)
    for part in LONG.split(b"/"):
        os.mkdir(part, dir_fd=above)
        below = os.open(part, os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    deepest = os.fstat(above).st_ino
    os.close(above)
    code = "from pathlib import Path\nfrom tests.archive.test_beneath import forbid, told_of, OPENAT2\n"
    if without:
        if not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "aarch64"):
            pytest.skip("filters of system calls as Linux has them")
        code += f"forbid(OPENAT2, {without})\n"
    code += f"print(*told_of(Path({str(root)!r})), sep='\\n')"
    here = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        *(
            f"{name.encode()!r}: {(root / name).stat().st_ino}, inherited: False"
            for name in ("a", "a/b", "a/b/c")
        ),
        f"{LONG[:20]!r}: {deepest}, inherited: False",
        *(
            f"{path!r}: link or no folder"
            for path in (b"link", b"link/b", b"a/link", b"a/link/b", b"file", b"file/b")
        ),
        f"{b'none/b'!r}: {errno.ENOENT}",
        *(f"{path!r}: {errno.EXDEV}" for path in (b"..", b"a/../..", b"/", b"/etc")),
        f"{b'a/' + b'n' * 18!r}: {errno.ENAMETOOLONG}",
        "[4, 5, 6]",
        "[[], []], more descriptors: 0",
    ]
    assert [path.name for path in outside.rglob("*")] == ["b"]
    assert not (tmp_path / "new").exists()


def test_a_path_has_no_zero_byte(tmp_path: Path) -> None:
    opened = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(ValueError, match="zero byte"):
            open_folder(opened, b"a\0b")
    finally:
        os.close(opened)
