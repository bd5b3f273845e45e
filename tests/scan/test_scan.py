"""What a scan takes, what it leaves out, and how it names things."""

import errno
import os
import re
import socket
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import close_folders
from ucompress.database import database_files
from ucompress.errors import InputError, UsageError
from ucompress.scan import MemberKind, look_again, not_as_scanned, open_source, scan
from ucompress.scan.attributes import MOST, LeftAttributes

POSIX = os.name == "posix"


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def names(manifest) -> list[str]:
    return [os.fsdecode(path) for path in manifest.paths]


def test_members_begin_at_the_inputs_own_name_and_ascend(tmp_path):
    tree(tmp_path / "top", {"b/c": b"1", "b.txt": b"22", "a": b"", "é": b"x"})
    manifest = scan([tmp_path / "top"])
    assert names(manifest) == ["top", "top/a", "top/b", "top/b.txt", "top/b/c", "top/é"]
    assert manifest.paths == sorted(manifest.paths)
    assert [size for size in manifest.sizes if size] == [2, 1, 1]


def test_sources_of_many_entries_are_those_of_each(tmp_path):
    tree(tmp_path / "t", {"a/b": b"1", "c": b""})
    tree(tmp_path / "other", {"deep/er/f": b"1"})
    (tmp_path / "single").write_bytes(b"x")
    manifest = scan([tmp_path / "t", str(tmp_path / "other") + "/", tmp_path / "single"])
    everything = range(len(manifest))
    assert manifest.sources(everything) == [manifest.source(index) for index in everything]
    assert manifest.sources([4, 0]) == [manifest.source(4), manifest.source(0)]


def test_rows_hold_what_stat_says(tmp_path):
    file = tree(tmp_path / "t", {"f": b"hello"}) / "f"
    os.utime(file, ns=(1, 1_234_567_890_123_456_789))
    entry = scan([tmp_path / "t"])[1]
    status = file.stat()
    assert entry.path == b"t/f"
    assert entry.source == os.fsencode(file)
    assert (entry.kind, entry.size, entry.mode) == (MemberKind.FILE, 5, status.st_mode)
    assert (entry.mtime_ns, entry.ctime_ns) == (1_234_567_890_123_456_789, status.st_ctime_ns)
    assert (entry.inode, entry.device, entry.nlink) == (status.st_ino, status.st_dev, 1)


def test_slices_and_negative_places(tmp_path):
    manifest = scan([tree(tmp_path / "t", {"a": b"", "b": b""})])
    assert [entry.path for entry in manifest[1:]] == [b"t/a", b"t/b"]
    assert manifest[-1].path == b"t/b"
    with pytest.raises(IndexError):
        manifest[3]


@pytest.mark.parametrize("form", [".", "./", "../here", "sub/.."])
def test_dots_take_the_real_folders_name(tmp_path, monkeypatch, form):
    tree(tmp_path / "here", {"sub/f": b""})
    monkeypatch.chdir(tmp_path / "here")
    manifest = scan([form])
    assert names(manifest) == ["here", "here/sub", "here/sub/f"]
    assert all(os.path.lexists(entry.source) for entry in manifest)


def test_a_single_file_is_one_member(tmp_path):
    tree(tmp_path, {"x/one.txt": b"1"})
    assert names(scan([tmp_path / "x" / "one.txt"])) == ["one.txt"]


def test_inputs_of_one_name_are_refused(tmp_path):
    tree(tmp_path, {"x/same/f": b"", "y/same/f": b""})
    with pytest.raises(UsageError, match="both be packed as same"):
        scan([tmp_path / "x" / "same", tmp_path / "y" / "same"])


def test_the_root_folder_has_no_name():
    with pytest.raises(UsageError, match="no name"):
        scan(["/"])


def test_a_missing_input_is_told_before_any_work(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        scan([tmp_path / "missing"])


def test_symbolic_links_are_stored_not_followed(tmp_path):
    tree(tmp_path / "t", {"real/f": b"x"})
    (tmp_path / "t" / "loop").symlink_to(".")
    (tmp_path / "t" / "dangling").symlink_to("nowhere")
    manifest = scan([tmp_path / "t"])
    assert names(manifest) == ["t", "t/dangling", "t/loop", "t/real", "t/real/f"]
    links = {entry.path: entry.target for entry in manifest if entry.kind == MemberKind.SYMLINK}
    assert links == {b"t/dangling": b"nowhere", b"t/loop": b"."}


def test_an_input_that_is_a_link_is_packed_as_the_link(tmp_path):
    tree(tmp_path / "t", {"f": b"x"})
    (tmp_path / "l").symlink_to("t")
    (entry,) = scan([tmp_path / "l"])
    assert (entry.path, entry.kind, entry.target) == (b"l", MemberKind.SYMLINK, b"t")


def test_the_lowest_path_is_the_primary_of_hard_links(tmp_path):
    tree(tmp_path / "t", {"m": b"abc"})
    for name in ("z", "a"):
        os.link(tmp_path / "t" / "m", tmp_path / "t" / name)
    _, first, *rest = scan([tmp_path / "t"])
    assert (first.path, first.kind, first.target) == (b"t/a", MemberKind.FILE, b"")
    assert [(entry.path, entry.kind, entry.target) for entry in rest] == [
        (b"t/m", MemberKind.HARDLINK, b"t/a"),
        (b"t/z", MemberKind.HARDLINK, b"t/a"),
    ]
    assert [entry.size for entry in (first, *rest)] == [3, 3, 3]


@pytest.mark.skipif(not POSIX, reason="names are text on Windows")
def test_names_are_any_bytes(tmp_path):
    (tmp_path / "t").mkdir()
    odd = [b"\xff\xfe", b"new\nline", b" ", b"caf\xc3\xa9"]
    for name in odd:
        with open(os.path.join(os.fsencode(tmp_path / "t"), name), "wb"):
            pass
    manifest = scan([tmp_path / "t"], exclude=["*.none"])
    assert manifest.paths == sorted([b"t", *(b"t/" + name for name in odd)])


@pytest.mark.skipif(not POSIX, reason="no FIFOs and sockets in folders")
def test_what_is_no_file_is_left_out_with_a_notice(tmp_path, monkeypatch):
    tree(tmp_path / "t", {"f": b""})
    os.mkfifo(tmp_path / "t" / "pipe")
    monkeypatch.chdir(tmp_path / "t")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        manifest = scan([tmp_path / "t"])
    assert names(manifest) == ["t", "t/f"]
    assert [str(note) for note in manifest.notices] == [
        "t/pipe: a FIFO, left out",
        "t/sock: a socket, left out",
    ]
    assert not manifest.errors


def test_a_folder_that_cannot_be_listed_costs_only_itself(tmp_path, monkeypatch):
    tree(tmp_path / "t", {"closed/f": b"", "open/f": b""})

    close_folders(monkeypatch, b"closed")
    manifest = scan([tmp_path / "t"])
    assert names(manifest) == ["t", "t/closed", "t/open", "t/open/f"]
    assert [str(note) for note in manifest.errors] == ["t/closed: Permission denied"]


def test_output_and_database_are_never_packed(tmp_path):
    top = tree(tmp_path / "t", {"p.db": b"", "p.db-wal": b"", "keep.db": b"", "sub/out.ucz": b"old"})
    manifest = scan([top], skip=database_files(top / "p.db"), output=top / "sub" / "out.ucz")
    assert names(manifest) == ["t", "t/keep.db", "t/sub"]
    assert manifest.notices == []


def test_another_name_of_the_output_is_packed_and_one_of_the_database_told(tmp_path):
    """The output is replaced, so that the other name keeps what it was; the database is written to."""
    top = tree(tmp_path / "t", {"p.db": b"", "sub/out.ucz": b"old"})
    os.link(top / "sub" / "out.ucz", top / "backup.ucz")
    os.link(top / "sub" / "out.ucz", top / "sub" / "backup.ucz")
    os.link(top / "p.db", top / "sub" / "p.db")
    skip, output = [top / "p.db"], top / "sub" / "out.ucz"
    manifest = scan([top], skip=skip, output=output)
    assert names(manifest) == ["t", "t/backup.ucz", "t/sub", "t/sub/backup.ucz"]
    (notice,) = manifest.notices
    assert str(notice) == f"t/sub/p.db: another name of {top / 'p.db'}, which this run writes to: left out"
    assert scan([top], skip=skip, output=output, exclude=["/t/sub/p.db"]).notices == []
    assert names(scan([top / "backup.ucz"], skip=skip, output=output)) == ["backup.ucz"]
    for itself in (output, top / "p.db", top / "sub" / "p.db"):
        with pytest.raises(UsageError, match="cannot pack itself"):
            scan([itself], skip=skip, output=output)


@pytest.mark.skipif(not POSIX, reason="links take rights there")
@pytest.mark.parametrize("several_names", [False, True])
def test_the_output_is_known_by_any_way_to_its_folder(tmp_path, monkeypatch, several_names):
    top = tree(tmp_path / "t", {"sub/deep/f": b"", "sub/out.ucz": b"old"})
    if several_names:
        os.link(top / "sub" / "out.ucz", tmp_path / "elsewhere")
    (tmp_path / "way").symlink_to(top / "sub" / "deep")
    monkeypatch.chdir(tmp_path / "way")
    for output in ("../out.ucz", tmp_path / "way" / ".." / "out.ucz", top / "sub" / "." / "out.ucz"):
        assert names(scan([top], output=output)) == ["t", "t/sub", "t/sub/deep", "t/sub/deep/f"]
        with pytest.raises(UsageError, match="cannot pack itself"):
            scan([tmp_path / "way" / ".." / "out.ucz"], output=output)


@pytest.mark.skipif(not POSIX, reason="links take rights there")
def test_what_a_link_at_the_outputs_name_leads_to_is_packed(tmp_path):
    """The link is what the output replaces."""
    top = tree(tmp_path / "t", {"precious": b"1"})
    (top / "out.ucz").symlink_to("precious")
    assert names(scan([top], output=top / "out.ucz")) == ["t", "t/precious"]


def test_another_spelling_of_the_only_name_of_the_output_is_no_other_file(tmp_path, monkeypatch):
    """As where case does not matter: the folder lists another name than the one that was given."""
    top, real = tree(tmp_path / "t", {"OUT.ucz": b"old"}), os.lstat
    monkeypatch.setattr(os, "lstat", lambda path: real(os.fsencode(path).replace(b"out.ucz", b"OUT.ucz")))
    manifest = scan([top], output=top / "out.ucz")
    assert names(manifest) == ["t"]
    assert [note.path for note in manifest.notices] == [b"t/OUT.ucz"]


def test_an_output_that_does_not_exist_yet_is_known_by_its_place(tmp_path, monkeypatch):
    top = tree(tmp_path / "t", {"f": b""})
    monkeypatch.chdir(top)
    seen = []
    # The file appears between the moment the scan is prepared and the walk.
    manifest = scan(
        ["."], output="late.ucz", progress=lambda *_: seen.append(Path("late.ucz").write_bytes(b"x"))
    )
    assert seen
    assert names(manifest) == ["t", "t/f"]


def test_folders_that_our_own_files_live_in_are_known(tmp_path):
    top = tree(tmp_path / "t", {"sub/deep/f": b"", "other/f": b""})
    skip, output = [tmp_path / "outside.db"], top / "sub" / "out.ucz"
    manifest = scan([top], skip=skip, output=output)
    assert {manifest.paths[index] for index in manifest.housing} == {b"t/sub"}
    assert not scan([top], skip=skip, output=output, include=["other/"]).housing


def test_packing_the_output_itself_is_refused(tmp_path):
    tree(tmp_path, {"a.ucz": b"x"})
    with pytest.raises(UsageError, match="cannot pack itself"):
        scan([tmp_path / "a.ucz"], output=tmp_path / "a.ucz")


def test_exclude_prunes_and_wins_over_include(tmp_path, monkeypatch):
    top = tree(
        tmp_path / "t", {"build/x.py": b"", "src/a.py": b"", "src/a.txt": b"", "src/b.py": b"", "e/f": b""}
    )
    entered = []
    manifest = scan(
        [top], include=["*.py"], exclude=["build/", "b.py"], progress=lambda *news: entered.append(news[2])
    )
    assert names(manifest) == ["t", "t/src", "t/src/a.py"]
    assert b"t/build" not in entered


def test_patterns_with_a_slash_stand_at_the_members_root(tmp_path):
    top = tree(tmp_path / "t", {"a/x": b"", "b/a/x": b""})
    assert names(scan([top], exclude=["/t/a"])) == ["t", "t/b", "t/b/a", "t/b/a/x"]


def test_an_included_folder_is_taken_whole(tmp_path):
    top = tree(tmp_path / "t", {"doc/x/y": b"", "doc/z": b"", "src/a": b""})
    (top / "doc" / "empty").mkdir()
    assert names(scan([top], include=["doc/"])) == [
        "t",
        "t/doc",
        "t/doc/empty",
        "t/doc/x",
        "t/doc/x/y",
        "t/doc/z",
    ]


def test_a_malformed_pattern_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"gitignore-style pattern: ! \(it names nothing\)"):
        scan([tmp_path], exclude=["a", "!"])


@pytest.mark.parametrize("option", ["include", "exclude"])
@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("[ab.o", "a bracket is not closed"),
        ("a\\", "a backslash stands at its end"),
        ("[[:letter:]]", "there is no class \\[:letter:\\]"),
        ("a//b", "a part between slashes is empty"),
        ("[/]", "no character is one of \\[/\\]"),
        ("a" * 70_000, "70000 bytes, more than any name"),
    ],
)
def test_an_option_that_can_match_nothing_is_a_usage_error_that_says_why(tmp_path, option, pattern, why):
    with pytest.raises(UsageError, match=rf"gitignore-style pattern: {re.escape(pattern)} \({why}|{why}"):
        scan([tmp_path], **{option: ["b", pattern]})


def test_an_option_that_begins_as_a_comment_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"begins with # is a comment: #\*#"):
        scan([tmp_path], exclude=["#*#"])


@pytest.mark.parametrize("line", [b"foo\\", b"[z-a.o", b"!"])
def test_a_line_that_is_no_pattern_leaves_the_others_of_its_file(tmp_path, line):
    top = tree(tmp_path / "t", {"a/secret": b"", "a/kept": b"", "secret": b""})
    (top / ".gitignore").write_bytes(b"# secrets\n" + line + b"\nsecret\n")
    manifest = scan([top], gitignore=True)
    assert names(manifest) == ["t", "t/.gitignore", "t/a", "t/a/kept"]
    (warning,) = manifest.warnings
    assert warning.path == b"t/.gitignore"
    assert warning.message.startswith("line 2 is no pattern")
    assert line.decode() in warning.message


@pytest.mark.parametrize(
    ("line", "taken", "left"),
    [
        (b"*\t", ["a"], ["a\t"]),
        (b"foo\t  ", ["foo", "foo\t "], ["foo\t"]),
        (b"foo\\\t", ["foo"], ["foo\t"]),
        (b"foo\xc2\xa0", ["foo"], ["foo\xa0"]),
        (b"foo  ", ["foo "], ["foo"]),
        (b"foo\\   ", ["foo"], ["foo "]),
        (b"foo\\\\ ", ["foo\\ "], ["foo\\"]),
        (b"\xef\xbb\xbffoo", ["a"], ["foo"]),
        (b"a[[:digit:]]", ["aa", "a:", "a1]", "a:]", "ad"], ["a1"]),
        (b"a[![:digit:]x]", ["a1", "ax"], ["aa", "a:"]),
        (b"a[[:punct:]]", ["aa", "a1"], ["a!", "a]", "a[", "a-", "a\\", "a~"]),
        (b"a[[:space:]z]", ["aa"], ["a ", "a\n", "az", "a\t"]),
        (b"a[:digit:]", ["a1"], ["ad", "a:"]),
        (b"a\\[[:digit:]]", ["a[1]"], ["a[d]", "a[:]"]),
        (b"a[[:digit:]", ["a1", "ad", "a["], []),
        (b"[a\\-z]", ["b", "m.txt"], ["a", "z", "-"]),
        (b"[z-a]", ["a", "m"], ["z"]),
        (b"[]a]x", ["bx"], ["]x", "ax"]),
        (b"[!]a]x", ["]x", "ax"], ["bx"]),
        (b"?", ["\xe9"], ["a"]),
        (b"***", [], ["a"]),
    ],
)
@pytest.mark.skipif(not POSIX, reason="such names are not to be had")
def test_a_line_means_what_it_means_to_git(tmp_path, line, taken, left):
    top = tree(tmp_path / "t", dict.fromkeys([*taken, *left], b""))
    (top / ".gitignore").write_bytes(line)
    assert names(scan([top], gitignore=True))[2:] == sorted(f"t/{name}" for name in taken)


@pytest.mark.skipif(not POSIX, reason="such names are not to be had")
def test_a_newline_in_a_name_hides_nothing_from_patterns(tmp_path):
    top = tree(tmp_path / "t", {"new\nline/secret": b"", "secret\n": b"", "new\nline/kept": b""})
    assert names(scan([top], exclude=["secret"])) == [
        "t",
        "t/new\nline",
        "t/new\nline/kept",
        "t/secret\n",
    ]
    assert names(scan([top], exclude=["new\nline"])) == ["t", "t/secret\n"]


def test_a_folder_is_not_taken_for_a_name_with_one_more_byte(tmp_path):
    top = tree(tmp_path / "t", {"log/precious": b"", "logs": b"", ".gitignore": b"log[!0-9]\nlog?\n"})
    assert names(scan([top], gitignore=True)) == ["t", "t/.gitignore", "t/log", "t/log/precious"]


def test_a_line_of_many_stars_takes_no_time(tmp_path):
    top = tree(tmp_path / "t", {"a" * 200: b"", ".gitignore": b"*a" * 60 + b"*b\n" + b"**/a/" * 60 + b"b\n"})
    assert names(scan([top], gitignore=True)) == ["t", "t/.gitignore", "t/" + "a" * 200]


def test_of_many_lines_the_last_that_matches_decides(tmp_path):
    chosen = Random(5)
    files = [f"{letter}{number}" for letter in "ab" for number in range(30)]
    lines = [
        f"{chosen.choice(['', '', '!'])}{chosen.choice('ab*')}{chosen.choice('*?')}{chosen.randrange(10)}"
        for _ in range(300)
    ] + [f"b{number}" for number in range(10, 300)]
    top = tree(tmp_path / "t", dict.fromkeys(files, b""))
    (top / ".gitignore").write_text("\n".join(lines))

    def is_kept(file):
        for line in reversed(lines):
            if fnmatchcase(file, line.removeprefix("!")):
                return line.startswith("!")
        return True

    kept = [file for file in files if is_kept(file)]
    assert 0 < len(kept) < len(files)
    assert names(scan([top], gitignore=True))[2:] == sorted(f"t/{file}" for file in kept)


def test_gitignore_files_nest_and_the_deepest_wins(tmp_path):
    top = tree(
        tmp_path / "t",
        {
            ".gitignore": b"*.log\r\n/only-here\nout/\n",
            "a.log": b"",
            "only-here": b"",
            "sub/only-here": b"",
            "sub/.gitignore": b"!keep.log\n",
            "sub/keep.log": b"",
            "sub/b.log": b"",
            "sub/out/x": b"",
        },
    )
    assert names(scan([top], gitignore=True)) == [
        "t",
        "t/.gitignore",
        "t/sub",
        "t/sub/.gitignore",
        "t/sub/keep.log",
        "t/sub/only-here",
    ]
    assert "t/a.log" in names(scan([top]))


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_user_attributes_are_read(tmp_path):
    file = tree(tmp_path / "t", {"f": b""}) / "f"
    try:
        os.setxattr(file, "user.b", b"2")
    except OSError:
        assert scan([tmp_path / "t"])[1].xattrs == ()
        return
    os.setxattr(file, "user.a", b"\0\xff")
    assert scan([tmp_path / "t"])[1].xattrs == ((b"user.a", b"\0\xff"), (b"user.b", b"2"))


def test_attributes_are_not_asked_for_again_where_there_are_none(tmp_path, monkeypatch):
    asked = []

    def none(path, *, follow_symlinks):
        asked.append(path)
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(os, "listxattr", none, raising=False)
    monkeypatch.setattr("ucompress.scan.walk._HAS_XATTRS", True)
    scan([tree(tmp_path / "t", {"a": b"", "b": b""})])
    assert len(asked) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="walks by descriptor, as Linux allows")
def test_paths_beyond_the_systems_limit(tmp_path):
    part = "d" * 200
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir(part, dir_fd=folder)
        deeper = os.open(part, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    file = os.open("leaf", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
    os.write(file, b"deep")
    os.close(file)
    os.symlink("leaf", "link", dir_fd=folder)
    os.close(folder)
    manifest = scan([tmp_path / part])
    assert not manifest.errors
    leaf, link = manifest[-2:]
    assert len(leaf.source) > 4096
    assert link.target == b"leaf"
    with open(open_source(leaf.source), "rb") as stream:
        assert stream.read() == b"deep"


@pytest.mark.skipif(not POSIX, reason="no FIFOs in folders")
def test_opening_neither_follows_links_nor_waits_for_fifos(tmp_path):
    (tmp_path / "l").symlink_to(tmp_path)
    with pytest.raises(OSError):
        open_source(os.fsencode(tmp_path / "l"))
    os.mkfifo(tmp_path / "p")
    for other in ("p", "."):
        with pytest.raises(OSError, match="not a regular file any more"):
            open_source(os.fsencode(tmp_path / other))


NAME = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=6).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)
PATHS = st.lists(st.lists(NAME, min_size=1, max_size=4), max_size=12)


@pytest.mark.skipif(sys.platform != "linux", reason="names that other systems fold or refuse")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATHS)
def test_a_scan_finds_what_a_plain_walk_finds(tmp_path_factory, paths):
    top = tmp_path_factory.mktemp("tree") / "t"
    top.mkdir()
    for parts in paths:
        path = top.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        except OSError:  # a part is a file already
            continue
    expected = {b"t"}
    for folder, folders, files in os.walk(os.fsencode(top)):
        expected |= {b"t" + os.path.join(folder, name)[len(os.fsencode(top)) :] for name in folders + files}
    assert scan([top]).paths == sorted(expected)


def test_a_time_beyond_what_an_archive_holds_is_the_nearest_and_told(tmp_path):
    tree(tmp_path / "t", {"late": b"1", "now": b"2"})
    try:
        os.utime(tmp_path / "t/late", ns=(0, 13_569_465_600 * 10**9))
    except OverflowError:
        pytest.skip("no such times here")
    if (tmp_path / "t/late").stat().st_mtime_ns < 1 << 63:
        pytest.skip("no such times in this file system")
    manifest = scan([tmp_path / "t"])
    assert [entry.mtime_ns for entry in manifest if entry.path == b"t/late"] == [(1 << 63) - 1]
    assert [(note.path, "2262" in note.message) for note in manifest.notices] == [(b"t/late", True)]
    assert not_as_scanned(manifest, [1]) == []
    again, gone = look_again(manifest)
    assert (again.mtimes_ns, gone) == (manifest.mtimes_ns, [])


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no attributes")
def test_attributes_at_the_end_of_a_very_long_path_are_kept(tmp_path):
    (tmp_path / "t").mkdir()
    folder = os.open(tmp_path / "t", os.O_RDONLY)
    for _ in range(21):
        os.mkdir("d" * 200, dir_fd=folder)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    leaf = os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
    try:
        for place in (leaf, folder):
            os.setxattr(place, "user.note", b"value")
    except OSError as error:
        pytest.skip(f"no attributes in this file system: {error}")
    finally:
        os.close(leaf)
        os.close(folder)
    manifest = scan([tmp_path / "t"])
    assert len(manifest[-1].source) > 4096
    assert [entry.xattrs for entry in manifest[-2:]] == [((b"user.note", b"value"),)] * 2


def test_a_gitignore_that_is_a_folder_is_none_and_leaks_nothing(tmp_path):
    tree(tmp_path / "t", {".gitignore/x": b"a", "a": b""})
    opened = lambda: len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: E731
    before = opened()
    manifest = scan([tmp_path / "t"], gitignore=True)
    assert opened() == before
    assert manifest.errors == []
    assert "t/a" in names(manifest)


def test_a_large_folder_is_told_of_on_the_way(tmp_path):
    tree(tmp_path / "t", {f"{number:04}": b"" for number in range(2500)})
    calls = []
    scan([tmp_path / "t"], progress=lambda *call: calls.append(call))
    assert [entries for entries, _, _ in calls] == ([1, 2501] if POSIX else [1, 1001, 2001])
    calls.clear()
    scan([tmp_path / "t"], exclude=["nothing"], progress=lambda *call: calls.append(call))
    assert [entries for entries, _, _ in calls] == [1, 1001, 2001]


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_attributes_that_are_not_kept_are_told_once_each(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / "t").mkdir(exist_ok=True)
        (tmp_path / "t" / name).write_bytes(b"x")
        os.setxattr(tmp_path / "t" / name, "user.seen", b"1")
    acl = "system.posix_acl_access"
    listed = {b"a": ["user.seen", acl], b"b": [acl], b"c": ["user.gone"]}
    monkeypatch.setattr(os, "listxattr", lambda path, **_: listed.get(os.path.basename(path), []))
    manifest = scan([tmp_path / "t"])
    assert [entry.xattrs for entry in manifest] == [(), ((b"user.seen", b"1"),), (), ()]
    (notice,) = manifest.notices
    assert notice.path == b"t/a"
    assert notice.message == f"not kept: {acl} (an access control list) of this member, nor of 1 more"


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_attributes_that_cannot_be_read_are_told(tmp_path, monkeypatch):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a").write_bytes(b"x")

    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "no")

    os.setxattr(tmp_path / "t" / "a", "user.a", b"1")
    with monkeypatch.context() as patch:
        patch.setattr(os, "getxattr", refuse)
        (notice,) = scan([tmp_path / "t"]).notices
    assert (notice.path, notice.message) == (b"t/a", "not kept: user.a of this member")
    monkeypatch.setattr(os, "listxattr", refuse)
    (notice,) = scan([tmp_path / "t"]).notices
    assert "attributes that may not be read" in notice.message


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_attributes_that_fail_to_be_read_are_errors_as_contents_are(tmp_path, monkeypatch):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a").write_bytes(b"x")

    def fail(path, *_, **__):
        raise OSError(errno.EIO, "Input/output error")

    os.setxattr(tmp_path / "t" / "a", "user.a", b"1")
    for call in ("getxattr", "listxattr"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            manifest = scan([tmp_path / "t" / "a"])
        assert [entry.path for entry in manifest] == [b"a"]
        (error,) = manifest.errors
        assert (error.path, error.message) == (
            b"a",
            "packed, but its attributes cannot be read: Input/output error",
        )


@pytest.mark.skipif(not hasattr(os, "listxattr"), reason="no extended attributes here")
def test_attributes_of_symbolic_links_are_told(tmp_path, monkeypatch):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "l").symlink_to("nowhere")
    real = os.listxattr
    listed = {b"l": ["security.selinux", "user.odd"]}
    monkeypatch.setattr(
        os, "listxattr", lambda path, **how: listed.get(os.path.basename(path)) or real(path, **how)
    )
    monkeypatch.setattr(os, "getxattr", lambda *_, **__: b"value")
    manifest = scan([tmp_path / "t"])
    assert [entry.xattrs for entry in manifest] == [(), ()]
    assert {notice.message for notice in manifest.notices} == {
        "not kept: security.selinux (a security label) of this member",
        "not kept: user.odd of this member",
    }


def test_names_of_attributes_without_end_are_counted_together():
    left = LeftAttributes()
    for at in range(3 * MOST):
        left.note(b"f%d" % at, b"x%d" % at)
    assert len(left.notices()) == MOST + 1
    told = [note.message for note in left.notices()]
    assert "not kept: further attributes of this member, nor of 199 more" in told
