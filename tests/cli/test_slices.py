"""Checking an archive a part at a time."""

import json
import os
import signal
import sys

import pytest

from archive.build import plan_files, write
from golden.patch import Patch
from ucompress.archive import Archive, ArchiveHeader, BlockShare
from ucompress.archive.reading import verify as verify_module
from ucompress.archive.reading.verify import CHUNK

FILES = {b"f%03d" % at: b"%d " % at * 40 for at in range(300)}


@pytest.fixture
def sound(tmp_path):
    """An archive of many blocks, content hashes in it."""
    path = tmp_path / "a.ucz"
    plan = plan_files(FILES, block=100, hashed=True)
    write(path, plan, header=ArchiveHeader(level=1, content_hash_bytes=8))
    return path


@pytest.fixture
def damaged(sound):
    """The same, a byte of one block in its middle changed; the block's number."""
    with Archive(sound) as archive:
        number = archive.statistics.blocks // 2
        at = archive._directory.blocks.at[number]
    data = bytearray(sound.read_bytes())
    data[at + 45] ^= 1
    sound.write_bytes(data)
    return number


def document(outcome):
    return [json.loads(line) for line in outcome.out.splitlines()]


def verdict(outcome):
    return next(row for row in document(outcome) if row["type"] == "verify")


def blocks_of(path):
    with Archive(path) as archive:
        return archive.statistics.blocks


@pytest.mark.parametrize("parts", [1, 2, 7, 1000])
def test_slices_decode_each_block_once(ucompress, sound, parts):
    checked, behind = 0, 0
    for part in range(1, parts + 1) if parts < 1000 else (1, 2, 500, 1000):
        done = ucompress("verify", sound, "--slice", f"{part}/{parts}", "--json")
        assert done.code == 0
        row = verdict(done)
        assert row["blocks"] == row["next_block"] - row["first_block"]
        if parts < 1000:
            assert row["first_block"] == behind
            checked, behind = checked + row["blocks"], row["next_block"]
    if parts < 1000:
        assert checked == behind == blocks_of(sound)


def test_damage_is_found_by_the_slice_that_has_it_and_by_no_other(ucompress, sound, damaged):
    total = blocks_of(sound)
    for part in range(1, 6):
        has_it = total * (part - 1) // 5 <= damaged < total * part // 5
        done = ucompress("verify", sound, "--slice", f"{part}/5")
        assert done.code == (21 if has_it else 0), done.err
        assert (f"block {damaged} is damaged" in done.err) == has_it


def test_every_slice_checks_what_all_files_share(ucompress, sound):
    data = bytearray(sound.read_bytes())
    data[100] ^= 1
    sound.write_bytes(data)
    assert [ucompress("verify", sound, "--slice", f"{part}/3").code for part in (1, 2, 3)] == [21] * 3


@pytest.mark.parametrize("words", ["0/3", "4/3", "3", "1/0", "a/b", "1/2/3", "-1/3"])
def test_a_slice_that_is_none_is_refused(ucompress, sound, words):
    assert ucompress("verify", sound, f"--slice={words}").code == 2


def test_a_check_goes_on_where_the_last_one_stopped(ucompress, sound, tmp_path, monkeypatch):
    moments = iter(range(0, 10**9, 100))
    monkeypatch.setattr("ucompress.cli.verify.time.monotonic", lambda: next(moments))
    total, place = blocks_of(sound), tmp_path / "position"
    seen = []
    while not seen or seen[-1]["next_block"] < total:
        seen.append(verdict(ucompress("verify", sound, "--for", 50, "--position", place, "--json")))
    assert [row["first_block"] for row in seen[1:]] == [row["next_block"] for row in seen[:-1]]
    assert sum(row["blocks"] for row in seen) == total
    assert len(seen) == -(-total // CHUNK) > 1
    assert verdict(ucompress("verify", sound, "--for", 50, "--position", place, "--json"))["first_block"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ucz", "position"]


def test_steps_are_short_where_blocks_take_long_to_decode(ucompress, tmp_path, monkeypatch):
    moments = iter(range(0, 10**9, 100))
    monkeypatch.setattr("ucompress.cli.verify.time.monotonic", lambda: next(moments))
    slow, place = tmp_path / "slow.ucz", tmp_path / "position"
    write(slow, plan_files(dict(list(FILES.items())[:10]), block=100), header=ArchiveHeader(level=8))
    row = verdict(ucompress("verify", slow, "--for", 50, "--position", place, "--json"))
    assert 0 < row["next_block"] < CHUNK
    assert row["next_block"] < blocks_of(slow)


def test_a_header_that_claims_another_level_is_checked_in_parts_all_the_same(ucompress, sound, tmp_path):
    sound.write_bytes(Patch(sound.read_bytes()).set_header(20, 200).data)
    done = ucompress("verify", sound, "--for", 3600, "--position", tmp_path / "position")
    assert done.code == 21
    assert "tree hash" in done.err


def stopped_behind(monkeypatch, chunks, number=signal.SIGTERM):
    """A signal comes in the chunk behind so many."""
    check, left = verify_module._Verification._check_chunk, iter(range(chunks))

    def checked(self, chunk, pool):
        if next(left, None) is None:
            signal.raise_signal(number)
        check(self, chunk, pool)

    monkeypatch.setattr(verify_module._Verification, "_check_chunk", checked)


@pytest.fixture
def interruptible():
    """SIGINT as a terminal's programs have it; who runs tests in the background may have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_check_that_is_always_stopped_comes_to_the_end_all_the_same(
    ucompress, sound, tmp_path, monkeypatch, number
):
    total, place = blocks_of(sound), tmp_path / "position"
    words = ("verify", sound, "--for", 3600, "--position", place)
    for chunk in range(1, -(-total // CHUNK)):
        with monkeypatch.context() as patch:
            stopped_behind(patch, 1, number)
            done = ucompress(*words)
        assert done.code == 128 + number
        assert f"stopped by {number.name}" in done.err
        assert f"how far the check came is noted in {place}" in done.err
        assert json.loads(place.read_text())["next_block"] == chunk * CHUNK
    row = verdict(ucompress(*words, "--json"))
    assert (row["first_block"], row["next_block"]) == (chunk * CHUNK, total)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_damage_that_is_noted_as_passed_is_told_before_a_signal_ends_the_check(
    ucompress, sound, damaged, tmp_path, monkeypatch, json_
):
    place = tmp_path / "position"
    stopped_behind(monkeypatch, damaged // CHUNK + 1)
    done = ucompress("verify", sound, "--for", 3600, "--position", place, *json_)
    assert done.code == 143
    assert json.loads(place.read_text())["next_block"] > damaged
    if json_:
        warning, error = document(done)
        assert f"block {damaged} is damaged" in warning["message"]
        assert (error["type"], error["fatal"], error["exit_code"]) == ("error", True, 143)
    else:
        assert f"block {damaged} is damaged" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("words", [("verify",), ("verify", "--slice", "1/2"), ("info",), ("list",)])
def test_a_signal_ends_every_command_with_a_document(ucompress, sound, monkeypatch, words):
    close = Archive.close

    def closed(archive):
        close(archive)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Archive, "close", closed)
    done = ucompress(*words, sound, "--json")
    error = document(done)[-1]
    assert (done.code, error["exit_code"], error["fatal"]) == (143, 143, True)
    assert error["kind"] == "InterruptedJobError"


def test_time_enough_is_a_whole_check_and_another_archive_begins_anew(ucompress, sound, tmp_path):
    place = tmp_path / "position"
    done = ucompress("verify", sound, "--for", 3600, "--position", place)
    assert b"sound as far as was looked" in done.out
    noted = json.loads(place.read_text())
    assert (noted["next_block"], noted["blocks"]) == (0, blocks_of(sound))
    place.write_text(json.dumps({**noted, "next_block": 5}))
    other = tmp_path / "other.ucz"
    write(other, plan_files({b"x%d" % at: b"y%d" % at * 90 for at in range(9)}, block=200))
    assert verdict(ucompress("verify", sound, "--for", 9, "--position", place, "--json"))["first_block"] == 5
    place.write_text(json.dumps({**noted, "next_block": 5}))
    assert verdict(ucompress("verify", other, "--for", 9, "--position", place, "--json"))["first_block"] == 0


@pytest.mark.parametrize("content", [b"", b"precious", b"[]", b'{"type": "other"}', b"\xff" * 9000])
def test_what_is_no_position_is_left_alone(ucompress, sound, tmp_path, content):
    place = tmp_path / "precious"
    place.write_bytes(content)
    assert ucompress("verify", sound, "--for", 9, "--position", place).code == 2
    assert place.read_bytes() == content


@pytest.mark.parametrize("leads_to", ["position", "nowhere"])
def test_a_link_in_the_place_of_a_position_is_left_alone(ucompress, sound, tmp_path, leads_to):
    place, link = tmp_path / "position", tmp_path / "link"
    assert ucompress("verify", sound, "--for", 9, "--position", place).code == 0
    link.symlink_to(tmp_path / leads_to)
    before = place.read_bytes()
    done = ucompress("verify", sound, "--for", 9, "--position", link)
    assert (done.code, done.out) == (2, b"")
    assert f"{link} is a link, which is not followed; it was left alone" in done.err
    assert link.is_symlink() and place.read_bytes() == before
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_what_is_no_file_in_the_place_of_a_position_is_left_alone(ucompress, sound, tmp_path, what):
    place = tmp_path / what
    if what == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    done = ucompress("verify", sound, "--for", 9, "--position", place)
    assert (done.code, done.out) == (2, b"")
    assert f"{place} is no file to note a position in; it was left alone" in done.err


@pytest.mark.parametrize(
    "words", [["--for", "9"], ["--position", "p"], ["--slice", "1/2", "--for", "9", "--position", "p"]]
)
def test_words_that_do_not_go_together_are_refused(ucompress, sound, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert ucompress("verify", sound, *words).code == 2
    assert not (tmp_path / "p").exists()


def test_damage_does_not_hold_a_check_up(ucompress, sound, damaged, tmp_path):
    place = tmp_path / "position"
    assert ucompress("verify", sound, "--for", 3600, "--position", place).code == 21
    assert json.loads(place.read_text())["next_block"] == 0


def test_content_hashes_are_compared_of_files_within_the_share(sound):
    with Archive(sound) as archive:
        total = archive.statistics.blocks
        report = archive.verify(threads=1, share=BlockShare(3, total - 3))
        assert (report.ok, report.blocks, report.next_block) == (True, total - 6, total - 3)
        assert archive.verify(threads=1).next_block == total
        files = archive.entries()
        wrong = next(e for e in files if {x.block for x in e.extents} <= set(range(3, 9)))
    with Archive(sound) as archive, pytest.MonkeyPatch.context() as patch:
        real = archive._check_content
        seen = {}

        def note(entry, digest):
            seen[entry.path] = digest
            return real(entry, digest)

        patch.setattr(archive, "_check_content", note)
        archive.verify(threads=1, share=BlockShare(3, 9))
    assert seen[wrong.path] is not None
    assert seen[b"f299"] is None


def test_a_slice_tells_the_blocks_that_were_looked_at(ucompress, tmp_path):
    path = tmp_path / "two.ucz"
    write(path, plan_files({b"a": bytes(range(200)), b"b": bytes(range(100, 250))}, block=200))
    assert blocks_of(path) == 2
    told = [ucompress("verify", path, "--slice", f"{part}/5").out.decode() for part in range(1, 6)]
    none = "as far as was looked: none of the 2 blocks falls into this part: 2 members"
    assert [none in line for line in told] == [True, True, False, True, False]
    assert "as far as was looked: block 0 of 2 blocks, which count from 0: " in told[2]
    assert "as far as was looked: block 1 of 2 blocks, which count from 0: " in told[4]
    whole = ucompress("verify", path, "--slice", "1/1").out.decode()
    assert "as far as was looked: blocks 0 to 1 of 2, which count from 0: " in whole
