"""Archives whose index is damaged beyond what parity mends: nothing is left out in silence."""

import json
import os
import random
import stat
from unittest.mock import patch

import pytest

from archive.build import plan_files, write
from damage.archives import make
from golden.make import words
from ucompress.api import decompress
from ucompress.archive import Archive, Entry, EntryKind
from ucompress.archive.writing import index as index_module
from ucompress.errors import CorruptArchiveError

MEMBERS = 4000
PAGE = 100


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(bytes, where the index lies in them, contents) of an archive whose index has 40 pages, some 140 KB."""
    chance = random.Random(5)
    files = {chance.randbytes(16).hex().encode(): words(number, 40) for number in range(MEMBERS)}
    path = tmp_path_factory.mktemp("index") / "a.ucz"
    with patch.object(index_module, "PAGE_ENTRIES", PAGE):
        write(path, plan_files(files, block=16_384))
    with Archive(path) as archive:
        table = archive._directory.index
        assert len(table) == MEMBERS // PAGE
        return path.read_bytes(), (table.section_at, archive._directory.blocks.at[0]), files


def zeroed(data, begin, end):
    return data[:begin] + bytes(end - begin) + data[end:]


def damages(made):
    data, (begin, end), _ = made
    middle = (begin + end) // 2
    return {
        "64 KB": zeroed(data, middle - 32_768, middle + 32_768),
        "half": zeroed(data, middle, end),
        "whole": zeroed(data, begin, end),
    }


@pytest.fixture(params=["64 KB", "half", "whole"])
def damaged(request, made, tmp_path):
    path = tmp_path / "damaged.ucz"
    path.write_bytes(damages(made)[request.param])
    return path


def lost_in(err):
    """The number that a sentence on stderr tells."""
    (line,) = {line for line in err.splitlines() if "cannot even be named" in line}
    return int(line.split(" member")[0].split(": ")[-1].replace(",", ""))


def test_list_tells_how_many_members_have_no_name(ucompress, damaged):
    done = ucompress("list", "--recover", damaged)
    assert done.code == 21
    assert len(done.out.splitlines()) + lost_in(done.err) == MEMBERS
    done = ucompress("list", "--recover", "--json", damaged)
    *rows, error = map(json.loads, done.out.splitlines())
    assert (done.code, error["type"], error["exit_code"]) == (21, "error", 21)
    assert len(rows) + lost_in(error["message"]) == MEMBERS


def test_info_tells_how_many_members_have_no_name(ucompress, damaged):
    done = ucompress("info", "--recover", damaged)
    assert done.code == 21
    (files,) = (line for line in done.out.decode().splitlines() if line.startswith("files"))
    assert int(files.split()[1].replace(",", "")) + lost_in(done.err) == MEMBERS
    assert ucompress("info", "--recover", "--json", damaged).code == 21


def test_decompress_raises_and_tells_how_many_members_have_no_name(damaged, tmp_path):
    with pytest.raises(CorruptArchiveError, match=r"members were lost with the index; all others") as caught:
        decompress(damaged, tmp_path / "out", recover=True)
    (note,) = caught.value.__notes__
    written = sum(len(files) for _, _, files in os.walk(tmp_path / "out"))
    loose = sum(len(files) for path, _, files in os.walk(tmp_path / "out") if "recovered-blocks" in path)
    assert int(note.split(": ")[1].replace(",", "")) + written - loose == MEMBERS


def test_extract_tells_how_many_members_have_no_name(ucompress, damaged, made, tmp_path):
    done = ucompress("extract", "--recover", "--json", damaged, "-C", tmp_path / "out")
    assert done.code == 21
    *_, extracted, error = map(json.loads, done.out.splitlines())
    assert (extracted["type"], error["exit_code"]) == ("extracted", 21)
    assert extracted["files"] + extracted["nameless"] == MEMBERS
    assert lost_in(error["message"]) == extracted["nameless"] > 0
    for name, content in made[2].items():
        path = tmp_path / "out" / name.decode()
        assert not path.exists() or path.read_bytes() == content


def loose(folder):
    """The bytes of the blocks in a folder, by number."""
    return {int(path.name.removeprefix("block-")): path.read_bytes() for path in folder.iterdir()}


def test_blocks_of_members_without_names_come_out_whole(ucompress, damaged, made, tmp_path):
    out = tmp_path / "out"
    done = ucompress("extract", "--recover", damaged, "-C", out)
    assert done.code == 21
    blocks = loose(out / "recovered-blocks")
    assert f"{len(blocks)} blocks with bytes of members without names in {out}/recovered-blocks" in done.err
    stream = b"".join(made[2].values())
    for number, content in blocks.items():
        assert content == stream[number * 16_384 :][:16_384]
    given = {os.fsencode(path.name) for path in out.iterdir() if path.is_file()}
    at = 0
    for name, content in made[2].items():
        there = name in given or {at // 16_384, (at + len(content) - 1) // 16_384} <= blocks.keys()
        assert there, "a member's bytes come out under its name, or in a block"
        at += len(content)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (out / "recovered-blocks").iterdir()}
    assert modes == {0o600}
    done = ucompress("extract", "--recover", "--json", damaged, "-C", tmp_path / "b")
    document = json.loads(done.out.splitlines()[-2])
    assert document["loose_blocks"] == len(blocks)


def test_damaged_blocks_stay_away_and_are_counted(ucompress, made, tmp_path):
    data = bytearray(damages(made)["whole"])
    for number in (1, 4):
        data[made[0].index(b"\xb7UCB" + number.to_bytes(4, "little")) + 60] ^= 1
    path = tmp_path / "a.ucz"
    path.write_bytes(data)
    done = ucompress("extract", "--recover", path, "-C", tmp_path / "out")
    total = -(-sum(map(len, made[2].values())) // 16_384)
    assert loose(tmp_path / "out" / "recovered-blocks").keys() == set(range(total)) - {1, 4}
    assert "2 more blocks cannot be read" in done.err


@pytest.mark.parametrize("level", [1, 4, 6])
@pytest.mark.parametrize("kind", ["text", "referenced"])
@pytest.mark.parametrize("cut", [0, 150], ids=["with a directory", "without"])
def test_without_index_and_end_all_blocks_come_out(ucompress, tmp_path, level, kind, cut):
    """The dictionary and the references between blocks still serve them."""
    path = tmp_path / "a.ucz"
    path.write_bytes(make(level, kind, tmp_path).data)
    with Archive(path) as archive:
        table, blocks = archive._directory.index, archive._directory.blocks
        stored = [archive._block_once(number) for number in range(len(blocks))]
        begin, end = table.section_at, min(blocks.at)
        assert archive.dictionary if kind == "text" else any(blocks.references) or level == 1
    data = path.read_bytes()
    path.write_bytes(zeroed(data, begin, end)[: len(data) - cut])
    done = ucompress("extract", "--recover", path, "-C", tmp_path / "out")
    assert done.code == 21
    assert loose(tmp_path / "out" / "recovered-blocks") == dict(enumerate(stored))
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "recovered-blocks"]


def test_nobodys_folder_is_taken_for_blocks(ucompress, made, tmp_path):
    path, out = tmp_path / "a.ucz", tmp_path / "out"
    path.write_bytes(damages(made)["whole"])
    (out / "recovered-blocks").mkdir(parents=True)
    (out / "recovered-blocks-2").symlink_to(tmp_path)
    for force in ((), ("--force",)):
        assert ucompress("extract", "--recover", path, "-C", out, *force).code == 21
    assert list((out / "recovered-blocks").iterdir()) == []
    assert loose(out / "recovered-blocks-3") == loose(out / "recovered-blocks-4") != {}


def test_blocks_count_for_what_an_archive_may_ask_for(ucompress, tmp_path):
    path = tmp_path / "a.ucz"
    write(path, plan_files({b"f": bytes(3 << 20)}, block=1 << 20))
    with Archive(path) as archive:
        begin, end = archive._directory.index.section_at, archive._directory.blocks.at[0]
    path.write_bytes(zeroed(path.read_bytes(), begin, end))
    done = ucompress("extract", "--recover", path, "-C", tmp_path / "out", "--max-size", "2")
    assert (done.code, (tmp_path / "out").exists()) == (25, False)
    done = ucompress("extract", "--recover", path, "-C", tmp_path / "out", "--max-members", "2")
    assert (done.code, (tmp_path / "out").exists()) == (25, False)
    limits = ("--max-size", "3", "--max-members", "3")
    assert ucompress("extract", "--recover", path, "-C", tmp_path / "out", *limits).code == 21


def test_a_bad_index_page_leads_to_recover(ucompress, damaged, tmp_path):
    for command in (("extract", "-C", tmp_path / "out"), ("list",), ("info",)):
        done = ucompress(*command, damaged)
        assert done.code == 21
        assert "`extract --recover` gives back what other pages name" in done.err
    assert not (tmp_path / "out").exists()


def test_members_that_are_named_bring_no_blocks(ucompress, made, tmp_path):
    path, name = tmp_path / "a.ucz", min(made[2]).decode()
    path.write_bytes(damages(made)["half"])
    done = ucompress("extract", "--recover", path, name, "-C", tmp_path / "out")
    assert (done.code, [entry.name for entry in (tmp_path / "out").iterdir()]) == (0, [name])


def halves(made):
    """Names of members whose page is sound and of such whose page is lost in the archive without one half."""
    names = sorted(made[2])
    return [name.decode() for name in names[:2]], [name.decode() for name in names[-2:]]


def test_names_on_lost_pages_are_told_and_the_others_are_extracted(ucompress, made, tmp_path):
    path, out = tmp_path / "a.ucz", tmp_path / "out"
    path.write_bytes(damages(made)["half"])
    sound, lost = halves(made)
    done = ucompress("extract", "--recover", path, lost[0], *sound, lost[1], "-C", out)
    assert (done.code, sorted(entry.name for entry in out.iterdir())) == (21, sound)
    for name in lost:
        assert f"{name}: not found; it may be among {PAGE} members whose names are lost" in done.err
    assert "2 members could not be given back" in done.err
    assert "all others that were asked for were given back" in done.err
    done = ucompress("extract", "--recover", "--json", path, *lost, *sound, "-C", tmp_path / "json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["path"] for row in rows if row["type"] == "damage"] == lost


def test_a_name_that_no_lost_page_can_have_had_is_missed(ucompress, made, tmp_path):
    path = tmp_path / "a.ucz"
    path.write_bytes(damages(made)["half"])
    sound, lost = halves(made)
    done = ucompress("extract", "--recover", path, sound[0] + "x", lost[0], "-C", tmp_path / "out")
    assert (done.code, (tmp_path / "out").exists()) == (24, False)


def test_where_no_name_is_left_nothing_is_given_back_and_that_is_said(ucompress, made, tmp_path):
    path = tmp_path / "a.ucz"
    path.write_bytes(damages(made)["half"])
    _, lost = halves(made)
    done = ucompress("extract", "--recover", path, *lost, "-C", tmp_path / "out")
    assert done.code == 21
    assert "no member was given back" in done.err


def test_without_a_directory_any_name_may_be_lost(ucompress, made, tmp_path):
    path = tmp_path / "cut.ucz"
    path.write_bytes(damages(made)["64 KB"][:-200])
    first = min(made[2]).decode()
    done = ucompress("extract", "--recover", path, first, "nowhere", "-C", tmp_path / "out")
    assert (done.code, [entry.name for entry in (tmp_path / "out").iterdir()]) == (21, [first])
    assert "nowhere: not found; it may be among members whose names are lost" in done.err


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_list_tells_of_names_on_lost_pages(ucompress, made, tmp_path, json_):
    path = tmp_path / "a.ucz"
    path.write_bytes(damages(made)["half"])
    sound, lost = halves(made)
    done = ucompress("list", "--recover", path, *lost, *sound, *json_)
    assert done.code == 21
    if json_:
        rows = [json.loads(line) for line in done.out.splitlines()]
        assert [(row["type"], row.get("path")) for row in rows] == [
            *(("member", name) for name in sound),
            *(("damage", name) for name in lost),
            ("error", str(path)),
        ]
    else:
        assert done.out.decode().split() == sound
        assert all(f"{name}: not found" in done.err for name in lost)


def test_every_name_on_a_sound_page_is_found_and_counts_no_lost_one(ucompress, made, tmp_path):
    """The last of a sound page before a lost one is none of the lost ones."""
    path = tmp_path / "a.ucz"
    path.write_bytes(damages(made)["half"])
    names = ucompress("list", "--recover", path).out.decode().split()
    assert 0 < len(names) < MEMBERS
    done = ucompress("extract", "--recover", path, names[-1], "-C", tmp_path / "out")
    assert (done.code, done.err.count("lost")) == (0, 0)


def test_the_report_has_the_members_without_names(made, tmp_path):
    path = tmp_path / "half.ucz"
    path.write_bytes(damages(made)["half"])
    with Archive(path, recover=True) as archive:
        report = archive.extract(tmp_path / "out")
    assert report.failed == []
    assert report.files + report.nameless == MEMBERS
    assert report.kind.exit_code == 21


def test_without_a_directory_nothing_tells_how_many_there_were(ucompress, made, tmp_path):
    path = tmp_path / "cut.ucz"
    path.write_bytes(damages(made)["64 KB"][:-200])
    for command in (("list",), ("info",), ("extract", "-C", tmp_path / "out")):
        done = ucompress(*command, "--recover", path)
        assert done.code == 21
        assert "members cannot even be named, and nothing tells how many" in done.err
    assert 0 < len([entry for entry in (tmp_path / "out").iterdir() if entry.is_file()]) < MEMBERS


def test_a_whole_index_without_a_directory_lost_nothing(ucompress, made, tmp_path):
    path = tmp_path / "cut.ucz"
    path.write_bytes(made[0][:-200])
    done = ucompress("list", "--recover", path)
    assert (done.code, len(done.out.splitlines())) == (0, MEMBERS)


def test_a_link_to_a_file_without_a_name_is_listed(ucompress, tmp_path):
    files = {b"%04d" % number: words(number, 60) for number in range(1000)}
    links = [Entry(b"z/link", EntryKind.HARDLINK, target=b"0400")]
    path = tmp_path / "a.ucz"
    with patch.object(index_module, "PAGE_ENTRIES", 50):
        write(path, plan_files(files, others=links))
    data = path.read_bytes()
    with Archive(path) as archive:
        table = archive._directory.index
    begin = table.section_at + 32
    path.write_bytes(zeroed(data, begin + table.starts[5], begin + table.starts[15]))
    done = ucompress("list", "-l", "--recover", path)
    assert (done.code, lost_in(done.err)) == (21, 500)
    assert done.out.splitlines()[-1].endswith(b"z/link -> 0400")
    rows = [json.loads(line) for line in ucompress("list", "--json", "--recover", path).out.splitlines()]
    assert [row["path"] for row in rows if row["type"] == "damage"] == ["z/link"]
