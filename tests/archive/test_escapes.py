"""Ways out of the target folder that other programs have had, rebuilt as archives of ours.

What a test is named after was published; nothing of these archives may appear outside the target.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ucompress.archive import Archive, Entry, EntryKind
from ucompress.archive.extracting import target as target_module
from ucompress.archive.writing import index as index_module
from ucompress.errors import CompressionError

from .build import folder, plan_files, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")

SECRET = b"outside, and not to be changed"
ATTACKER = """
import os, sys

target, wanted, outside = sys.argv[1:]

def swap(inside):
    aside = inside + ".aside"
    try:
        os.rename(inside, aside)
        os.symlink(outside, inside)
        os.unlink(inside)
        os.rename(aside, inside)
    except OSError:
        if os.path.islink(inside):
            os.unlink(inside)
        if os.path.isdir(aside) and not os.path.lexists(inside):
            os.rename(aside, inside)

print("ready", flush=True)
while True:
    try:
        put_together = [name for name in os.listdir(target) if name.startswith(".ucompress-")]
    except OSError:
        continue
    for folder in [target] + [target + "/" + name for name in put_together]:
        for _ in range(20):
            swap(folder + "/" + wanted)
"""


def link(path: bytes, target: bytes) -> Entry:
    """A symbolic link's entry."""
    return Entry(path, EntryKind.SYMLINK, target=target)


@pytest.fixture(params=[True, False], ids=["descriptors", "paths"])
def outside(request, monkeypatch, tmp_path):
    """A folder beside the target with a file in it; with directory descriptors, and without."""
    if not request.param:
        monkeypatch.setattr(target_module, "_BY_DESCRIPTOR", False)
    made = tmp_path / "outside"
    made.mkdir()
    (made / "secret").write_bytes(SECRET)
    yield made
    assert os.listdir(made) == ["secret"]
    assert (made / "secret").read_bytes() == SECRET
    assert (made / "secret").stat().st_nlink == 1


def extract(tmp_path, files, others, *, times=2):
    """Extract an archive, twice into the same folder: the second time its links are there already."""
    path = tmp_path / "evil.ucz"
    write(path, plan_files(files, others=others))
    failed = set()
    for _ in range(times):
        try:
            with Archive(path) as archive:
                failed |= {name for name, _ in archive.extract(tmp_path / "out", force=True).failed}
        except CompressionError:
            failed.add(b"*")
    return failed


def test_zip_slip_a_path_that_climbs_out(tmp_path, outside, monkeypatch):
    monkeypatch.setattr(index_module, "path_problem", lambda path: None)
    for evil in (b"../outside/secret", b"d/../../outside/secret", os.fsencode(outside) + b"/secret"):
        assert extract(tmp_path, {evil: b"evil"}, []) == {b"*"}


def test_cve_2025_4517_a_chain_of_links_longer_than_any_path(tmp_path, outside):
    """The real path of `escape` is longer than the system resolves; the file is written through it."""
    name, others, where = b"d" * 200, [], b""
    for step in b"abcdefghijklmnop":
        others.append(folder(where + name))
        others.append(link(where + b"%c" % step, name))
        where += b"%c/" % step
    short = b"/".join(b"%c" % step for step in b"abcdefghijklmnop")
    climbing = short + b"/" + b"l" * 100
    others += [
        link(climbing, b"../" * 16),
        link(b"escape", climbing + b"/../../outside"),
        link(b"hard", b"escape/secret"),
    ]
    others = sorted({entry.path: entry for entry in others}.values(), key=lambda entry: entry.path)
    assert extract(tmp_path, {b"escape/secret": b"evil", b"hard2/x": b"evil"}, others)


def test_cve_2025_4330_a_link_to_a_link_that_leads_out(tmp_path, outside):
    others = [link(b"a", b"."), link(b"a/b", b".."), link(b"c", b"a/b/outside")]
    assert extract(tmp_path, {b"c/secret": b"evil", b"c/new": b"evil"}, others)


def test_cve_2025_4138_a_hard_link_to_a_file_outside(tmp_path, outside, monkeypatch):
    monkeypatch.setattr(index_module, "link_problem", lambda path, target: None)
    for target in (b"../outside/secret", os.fsencode(outside) + b"/secret", b"a/secret"):
        others = [link(b"a", b"../outside"), Entry(b"b", EntryKind.HARDLINK, target=target)]
        assert extract(tmp_path, {b"z": b"x"}, others)


def test_a_hard_link_to_a_link_of_the_archive_reaches_nothing(tmp_path, outside):
    others = [link(b"a", b"../outside/secret"), Entry(b"b", EntryKind.HARDLINK, target=b"a")]
    assert b"b" in extract(tmp_path, {b"z": b"x"}, others)


@pytest.mark.parametrize(
    "target", [b"C:\\outside", b"\\\\host\\share", b"..\\outside", b"../outside", b"/outside"]
)
def test_cve_2025_11001_and_11002_writing_through_a_link_of_the_same_archive(tmp_path, outside, target):
    """A folder's link with an absolute target, as another system spells it, then files below it."""
    target = target.replace(b"/outside", os.fsencode(outside)) if target == b"/outside" else target
    assert b"d" in extract(tmp_path, {b"d/secret": b"evil", b"d/new": b"evil"}, [link(b"d", target)])


def test_a_link_that_is_already_there_is_not_written_through(tmp_path, outside):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/d").symlink_to(outside)
    (tmp_path / "out/f").symlink_to(outside / "secret")
    assert b"d/secret" in extract(tmp_path, {b"d/secret": b"evil", b"f": b"mine"}, [folder(b"d")])


def test_modes_and_times_are_not_set_through_links(tmp_path, outside):
    before = (outside / "secret").stat()
    (tmp_path / "out/d").mkdir(parents=True)
    extract(tmp_path, {b"x": b"y"}, [link(b"d/s", b"../../outside/secret"), folder(b"d", 0o700)])
    after = (outside / "secret").stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


@contextmanager
def attacker(target: Path, inside: str, outside: Path):
    """A process of the same user that swaps a folder for a link to another one and back, over and over."""
    child = subprocess.Popen(
        [sys.executable, "-c", ATTACKER, target, inside, outside], stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        yield
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()


@pytest.mark.parametrize(
    "times", [10, pytest.param(1000, marks=pytest.mark.long)], ids=["a few", "a thousand"]
)
@pytest.mark.parametrize("swapped", ["d", "d/e"])
@pytest.mark.parametrize("beside", [True, False], ids=["put together beside", "in place"])
def test_folders_swapped_for_links_meanwhile(tmp_path, times, swapped, beside):
    """Only where folders have descriptors: without these, a look comes before each use, and that is all."""
    if not target_module._BY_DESCRIPTOR:
        pytest.skip("this system has no directory descriptors")
    outside, target = tmp_path / "outside", tmp_path / "out"
    (outside / "e").mkdir(parents=True)
    files = {b"d/e/%03d" % number: b"x" * 100 for number in range(300)}
    folders = [folder(path, mode=0o711) for path in (b"d", b"d/e", b"d/e/f", b"d/g")]
    others = [*folders, link(b"d/e/l", b"000"), Entry(b"d/e/m", EntryKind.HARDLINK, target=b"d/e/000")]
    path = tmp_path / "a.ucz"
    write(path, plan_files(files, others=others))
    for made in (outside / "e", outside):
        os.utime(made, ns=(10**9, 10**9))
        made.chmod(0o755)
    written = 0
    for _ in range(times):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        if not beside:
            (target / swapped).mkdir(parents=True)
            (target / "d/there").write_bytes(b"so that nothing is put together beside")
        with attacker(target, swapped, outside), Archive(path) as archive, suppress(CompressionError):
            written += archive.extract(target, force=True).files
        assert list(outside.rglob("*")) == [outside / "e"]
        for made in (outside, outside / "e"):
            assert (stat.S_IMODE(made.stat().st_mode), made.stat().st_mtime_ns) == (0o755, 10**9)
    assert written
