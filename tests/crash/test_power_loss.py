"""Whatever a power failure leaves, the next run ends in the same bytes; no archive has a name too early."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from crash.recording import SHIM, Call, rebuild, record
from support import compile_shim, fill_codebase, tree_facts
from tests.pipeline.runs import pack
from ucompress.archive import Archive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")

RUN = """
import sys
from ucompress.pipeline.writing import naming
from tests.pipeline.runs import pack

naming.SYNC_SECONDS = 0
pack(sys.argv[1], sys.argv[2], database=sys.argv[3], checkpoint=1e-6, level=3, threads=1)
"""
LEFT = {"a.ucz", "p.db"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(tree, its archive's bytes, folder that the run worked in, what it did there)."""
    folder = tmp_path_factory.mktemp("power")
    tree, work = folder / "tree", folder / "work"
    work.mkdir()
    fill_codebase(tree, 60, 60_000)
    words = [sys.executable, "-c", RUN, tree, work / "a.ucz", work / "p.db"]
    calls = record(words, compile_shim(SHIM, folder), work, folder / "log", folder / "state")
    reference = (work / "a.ucz").read_bytes()
    shutil.rmtree(work)
    return tree, reference, work, calls


def check_state(recorded, calls: list[Call], rng: random.Random) -> None:
    """Rebuild a state, look at what has a name in it, and run again."""
    tree, reference, work, _ = recorded
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for path, content in rebuild(calls, rng).items():
        Path(os.fsdecode(path)).write_bytes(content)
    output = work / "a.ucz"
    if output.exists():
        assert output.read_bytes() == reference
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UCOMPRESS_STATE_DIR", str(work.parent / "state"))
        result, packed = pack(tree, output, database=work / "p.db", level=3, threads=1)
    assert packed == reference
    aside = {name for name in os.listdir(work) if name.startswith("p.db.corrupt-")}
    assert not aside or any("moved aside" in warning for warning in result.warnings)
    assert set(os.listdir(work)) - aside - {"p.db-wal", "p.db-shm"} == LEFT


def test_the_record_is_of_the_whole_run(recorded):
    """All that the run did is in the record: applied as it was done, it gives the same archive."""
    _, reference, work, calls = recorded
    path = os.fsencode(work / "a.ucz")
    assert {call.kind for call in calls} >= set("CWSRD")
    rng = random.Random(0)
    states = [rebuild(calls, rng) for _ in range(20)]
    assert any(state.get(path) == reference for state in states)
    renamed = max(at for at, call in enumerate(calls) if call.kind == "R" and call.b == path)
    assert any(call.kind == "D" for call in calls[renamed:])


@pytest.mark.parametrize("seed", range(25))
def test_some_states(recorded, seed):
    rng = random.Random(seed)
    calls = recorded[3]
    before = tree_facts(recorded[0]) if seed == 0 else None
    check_state(recorded, calls[: rng.randrange(len(calls) + 1)], rng)
    assert before is None or tree_facts(recorded[0]) == before


def test_a_partial_file_whose_first_bytes_were_lost_is_ours_all_the_same(recorded):
    """Where later bytes reached the disk and the first did not, it begins with zeros."""
    tree, reference, work, _ = recorded
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / ".a.ucz.partial").write_bytes(bytes(5000) + b"later")
    assert pack(tree, work / "a.ucz", database=work / "p.db", level=3)[1] == reference
    assert not (work / ".a.ucz.partial").exists()


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_a_thousand_states(recorded, part):
    calls = recorded[3]
    for seed in range(50):
        rng = random.Random(1_000_000 + 50 * part + seed)
        check_state(recorded, calls[: rng.randrange(len(calls) + 1)], rng)


def test_an_archive_that_was_synced_but_not_renamed_is_whole(recorded, tmp_path):
    """The last sync of the partial file stands before its new name: what has the name has all bytes."""
    _, reference, work, calls = recorded
    renamed = max(at for at, c in enumerate(calls) if c.kind == "R" and c.b == os.fsencode(work / "a.ucz"))
    partial = calls[renamed].a
    inode = next(call.inode for call in calls if call.kind == "C" and call.a == partial)
    later = [call for call in calls[renamed:] if call.inode == inode and call.kind in "WT"]
    assert not later
    for seed in range(20):
        state = rebuild(calls[:renamed], random.Random(seed))
        assert state[partial] == reference
    path = tmp_path / "a.ucz"
    path.write_bytes(reference)
    with Archive(path) as archive:
        assert archive.verify().ok
