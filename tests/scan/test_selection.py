"""Which members patterns and `.gitignore` files take and leave out."""

import os
import re
from fnmatch import fnmatchcase
from random import Random

import pytest

from tests.scan.trees import POSIX, names, tree
from ucompress.errors import UsageError
from ucompress.scan import scan


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
        (b"a\0x", ["ax", "x"], ["a"]),
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


@pytest.mark.skipif(not POSIX, reason="links may not be made")
def test_a_gitignore_that_is_a_link_is_packed_and_its_lines_do_not_hold(tmp_path):
    top = tree(tmp_path / "t", {"a": b"", "rules": b"a\n"})
    (top / ".gitignore").symlink_to("rules")
    manifest = scan([top], gitignore=True)
    assert names(manifest) == ["t", "t/.gitignore", "t/a", "t/rules"]
    assert manifest.errors == []
    (warning,) = manifest.warnings
    assert (warning.path, warning.message) == (
        b"t/.gitignore",
        "is a link: its lines do not hold, as for git",
    )


def test_a_gitignore_that_is_a_folder_is_none_and_leaks_nothing(tmp_path):
    tree(tmp_path / "t", {".gitignore/x": b"a", "a": b""})
    opened = lambda: len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: E731
    before = opened()
    manifest = scan([tmp_path / "t"], gitignore=True)
    assert opened() == before
    assert manifest.errors == []
    assert "t/a" in names(manifest)
