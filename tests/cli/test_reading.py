"""list, info, cat, verify and extract on one archive."""

import errno
import json
import os
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from support import tree_facts


def documents(outcome):
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_list_gives_names_in_the_order_of_their_bytes(ucompress, packed):
    tree, archive = packed
    done = ucompress("list", "-0", archive)
    names = done.out.split(b"\0")[:-1]
    assert done.code == 0
    assert names == sorted(names)
    top = os.fsencode(tree.parent)
    expected = {os.fsencode(tree)[len(top) + 1 :]}
    for folder, folders, files in os.walk(os.fsencode(tree)):
        expected |= {os.path.join(folder, name)[len(top) + 1 :] for name in folders + files}
    assert set(names) == expected


def test_list_of_a_folder_is_what_is_below_it(ucompress, packed):
    done = ucompress("list", packed[1], "tree/difficult/links")
    assert done.out.splitlines()[0] == b"tree/difficult/links"
    assert all(line.startswith(b"tree/difficult/links/") for line in done.out.splitlines()[1:])


def test_long_lists_show_mode_size_time_and_target(ucompress, packed):
    done = ucompress("list", "-l", packed[1], "tree/difficult/mode755", "tree/difficult/links/dangling")
    link, file = done.out.decode().splitlines()
    assert link.startswith("l")
    assert link.endswith("2017-07-14 02:40:00.000000001 tree/difficult/links/dangling -> nowhere/at all")
    assert file.split() == ["-0755", "10", "2020-09-13", "12:26:40.123456790", "tree/difficult/mode755"]


def test_list_as_json_tells_all_that_is_known(ucompress, packed):
    rows = documents(ucompress("list", "--json", packed[1]))
    assert {row["type"] for row in rows} == {"member"}
    by_path = {row["path"]: row for row in rows}
    assert by_path["tree/difficult/short"]["size"] == 1
    assert by_path["tree/difficult/links/to-file"]["target"] == "../short"
    assert {row["kind"] for row in rows} == {"file", "directory", "symlink", "hardlink"}


def test_a_member_that_is_not_there(ucompress, packed):
    for command in (["list"], ["cat"], ["extract"]):
        done = ucompress(*command, packed[1], "tree/nothing")
        assert (done.code, done.out) == (24, b"")
        assert "tree/nothing" in done.err
        assert "Traceback" not in done.err


def test_info_adds_up(ucompress, packed):
    (row,) = documents(ucompress("info", "--json", packed[1]))
    assert row["archive_bytes"] == packed[1].stat().st_size
    text = ucompress("info", packed[1]).out.decode()
    for word in ("archive", "ratio", "blocks", "dictionary", "index", "files", "hard links"):
        assert word in text


def test_cat_gives_the_bytes(ucompress, packed):
    tree, archive = packed
    done = ucompress(
        "cat", archive, "tree/difficult/noise", "tree/difficult/short", "tree/difficult/links/hard1"
    )
    noise = (tree / "difficult" / "noise").read_bytes()
    assert done.out == noise + b"a" + noise


def test_cat_of_names_that_are_not_text(ucompress, packed):
    done = ucompress("cat", packed[1], "tree/difficult/" + os.fsdecode(b"\xff\xfe not utf-8"))
    assert done.out == b"\xff\xfe not utf-8" * 3


def test_cat_writes_nothing_when_one_name_is_wrong(ucompress, packed):
    assert ucompress("cat", packed[1], "tree/difficult/short", "wrong").out == b""


@pytest.mark.parametrize("slash", ["", "/"])
def test_cat_of_a_folder_is_refused(ucompress, packed, slash):
    done = ucompress("cat", packed[1], "tree/difficult" + slash)
    assert (done.code, done.out) == (24, b"")
    assert "tree/difficult is a folder, not a file" in done.err


def test_extract_gives_the_tree_back(ucompress, packed, tmp_path):
    tree, archive = packed
    done = ucompress("extract", archive, "-C", tmp_path / "out")
    assert done.code == 0
    assert done.out == b""
    assert tree_facts(tmp_path / "out" / "tree") == tree_facts(tree)


def test_decompress_is_the_same_and_takes_members(ucompress, packed, tmp_path):
    tree, archive = packed
    assert ucompress("decompress", archive, "tree/code/package001", "-C", tmp_path).code == 0
    assert tree_facts(tmp_path / "tree/code/package001") == tree_facts(tree / "code" / "package001")
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["code"]


def test_extract_overwrites_only_by_force(ucompress, packed, tmp_path):
    (tmp_path / "tree" / "difficult").mkdir(parents=True)
    (tmp_path / "tree" / "difficult" / "short").write_bytes(b"mine")
    done = ucompress("extract", packed[1], "-C", tmp_path)
    assert done.code == 1
    assert "short" in done.err
    assert "--force" in done.err or "force" in done.err
    assert (tmp_path / "tree" / "difficult" / "short").read_bytes() == b"mine"
    assert ucompress("extract", packed[1], "-C", tmp_path, "--force").code == 0
    assert (tmp_path / "tree" / "difficult" / "short").read_bytes() == b"a"


def test_extract_as_json(ucompress, packed, tmp_path):
    notice, row = documents(ucompress("extract", "--json", packed[1], "-C", tmp_path))
    assert (notice["type"], "Windows" in notice["message"]) == ("notice", True)
    assert row["type"] == "extracted"
    assert row["failed"] == 0


def test_extract_names_files_when_asked(ucompress, packed, tmp_path):
    done = ucompress("extract", "-v", packed[1], "tree/difficult/short", "-C", tmp_path)
    assert "tree/difficult/short" in done.err.splitlines()


def test_verify_says_sound(ucompress, packed):
    done = ucompress("verify", packed[1])
    assert done.code == 0
    assert b"sound" in done.out
    (row,) = documents(ucompress("verify", "--json", packed[1]))
    assert row["sound"] is True
    assert row["damaged"] == 0
    assert ucompress("verify", "-q", packed[1]).out == b""


@pytest.mark.parametrize(
    "command", [["verify"], ["list"], ["info"], ["cat", "x"], ["extract"]], ids=lambda c: c[0]
)
def test_what_is_no_archive_is_told_so(ucompress, tmp_path, command):
    (tmp_path / "no.ucz").write_bytes(b"this is text\n" * 100)
    done = ucompress(command[0], tmp_path / "no.ucz", *command[1:])
    assert done.code == 21
    assert "no.ucz" in done.err
    assert "Traceback" not in done.err


def test_a_missing_archive(ucompress, tmp_path):
    done = ucompress("list", tmp_path / "missing.ucz")
    assert done.code == 1
    assert "missing.ucz: No such file" in done.err


def test_damage_costs_what_it_hits_and_shows_in_the_code(ucompress, packed, tmp_path):
    tree, archive = packed
    content = bytearray(archive.read_bytes())
    noise = (tree / "difficult" / "noise").read_bytes()
    place = content.find(noise[1000:1064])  # noise does not compress: it stands in a stored block
    assert place > 0
    content[place] ^= 1
    broken = tmp_path / "broken.ucz"
    broken.write_bytes(content)
    done = ucompress("verify", broken)
    assert done.code == 21
    assert "tree/difficult/noise" in done.err
    *rows, verdict, error = documents(ucompress("verify", "--json", broken))
    assert verdict["sound"] is False
    assert (error["fatal"], error["exit_code"]) == (True, 21)
    assert "tree/difficult/noise" in {row["path"] for row in rows}
    done = ucompress("extract", broken, "-C", tmp_path / "out")
    assert done.code == 21
    assert (tmp_path / "out" / "tree" / "code").is_dir()
    assert not (tmp_path / "out" / "tree" / "difficult" / "noise").exists()


def test_archives_come_from_standard_input_too(ucompress, packed, monkeypatch):
    with packed[1].open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", FakeStdin(stream))
        assert ucompress("cat", "-", "tree/difficult/short").out == b"a"


def test_an_empty_standard_input_is_no_archive(ucompress, monkeypatch):
    with open(os.devnull, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", FakeStdin(stream))
        assert ucompress("list", "-").code == 21


def test_standard_input_has_a_name(ucompress, tmp_path, monkeypatch):
    (tmp_path / "letter").write_bytes(b"Dear all, this is a letter and no archive at all.\n" * 20)
    with (tmp_path / "letter").open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", FakeStdin(stream))
        done = ucompress("list", "-")
    assert done.err == "ucompress: standard input: not a ucompress archive\n"


def test_one_is_not_many(ucompress, tmp_path):
    (tmp_path / "one").write_bytes(b"x")
    assert ucompress("compress", tmp_path / "one", "-q", "--database", ":memory:").code == 0
    assert b"sound: 1 member, 1 block, 1 B checked" in ucompress("verify", tmp_path / "one.ucz").out


def test_a_target_that_refuses_is_no_damaged_archive(ucompress, packed, tmp_path):
    (tmp_path / "out" / "tree" / "difficult" / "short").mkdir(parents=True)
    done = ucompress("extract", packed[1], "tree/difficult/short", "-C", tmp_path / "out", "--force")
    assert done.code == 1
    assert "1 member could not be given back" in done.err


def test_the_error_that_ends_an_extraction_says_which_member_it_is_about(
    ucompress, packed, tmp_path, monkeypatch
):
    def fail(*_arguments, **_options):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "symlink", fail)
    done = ucompress("extract", packed[1], "-C", tmp_path / "out", "--json")
    error = json.loads(done.out.splitlines()[-1])
    assert done.code == 1
    assert error["message"].startswith("cannot write tree/difficult/links/absolute: Input/output error")
    assert error["path"] == str(tmp_path / "out/tree/difficult/links/absolute")


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_what_members_did_not_get_back_is_told_a_line_for_each_kind(ucompress, tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("a", "b"):
        (tree / name).write_text(name)
        (tree / name).chmod(0o4755)
        os.setxattr(tree / name, "user.note", b"mine")
    ucompress("compress", tree, "-q", "--database", ":memory:")

    def refuse(number):
        def call(*_arguments):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "setxattr", call)

    refuse(errno.ENOTSUP)
    done = ucompress("extract", tmp_path / "tree.ucz", "-C", tmp_path / "out")
    assert done.code == 0
    assert "2 members had set-user-ID or set-group-ID bits" in done.err
    assert "2 members had attributes that cannot be kept there: the first is tree/a" in done.err
    done = ucompress("extract", tmp_path / "tree.ucz", "-C", tmp_path / "json", "--json", "--setuid")
    (line,) = (found for found in map(json.loads, done.out.splitlines()) if found["type"] == "dropped")
    assert (line["kind"], line["count"], line["path"]) == ("attributes", 2, "tree/a")
    refuse(errno.ENOSPC)
    done = ucompress("extract", tmp_path / "tree.ucz", "-C", tmp_path / "full", "-q")
    assert done.code == 1
    assert "tree/b: it stands, but its attribute user.note could not be set: No space left" in done.err
    assert "2 members could not be given back whole" in done.err
    assert (tmp_path / "full/tree/b").read_text() == "b"


class FakeStdin:
    """Standard input with the bytes of a file."""

    def __init__(self, buffer):
        self.buffer = buffer

    def isatty(self):
        return False


def test_what_is_left_of_an_archive_is_read_when_asked(ucompress, packed, tmp_path):
    cut = tmp_path / "cut.ucz"
    cut.write_bytes(packed[1].read_bytes()[:-200])
    done = ucompress("list", cut)
    assert done.code == 21
    assert done.err.count("recover") == 2  # on the command line, and in Python
    assert "`extract --recover`" in done.err
    done = ucompress("list", cut, "--recover")
    assert done.code == 0
    assert "cut off" in done.err
    assert b"tree/difficult/short" in done.out.splitlines()
    done = ucompress("cat", cut, "tree/difficult/short", "--recover")
    assert done.out == b"a"


def test_info_of_a_cut_archive_tells_no_savings_that_lost_blocks_would_feign(ucompress, packed, tmp_path):
    cut = tmp_path / "cut.ucz"
    cut.write_bytes(packed[1].read_bytes()[:-5000])
    shown = ucompress("info", cut, "--recover").out.decode()
    assert "saved by whole files" in shown
    for unknown in ("saved by segments", "saved by coding", "ratio"):
        assert unknown in ucompress("info", packed[1]).out.decode()
        assert unknown not in shown
    (document,) = documents(ucompress("info", cut, "--recover", "--json"))
    (whole,) = documents(ucompress("info", packed[1], "--json"))
    saved = whole["saved_bytes"]
    assert document["saved_bytes"] == saved | {"segments": None, "coding": None}


GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize(
    "archive", sorted((GOLDEN / "unsupported").glob("*.ucz")), ids=lambda path: path.stem
)
def test_what_this_program_does_not_have_is_not_called_damage(ucompress, tmp_path, archive):
    for words in (["verify", archive], ["extract", archive, "--force", "-C", tmp_path / "out"]):
        done = ucompress(*words)
        assert done.code == 22
        assert "damage" not in done.err
        assert documents(ucompress(*words, "--json"))[-1]["kind"] == "UnsupportedArchiveError"


def damaged_archive(path, at, size):
    """An archive of 500 files in ten pages, `size` bytes of its index damaged from `at` on."""
    from archive.build import plan_files, stored_pages, write
    from ucompress.archive.format.layout import HEADER_SIZE, SECTION_HEADER_SIZE

    files = {b"%04d" % number: b"%d" % number * 20 for number in range(500)}
    with stored_pages(), patch("ucompress.archive.writing.index.PAGE_ENTRIES", 50):
        write(path, plan_files(files))
    content = bytearray(path.read_bytes())
    begin = HEADER_SIZE + SECTION_HEADER_SIZE + at
    content[begin : begin + size] = bytes(byte ^ 0x55 for byte in content[begin : begin + size])
    path.write_bytes(content)
    return path


def test_a_lost_page_of_the_index_does_not_end_the_check(ucompress, tmp_path):
    archive = damaged_archive(tmp_path / "a.ucz", 1000, 700)
    done = ucompress("verify", archive)
    assert done.code == 21
    assert "150 members cannot even be named" in done.err
    assert "150 of 500 members cannot be read" in done.err
    *_, verdict, error = documents(ucompress("verify", "--json", archive))
    assert (verdict["type"], verdict["sound"], verdict["members"]) == ("verify", False, 350)
    assert (verdict["damaged"], error["exit_code"]) == (150, 21)


def test_damage_that_costs_nothing_is_told_so(ucompress, tmp_path):
    done = ucompress("verify", GOLDEN / "good/parity_mends_dictionary_index_and_directory.ucz")
    assert done.code == 21
    assert "all members can still be read" in done.err


def test_a_content_that_has_another_hash_is_a_lost_member(ucompress):
    done = ucompress("verify", "--json", GOLDEN / "bad/the_content_hash_of_a_file_differs.ucz")
    *rows, verdict, _ = documents(done)
    lost = [row["path"] for row in rows if row["type"] == "damage"]
    assert verdict["damaged"] == len(lost) > 0
    assert "0 of" not in ucompress("verify", GOLDEN / "bad/the_content_hash_of_a_file_differs.ucz").err


def test_info_as_json_tells_the_archives_own_version_and_goes_on_without_a_dictionary(ucompress):
    (document,) = documents(ucompress("info", "--json", GOLDEN / "good/a_later_minor_version_is_read.ucz"))
    assert document["format_version"] == "1.9"
    done = ucompress("info", "--json", GOLDEN / "bad/the_dictionary_is_damaged_beyond_repair.ucz")
    assert done.code == 0
    warning, document = documents(done)
    assert (warning["severity"], document["dictionary_bytes"]) == ("warning", None)
