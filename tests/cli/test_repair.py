"""compress --recovery and repair, from the command line."""

import json

import pytest

from support import fill_codebase, tree_facts


@pytest.fixture
def damaged(ucompress, tmp_path):
    """(path of a damaged archive, its bytes before)."""
    fill_codebase(tmp_path / "tree", 30, 2000)
    archive = tmp_path / "tree.ucz"
    done = ucompress(
        "compress", tmp_path / "tree", "-o", archive, "--database", ":memory:", "--recovery", "5"
    )
    assert done.code == 0
    whole = archive.read_bytes()
    archive.write_bytes(whole[:1000] + bytes(len(whole) // 50) + whole[1000 + len(whole) // 50 :])
    return archive, whole


def test_a_damaged_archive_is_mended_into_a_new_file(ucompress, damaged, tmp_path):
    archive, whole = damaged
    before = archive.read_bytes()
    assert ucompress("verify", archive).code == 21
    done = ucompress("repair", archive)
    assert (done.code, done.out) == (0, b"")
    assert "mended" in done.err
    mended = tmp_path / "tree.repaired.ucz"
    assert mended.read_bytes() == whole
    assert archive.read_bytes() == before
    assert ucompress("extract", mended, "-C", tmp_path / "out", "-q").code == 0
    assert tree_facts(tmp_path / "out" / "tree") == tree_facts(tmp_path / "tree")


def test_who_meets_damage_is_told_of_repair_where_a_record_is_there(ucompress, damaged, tmp_path):
    archive, whole = damaged
    hint = f"`ucompress repair {archive}` may mend this"
    assert hint in ucompress("verify", archive).err
    assert hint in ucompress("extract", archive, "-C", tmp_path / "out").err
    archive.write_bytes(whole[:-100])
    for command in ("verify", "list"):
        assert "`ucompress repair` may mend this; else `extract --recover`" in ucompress(command, archive).err
    archive.write_bytes(whole)
    assert "repair" not in ucompress("verify", archive).err
    plain = tmp_path / "plain.ucz"
    assert ucompress("compress", tmp_path / "tree", "-o", plain, "--database", ":memory:").code == 0
    data = plain.read_bytes()
    plain.write_bytes(data[:1000] + bytes(100) + data[1100:])
    assert "repair" not in ucompress("verify", plain).err
    plain.write_bytes(data[:-100])
    assert "repair" not in ucompress("list", plain).err


def test_repair_tells_in_json_what_it_did(ucompress, damaged):
    done = ucompress("repair", damaged[0], "--json")
    (document,) = map(json.loads, done.out.splitlines())
    assert document["type"] == "repaired"
    assert document["path"].endswith("tree.repaired.ucz")
    assert 0 < document["mended"] < document["sectors"]
    assert document["archive_bytes"] == len(damaged[1])
    assert not document["record_mended"]


def test_a_sound_archive_needs_no_repair(ucompress, damaged, tmp_path):
    ucompress("repair", damaged[0])
    done = ucompress("repair", tmp_path / "tree.repaired.ucz", "-o", tmp_path / "again.ucz")
    assert done.code == 0
    assert "every sector is sound" in done.err
    assert not (tmp_path / "again.ucz").exists()


def test_repair_replaces_no_foreign_file_and_never_the_archive_itself(ucompress, damaged, tmp_path):
    archive, _ = damaged
    before, foreign = archive.read_bytes(), tmp_path / "tree.repaired.ucz"
    foreign.write_text("mine")
    done = ucompress("repair", archive)
    assert done.code == 1
    assert foreign.read_text() == "mine"
    assert ucompress("repair", archive, "-o", archive).code == 2
    assert archive.read_bytes() == before
    assert ucompress("repair", archive, "--force").code == 0
    assert foreign.read_bytes() == damaged[1]


def test_a_damaged_archive_without_a_record_cannot_be_repaired(ucompress, tmp_path):
    fill_codebase(tmp_path / "tree", 5, 500)
    archive = tmp_path / "tree.ucz"
    assert ucompress("compress", tmp_path / "tree", "-o", archive, "--database", ":memory:").code == 0
    whole = archive.read_bytes()
    for damaged in (whole[:-100], whole[:-300] + bytes(50) + whole[-250:]):
        archive.write_bytes(damaged)
        done = ucompress("repair", archive)
        assert done.code == 21
        assert "--recovery" in done.err
        assert "Traceback" not in done.err


def test_a_sound_archive_without_a_record_is_told_so(ucompress, tmp_path):
    fill_codebase(tmp_path / "tree", 5, 500)
    archive = tmp_path / "tree.ucz"
    assert ucompress("compress", tmp_path / "tree", "-o", archive, "--database", ":memory:").code == 0
    done = ucompress("repair", archive)
    assert (done.code, done.out) == (0, b"")
    assert "sound, but without a recovery record; nothing was written" in done.err
    (document,) = map(json.loads, ucompress("repair", archive, "--json").out.splitlines())
    assert (document["path"], document["sectors"], document["mended"]) == (str(archive), 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tree", "tree.ucz"]


def test_repair_needs_a_file(ucompress):
    done = ucompress("repair", "-")
    assert done.code == 2
    assert "repair needs an archive by its name, not on standard input" in done.err


def test_info_tells_of_the_record(ucompress, damaged, tmp_path):
    ucompress("repair", damaged[0])
    assert b"a record of" in ucompress("info", tmp_path / "tree.repaired.ucz").out
    document = json.loads(ucompress("info", "--json", tmp_path / "tree.repaired.ucz").out)
    assert document["extra"]["recovery_bytes"] > 0.05 * 0.8 * len(damaged[1])


@pytest.mark.parametrize("percent", ["-1", "101", "much"])
def test_a_record_of_no_possible_size_is_refused(ucompress, tmp_path, percent):
    fill_codebase(tmp_path / "tree", 3, 100)
    done = ucompress("compress", tmp_path / "tree", "-o", tmp_path / "a.ucz", "--recovery", percent)
    assert done.code == 2
    assert not (tmp_path / "a.ucz").exists()


def test_repair_takes_nobodys_file(ucompress, damaged, tmp_path):
    archive, whole = damaged
    beside, other = tmp_path / "mended.ucz.partial", tmp_path / "other.ucz"
    beside.write_bytes(whole)
    other.write_bytes(whole[::-1])
    assert ucompress("repair", archive, "-o", tmp_path / "mended.ucz", "-q").code == 0
    assert beside.read_bytes() == (tmp_path / "mended.ucz").read_bytes() == whole
    other.write_bytes(whole + b"another one")
    done = ucompress("repair", archive, "-o", other)
    assert (done.code, other.read_bytes()) == (1, whole + b"another one")
    assert "--force" in done.err
    assert ucompress("repair", archive, "-o", other, "--force", "-q").code == 0
    assert other.read_bytes() == whole
    assert not list(tmp_path.glob(".*partial"))


@pytest.mark.parametrize("appended", [b"\n", b"UCZEND\n" * 1000, bytes(1 << 20)], ids=["1", "ends", "1 MiB"])
def test_what_was_appended_is_told_and_cut(ucompress, tmp_path, appended):
    fill_codebase(tmp_path / "tree", 5, 2000)
    whole, longer = tmp_path / "a.ucz", tmp_path / "b.ucz"
    assert (
        ucompress(
            "compress", tmp_path / "tree", "-o", whole, "--recovery", "10", "--database", ":memory:"
        ).code
        == 0
    )
    content = whole.read_bytes()
    longer.write_bytes(content + appended)
    for command in ("list", "verify", "info"):
        done = ucompress(command, longer)
        assert done.code == 21
        assert f"the archive ends after {len(content)} bytes, and {len(appended)} more follow" in done.err
        assert "truncated" not in done.err
    assert ucompress("repair", longer, "-q").code == 0
    assert (tmp_path / "b.repaired.ucz").read_bytes() == content


def test_the_end_of_an_archive_within_a_cut_one_is_not_its_end(ucompress, tmp_path):
    fill_codebase(tmp_path / "tree", 5, 2000)
    inner, outer = tmp_path / "a.ucz", tmp_path / "b.ucz"
    assert ucompress("compress", tmp_path / "tree", "-o", inner, "--database", ":memory:").code == 0
    content = inner.read_bytes()
    outer.write_bytes(content[:200] + content + bytes(50))
    done = ucompress("list", outer)
    assert done.code == 21
    assert "truncated" in done.err
