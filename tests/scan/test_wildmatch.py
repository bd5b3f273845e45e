"""Lines of `.gitignore` files against a naive matcher, and against git itself where it is installed."""

import os
import re
import shutil
import subprocess
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress.scan.wildmatch import LONGEST, expression_of, without_end

PARTS = [
    *(
        "a",
        "b",
        "c",
        "-",
        "!",
        "^",
        "]",
        "[",
        "#",
        " ",
        "\xe9",
        "/",
        "/",
        "*",
        "*",
        "**",
        "***",
        "?",
        "**/",
        "/**",
    ),
    *("[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[!]a]", "[a\\-z]", "[z-a]", "[a/b]", "[--0]", "[a-]"),
    *("[[:alpha:]]", "[![:alpha:]]", "[[:digit:]a]", "[[:x:]]", "[[:alpha:]", "\\*", "\\a", "\\"),
]
patterns = st.lists(st.sampled_from(PARTS), min_size=1, max_size=8).map("".join)
paths = st.lists(st.text("abcz-!^][# *\xe9", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


def bracket(pattern):
    """Whether each byte is in a bracket expression at the front, and what follows; None: it is not closed."""
    body = pattern[1:]
    negated = body[:1] in ("!", "^") and body != ""
    body = body[1:] if negated else body
    members, before, at = set(), None, 0
    while True:
        if at >= len(body) or (body[at] == "\\" and at + 1 >= len(body)):
            return None
        if body[at] == "]" and at > 0:
            break
        if body.startswith("[:", at) and "]" in body[at + 2 :]:
            end = body.index("]", at + 2)
            if end > at + 2 and body[end - 1] == ":":
                kind = {"alpha": str.isalpha, "digit": str.isdigit}.get(body[at + 2 : end - 1])
                if kind is None:
                    return None
                members |= {chr(one) for one in range(128) if kind(chr(one))}
                before, at = None, end + 1
                continue
        if body[at] == "-" and before is not None and body[at + 1 : at + 2] not in ("", "]"):
            at += 1 + (body[at + 1] == "\\")
            if at >= len(body):
                return None
            members |= {chr(one) for one in range(ord(before), ord(body[at]) + 1)}
            before = None
        else:
            at += body[at] == "\\"
            members.add(body[at])
            before = body[at]
        at += 1
    return (lambda sign: sign != "/" and (sign in members) != negated), body[at + 1 :]


def fits(pattern, path, fresh=True):
    """git's manual, read literally and tried in all ways; a bad pattern fits nothing."""
    if not pattern:
        return not path
    if fresh and (stars := re.match(r"\*\*+(?=/|$)", pattern)):
        rest = pattern[stars.end() :]
        if not rest:
            return bool(path)
        starts = [0, *(at + 1 for at, sign in enumerate(path) if sign == "/")]
        return any(fits(rest[1:], path[at:]) for at in starts)
    if pattern[0] == "*":
        ends = range(len(path.partition("/")[0]) + 1)
        return any(fits(pattern.lstrip("*"), path[end:], False) for end in ends)
    if pattern[0] == "[":
        if (parsed := bracket(pattern)) is None:
            return False
        allowed, rest = parsed
        return path != "" and allowed(path[0]) and fits(rest, path[1:], False)
    if pattern[0] == "\\":
        pattern = pattern[1:]
        if not pattern:
            return False
    elif pattern[0] == "?":
        return path[:1] not in ("", "/") and fits(pattern[1:], path[1:], False)
    return path[:1] == pattern[0] and fits(pattern[1:], path[1:], pattern[0] == "/")


def means(pattern, path):
    """Whether a pattern means a path; folders have a slash at the end."""
    if pattern.endswith("/"):
        if not path.endswith("/"):
            return False
        pattern = pattern[:-1]
    path = path.removesuffix("/")
    if "/" not in pattern:
        return pattern != "" and fits(re.sub(r"^\*\*+$", "*", pattern), path.rpartition("/")[2])
    return fits(pattern.removeprefix("/"), path)


def matches(pattern, path, below=False):
    try:
        return re.search(expression_of(pattern, below=below), path) is not None
    except ValueError:
        return False


def without_quirks(pattern):
    """A backslash before a slash makes no difference between slashes here."""
    return "\\/" not in pattern and not pattern.endswith("\\")


@given(patterns.filter(without_quirks), paths, st.booleans())
def test_a_pattern_means_what_a_naive_matcher_makes_of_it(pattern, path, folder):
    path += "/" * folder
    assert matches(pattern, path) == means(pattern, path)


@given(patterns.filter(without_quirks), paths)
def test_below_a_folder_that_is_meant_all_is(pattern, path):
    parents = ["/".join(path.split("/")[:depth]) + "/" for depth in range(1, path.count("/") + 1)]
    assert matches(pattern, path, below=True) == any(matches(pattern, one) for one in [*parents, path])


@given(st.text("ab *[]?!/\\-^:", max_size=40))
def test_any_text_is_an_expression_or_refused_with_a_reason(text):
    try:
        re.compile(expression_of(text, below=False))
    except ValueError as error:
        assert str(error)


def test_what_is_longer_than_any_name_is_refused():
    expression_of("a" * LONGEST, below=True)
    with pytest.raises(ValueError, match="more than any name"):
        expression_of("a" * (LONGEST + 1), below=True)


@pytest.mark.parametrize(
    "pattern", ["*a" * 200 + "*b", "**/a/" * 200 + "b", "a*" * 100 + "/**/" + "*a" * 100 + "b"]
)
@pytest.mark.parametrize("path", ["a" * 20_000, "a/" * 10_000, ("a" * 200 + "/") * 100])
def test_nothing_is_gone_over_twice(pattern, path):
    assert not matches(pattern, path)


@pytest.mark.parametrize(
    ("line", "kept"),
    [("a  ", "a"), ("a\\  ", "a\\ "), ("a\\\\ ", "a\\\\"), (" ", ""), ("a\t", "a\t"), ("", "")],
)
def test_spaces_at_the_end_of_a_line(line, kept):
    assert without_end(line) == kept


@pytest.mark.skipif(shutil.which("git") is None or os.name == "nt", reason="git is not installed")
def test_git_keeps_the_same_files(tmp_path):
    """One repository, a folder for each pattern. Left out: `a**/b`, where git is not as its manual says."""
    chosen = Random(7)
    lines = ["".join(chosen.choices(PARTS, k=chosen.randrange(1, 8))) for _ in range(150)]
    lines = [line for line in lines if line[0] not in "!#" and not re.search(r"\\/|[^/*]\*\*+(/|$)", line)]
    folders = ["".join(chosen.choices("abc-]!", k=chosen.randrange(1, 4))) + "/" for _ in range(6)]
    files = {
        "".join(chosen.choices(folders, k=depth)) + "".join(chosen.choices("abc-]!", k=3)) + "~"
        for depth in (0, 1, 2, 3) * 8
    }
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for number, line in enumerate(lines):
        top = tmp_path / str(number)
        for file in files:
            (top / file).parent.mkdir(parents=True, exist_ok=True)
            (top / file).touch()
        (top / ".gitignore").write_bytes(line.encode("latin-1").replace(b"c", b"~") + b"\n")
    listing = ["git", "-C", tmp_path, "ls-files", "-z", "-o", "--exclude-standard"]
    kept = set(subprocess.run(listing, capture_output=True, check=True).stdout.decode().split("\0"))
    assert len(lines) < len(kept) < len(lines) * len(files)
    for number, line in enumerate(lines):
        pattern = without_end(line.replace("c", "~"))
        for file in files:
            ends = [at + 1 for at, sign in enumerate(file) if sign == "/"] + [len(file)]
            ignored = any(matches(pattern, file[:end]) for end in ends)
            assert ignored == (f"{number}/{file}" not in kept), (pattern, file)
