"""Small contents in a file without a name: what is there is right, what is not there is read elsewhere."""

import contextlib
import os
import sqlite3
from collections import Counter, namedtuple

import pytest

from support import all_settled, fill_codebase, tree_facts
from tests.pipeline.runs import between_plan_and_coding, pack, tell_reads
from ucompress.archive import Archive
from ucompress.database import cache
from ucompress.errors import OutputError
from ucompress.pipeline.analysis import closer, sketching
from ucompress.pipeline.placing import planning
from ucompress.pipeline.reading import spilled
from ucompress.pipeline.reading.spilled import LONGEST, NOWHERE, SpilledContents
from ucompress.pipeline.running import context
from ucompress.spill import IN_MEMORY, Spill


def test_what_was_taken_is_found_at_its_place(tmp_path):
    contents = SpilledContents(Spill(tmp_path))
    first = [b"one", b"longest".ljust(LONGEST), bytes(LONGEST + 1), b"four"]
    places = contents.take(first)
    assert [place == NOWHERE for place in places] == [False, False, True, False]
    later = [bytes([number]) * 100 for number in range(100)]
    places = [places[0], places[1], places[3], *contents.take(later)]
    known = [first[0], first[1], first[3], *later]
    assert contents.size == sum(map(len, known))
    assert len(set(places)) == len(known)
    spread = [places[0], places[-1]]
    assert contents.read([(place, 2) for place in spread]) == [b"on", b"cc"]
    every = [(place, len(data)) for place, data in zip(places, known, strict=True)]
    assert contents.read(every) == known
    assert contents.read(every[::-1]) == known[::-1]
    assert contents.read([(places[0] + 1, 2)]) == [b"ne"]
    assert contents.read([]) == []
    assert list(tmp_path.iterdir()) == []


def test_where_columns_stay_in_memory_nothing_is_taken():
    contents = SpilledContents(IN_MEMORY)
    assert contents.take([b"one", b"two"]) == [NOWHERE, NOWHERE]
    assert contents.size == 0


def test_a_share_of_what_is_free_is_taken_and_no_more(tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(spilled.shutil, "disk_usage", lambda _: usage(1000 * spilled.FREE_SHARE))
    contents = SpilledContents(Spill(tmp_path))
    first, second, third = contents.take([b"1" * 600, b"2" * 600, b"3" * 400])
    assert NOWHERE not in (first, third)
    assert second == NOWHERE
    assert contents.take([b"4"]) == [NOWHERE]
    assert contents.read([(first, 600), (third, 400)]) == [b"1" * 600, b"3" * 400]


def test_a_full_disk_ends_the_taking_and_spoils_nothing(tmp_path, monkeypatch):
    contents = SpilledContents(Spill(tmp_path))
    (place,) = contents.take([b"before"])
    write = Spill.write

    def full(spill, file, data):
        write(spill, file, data[: len(data) // 2])
        raise OutputError("no space")

    monkeypatch.setattr(Spill, "write", full)
    assert contents.take([b"during", b"this"]) == [NOWHERE, NOWHERE]
    monkeypatch.setattr(Spill, "write", write)
    assert contents.take([b"after"]) == [NOWHERE]
    assert contents.read([(place, 6)]) == [b"before"]


def test_a_folder_that_takes_no_file_takes_nothing(tmp_path):
    assert SpilledContents(Spill(tmp_path / "absent")).take([b"some"]) == [NOWHERE]


@pytest.fixture
def tree(tmp_path):
    """Code, of which some files are longer than what is spilled, and small files that other files repeat."""
    fill_codebase(tmp_path / "tree", 60, 5000)
    for number in range(40):
        (tmp_path / "tree" / f"small{number}").write_bytes(b"%d times the same\n" % (number // 2) * 20)
    return tmp_path / "tree"


@pytest.fixture
def reads(monkeypatch):
    """How often each file was read, by its path."""
    counted = Counter()
    tell_reads(monkeypatch, lambda rows: counted.update({row[0] for row in rows}))
    return counted


def sample_again(monkeypatch):
    """All contents are sampled once more for the plan."""
    monkeypatch.setattr(closer, "CLOSE_SHIFT", 3)
    monkeypatch.setattr(closer, "CLOSEST_SHIFT", 3)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("level", "again"), [(1, False), (4, False), (4, True)])
def test_a_small_file_is_read_once_whatever_memory_there_is(
    tree, tmp_path, reads, monkeypatch, level, again, threads
):
    if again:
        sample_again(monkeypatch)
    held = pack(tree, tmp_path / "a.ucz", level=level)[1]
    reads.clear()
    monkeypatch.setattr(context, "MOST_HELD", 0)
    assert pack(tree, tmp_path / "b.ucz", level=level, threads=threads)[1] == held
    times = {short: set() for short in (True, False)}
    for path, count in reads.items():
        times[os.stat(path).st_size <= LONGEST].add(count)
    assert times[True] == {1}
    assert min(times[False]) > 1


def test_what_the_database_knew_is_spilled_when_it_is_sampled_again(tree, tmp_path, reads, monkeypatch):
    sample_again(monkeypatch)
    monkeypatch.setattr(cache, "settled", all_settled)
    monkeypatch.setattr(context, "MOST_HELD", 0)
    first = pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=4)[1]
    with contextlib.closing(sqlite3.connect(tmp_path / "p.db")) as database, database:
        database.execute("DELETE FROM artifacts")
    sampled = sketching.sample_closely

    def sample(*arguments):
        try:
            return sampled(*arguments)
        finally:
            reads.clear()

    monkeypatch.setattr(sketching, "sample_closely", sample)
    assert pack(tree, tmp_path / "b.ucz", database=tmp_path / "p.db", level=4)[1] == first
    assert reads
    assert min(os.stat(path).st_size for path in reads) > LONGEST


def test_what_is_spilled_is_packed_as_it_was_analyzed(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(context, "MOST_HELD", 0)
    before = tree_facts(tree)

    def change():
        (tree / "small6").write_bytes(b"something else")
        (tree / "small7").unlink()

    between_plan_and_coding(monkeypatch, change)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert (result.exit_code, result.warnings) == (0, ())
    with Archive(tmp_path / "a.ucz") as archive:
        archive.extract(tmp_path / "out")
    assert tree_facts(tmp_path / "out" / "tree") == before


def test_what_changes_before_it_is_planned_is_packed_as_it_is_then(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(context, "MOST_HELD", 0)
    planned = planning.make_plan

    def plan(*arguments, **options):
        (tree / "small0").write_bytes(b"something else")
        return planned(*arguments, **options)

    monkeypatch.setattr(planning, "make_plan", plan)
    pack(tree, tmp_path / "a.ucz", level=1)
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/small0") == b"something else"
