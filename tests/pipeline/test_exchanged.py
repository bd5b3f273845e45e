"""Names that lead to another file for a moment, or from then on: no file gets another's bytes or rights."""

from __future__ import annotations

import os
import random
import stat
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support import fill_codebase, tree_facts
from tests.pipeline.runs import between_plan_and_coding, pack
from ucompress.archive import Archive
from ucompress.pipeline import survey
from ucompress.pipeline.analysis import file_content
from ucompress.pipeline.reading import spans
from ucompress.pipeline.running import context
from ucompress.pipeline.survey import Survey
from ucompress.scan import again

SHORT, LONG = random.Random(1).randbytes(5000), random.Random(2).randbytes(7000)
LARGE = random.Random(3).randbytes(2 << 20)


@pytest.fixture
def tree(tmp_path):
    fill_codebase(tmp_path / "tree", 30, 900)
    (tmp_path / "tree/d").mkdir()
    (tmp_path / "e").mkdir()
    return tmp_path / "tree"


def swap(one: Path, other: Path) -> None:
    between = one.with_name("between")
    one.rename(between)
    other.rename(one)
    between.rename(other)


def around_reads(monkeypatch, path, before, after, times):
    """Do something before and after each of the first reads of a file; what is left of those comes back."""
    left = [None] * times
    name = os.fsencode(path)

    @contextmanager
    def disturbed(concerned):
        busy = concerned and bool(left)
        if busy:
            left.pop()
            before()
        try:
            yield
        finally:
            if busy:
                after()

    read, alone, opened = spans.read_and_look, spans._read_alone, file_content._opened

    def read_and_look(rows):
        with disturbed(any(row[0] == name for row in rows)):
            return read(rows)

    def read_alone(span):
        with disturbed(span[0] == name):
            return alone(span)

    @contextmanager
    def open_for_windows(source):
        with disturbed(source == name), opened(source) as descriptor:
            yield descriptor

    monkeypatch.setattr(spans, "read_and_look", read_and_look)
    monkeypatch.setattr(spans, "_read_alone", read_alone)
    monkeypatch.setattr(file_content, "_opened", open_for_windows)
    return left


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize(
    ("here", "there"),
    [(SHORT, LONG), (LONG, SHORT), (SHORT, SHORT[::-1]), (LARGE, LARGE[::-1] + b"more"), (LARGE, SHORT)],
    ids=["longer", "shorter", "as long", "larger", "smaller"],
)
def test_another_file_that_has_the_name_only_while_it_is_read(
    tree, tmp_path, monkeypatch, times, what, here, there
):
    file, other = tree / "d/f", tmp_path / "e/f"
    file.write_bytes(here)
    other.write_bytes(there)
    pair = (file, other) if what == "file" else (file.parent, other.parent)
    left = around_reads(monkeypatch, file, lambda: swap(*pair), lambda: swap(*pair), times)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1, memory_map_threshold=1 << 20)
    assert (left, result.unreadable) == ([], ())
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        assert archive.read("tree/d/f") == here


@pytest.mark.parametrize("last", [False, True])
def test_a_file_system_that_numbers_open_files_otherwise_loses_nothing(tree, tmp_path, monkeypatch, last):
    (tree / "d/f").write_bytes(LARGE)
    read, told = spans.read_and_look, again.status_of

    def renumbered(seen):
        rows = again.statuses(seen).copy()
        rows["inode"] += 1
        return rows.tobytes()

    def read_and_look(rows):
        found, seen = read(rows)
        return found, renumbered(seen)

    monkeypatch.setattr(spans, "read_and_look", read_and_look)
    for module in (spans, file_content, again):
        monkeypatch.setattr(module, "status_of", lambda descriptor: renumbered(told(descriptor)))
    if last:
        monkeypatch.setattr(survey, "ATTEMPTS", 1)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1, memory_map_threshold=1 << 20)
    assert (result.unreadable, result.warnings) == ((), ())
    with Archive(tmp_path / "a.ucz") as archive:
        archive.extract(tmp_path / "out")
    assert tree_facts(tmp_path / "out/tree") == tree_facts(tree)


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_is_away_only_while_it_is_read(tree, tmp_path, monkeypatch, times):
    file, away = tree / "d/f", tmp_path / "away"
    file.write_bytes(SHORT)
    left = around_reads(monkeypatch, file, lambda: file.rename(away), lambda: away.rename(file), times)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert (left, result.unreadable, result.warnings) == ([], (), ())
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/d/f") == SHORT


def test_what_a_round_could_not_read_and_a_later_one_could_is_no_error(tree, tmp_path, monkeypatch):
    file, away = tree / "d/f", tmp_path / "away"
    file.write_bytes(SHORT)
    analyze = Survey.analyze
    rounds = []

    def disturbed(self, *arguments, **options):
        rounds.append(None)
        if len(rounds) > 1:
            return analyze(self, *arguments, **options)
        file.rename(away)
        with suppress(survey.ContentsChangedError):
            analyze(self, *arguments, **options)
        away.rename(file)
        raise survey.ContentsChangedError([os.fsencode(file)])

    monkeypatch.setattr(Survey, "analyze", disturbed)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert (len(rounds), result.unreadable) == (2, ())
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/d/f") == SHORT


def take_the_name(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Another file, with rights and an attribute of its own, takes a file's place."""
    other = file.with_name("other")
    other.write_bytes(content)
    other.chmod(mode)
    if hasattr(os, "setxattr"):
        os.setxattr(other, "user.from", b"the other")
    os.utime(other, ns=(0, 10**18))
    other.replace(file)


def in_the_last_round(monkeypatch, action):
    analyze = Survey.analyze

    def disturbed(self, *arguments, **options):
        action()
        return analyze(self, *arguments, **options)

    monkeypatch.setattr(survey, "ATTEMPTS", 1)
    monkeypatch.setattr(Survey, "analyze", disturbed)


WHEN = {"coding": between_plan_and_coding, "the last round": in_the_last_round}


@pytest.mark.parametrize("when", WHEN)
def test_another_file_brings_its_rights_and_attributes_along(tree, tmp_path, monkeypatch, when):
    monkeypatch.setattr(context, "MOST_HELD", 0)
    file = tree / "d/f"
    file.write_bytes(SHORT)
    if hasattr(os, "setxattr"):
        os.setxattr(file, "user.before", b"the first")
    WHEN[when](monkeypatch, lambda: take_the_name(file, LONG))
    pack(tree, tmp_path / "a.ucz", level=1)
    with Archive(tmp_path / "a.ucz") as archive:
        archive.extract(tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out/tree/d/f").stat().st_mode) == 0o600
    assert tree_facts(tmp_path / "out/tree/d/f") == tree_facts(file)


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("edited", [False, True])
def test_other_names_of_a_file_do_not_get_what_took_the_first(tree, tmp_path, monkeypatch, when, edited):
    monkeypatch.setattr(context, "MOST_HELD", 0)
    first, second = tree / "d/f", tree / "d/g"
    first.write_bytes(SHORT)
    second.hardlink_to(first)
    done = []

    def exchange():
        if not done:
            done.append(None)
            if edited:
                with first.open("r+b") as file:
                    file.write(b"edited")
            take_the_name(first, LONG)

    WHEN[when](monkeypatch, exchange)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert result.unreadable == ()
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        assert archive.read("tree/d/f") in ((LONG,) if edited else (SHORT, LONG))
        assert archive.read("tree/d/g") == second.read_bytes()
        archive.extract(tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out/tree/d/g").stat().st_mode) == stat.S_IMODE(second.stat().st_mode)
