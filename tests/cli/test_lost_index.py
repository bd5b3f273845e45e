"""Archives whose index is damaged beyond what parity mends: nothing is left out in silence."""

import json
import random
from unittest.mock import patch

import pytest

from archive.build import plan_files, write
from golden.make import words
from ucompress.archive import Archive, Entry, EntryKind
from ucompress.archive import index as index_module

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


def test_extract_tells_how_many_members_have_no_name(ucompress, damaged, made, tmp_path):
    done = ucompress("extract", "--recover", "--json", damaged, "-C", tmp_path / "out")
    assert done.code == 21
    extracted, error = map(json.loads, done.out.splitlines())
    assert (extracted["type"], error["exit_code"]) == ("extracted", 21)
    assert extracted["files"] + extracted["nameless"] == MEMBERS
    assert lost_in(error["message"]) == extracted["nameless"] > 0
    for name, content in made[2].items():
        path = tmp_path / "out" / name.decode()
        assert not path.exists() or path.read_bytes() == content


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
    assert 0 < len(list((tmp_path / "out").iterdir())) < MEMBERS


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
