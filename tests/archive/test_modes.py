"""Which bits of a mode are given back, and to what."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ucompress.archive import Archive

from .build import folder, plan_files, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")


def modes(root: Path) -> dict[str, int]:
    """Mode of everything below a folder, by path."""
    return {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}


def test_set_user_id_and_set_group_id_stay_off_and_the_sticky_bit_is_given_back(tmp_path):
    others = [folder(b"t", 0o7755), folder(b"t/open", 0o1777)]
    plan = plan_files({b"t/run": b"#!", b"t/large": b"x" * 9000}, others=others)
    plan.entries = [e._replace(mode=0o7711) if e.path in (b"t/run", b"t/large") else e for e in plan.entries]
    write(tmp_path / "a.ucz", plan)
    with Archive(tmp_path / "a.ucz") as archive:
        archive.extract(tmp_path / "out")
        archive.extract(tmp_path / "exact", setuid=True)
    kept = {"t": 0o1755, "t/open": 0o1777, "t/run": 0o1711, "t/large": 0o1711}
    assert modes(tmp_path / "out") == kept
    assert modes(tmp_path / "exact") == {**kept, "t": 0o7755, "t/run": 0o7711, "t/large": 0o7711}


@pytest.mark.parametrize("beside", [False, True], ids=["new", "beside"])
def test_folders_of_a_shared_folder_stay_of_its_group(tmp_path, beside):
    """As `mkdir` has it: what a folder has from the one around it is not the archive's to take."""
    write(tmp_path / "a.ucz", plan_files({b"t/f": b"1"}, others=[folder(b"t"), folder(b"t/in", 0o700)]))
    for setuid in (False, True):
        shared = tmp_path / f"shared{setuid}"
        shared.mkdir()
        shared.chmod(0o2775)
        (shared / "probe").mkdir()
        inherits = bool((shared / "probe").stat().st_mode & stat.S_ISGID)
        if beside:
            (shared / "t").mkdir()
            (shared / "t").chmod(0o2750)
        with Archive(tmp_path / "a.ucz") as archive:
            archive.extract(shared, setuid=setuid, force=True)
        (shared / "probe").rmdir()
        bit = 0o2000 if not setuid and (inherits or beside) else 0
        inner = 0o2000 if not setuid and inherits else 0
        assert modes(shared) == {"t": 0o755 | bit, "t/in": 0o700 | inner, "t/f": 0o644}


@pytest.mark.parametrize("closed", [0o700, 0o500], ids=oct)
def test_a_folder_that_was_there_keeps_its_mode_and_attributes(tmp_path, closed):
    """An archive cannot open a folder of somebody who did not say `--force`."""
    others = [folder(b".ssh", 0o777), folder(b".ssh/new", 0o755)]
    write(tmp_path / "a.ucz", plan_files({b".ssh/config": b"x"}, others=others))
    private = tmp_path / "home" / ".ssh"
    private.mkdir(parents=True)
    private.chmod(closed)
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.extract(tmp_path / "home").failed == []
        assert modes(tmp_path / "home") == {".ssh": closed, ".ssh/new": 0o755, ".ssh/config": 0o644}
        assert private.stat().st_mtime_ns != 10**18
        archive.extract(tmp_path / "home", force=True)
    assert modes(tmp_path / "home") == {".ssh": 0o777, ".ssh/new": 0o755, ".ssh/config": 0o644}
    assert private.stat().st_mtime_ns == 10**18
