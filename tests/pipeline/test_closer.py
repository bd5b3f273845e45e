"""The closer sample of large trees: what analysis would have found had it sampled like that."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from support import fill_codebase
from tests.pipeline.runs import pack
from ucompress._core import count_patterns
from ucompress.archive import Archive
from ucompress.pipeline.analysis import closer, samples, sketching
from ucompress.pipeline.placing import planning
from ucompress.pipeline.writing import groundwork
from ucompress.similarity import SKETCH_SIZE


@pytest.fixture
def tree(tmp_path):
    """Files of which some share lines, some are twins, one is empty and one is compressed already."""
    fill_codebase(tmp_path / "tree", 300, 3000)
    files = sorted(path for path in (tmp_path / "tree").rglob("*") if path.is_file())
    (tmp_path / "tree" / "twin").write_bytes(files[5].read_bytes())
    (tmp_path / "tree" / "nothing").write_bytes(b"")
    (tmp_path / "tree" / "noise").write_bytes(np.random.default_rng(3).bytes(40_000))
    return tmp_path / "tree"


@pytest.fixture
def sketched(monkeypatch):
    """What was sketched in each run: (how closely analysis has sampled, the contents' digests, sketches)."""
    seen, original = [], planning.sketch

    def telling(context, analysis):
        made = original(context, analysis)
        seen.append((analysis.shift, bytes(analysis.contents.digests), made))
        return made

    monkeypatch.setattr(planning, "sketch", telling)
    return seen


def coarsely(monkeypatch, **options):
    """From now on analysis samples one d-mer in 2^9 or so, and the plan one in 2^6."""
    monkeypatch.setattr(samples, "SAMPLES", 1 << 11)
    monkeypatch.setattr(closer, "CLOSEST_SHIFT", 6)
    monkeypatch.setattr(groundwork, "DICTIONARY_SHIFT", 7)
    for name, value in options.items():
        monkeypatch.setattr(closer, name, value)


@pytest.mark.parametrize("threshold", [16 << 20, 2000])
@pytest.mark.parametrize("threads", [1, 2])
def test_sketches_are_those_of_an_analysis_as_close(
    tree, tmp_path, monkeypatch, sketched, threshold, threads
):
    options = {"level": 6, "threads": threads, "memory_map_threshold": threshold, "chunk_size": 17}
    with monkeypatch.context() as patch:
        patch.setattr(samples, "DENSEST_SHIFT", 6)
        patch.setattr(sketching, "sketch_size", lambda *_: 2 * SKETCH_SIZE)
        pack(tree, tmp_path / "a.ucz", **options)
    coarsely(monkeypatch)
    pack(tree, tmp_path / "b.ucz", **options)
    (close, digests, expected), (coarse, same_digests, found) = sketched
    assert (close, coarse) == (6, 9)
    assert digests == same_digests
    assert len(expected.hashes) > 1000
    for name, column in expected._asdict().items():
        assert np.array_equal(getattr(found, name), column), name


def test_the_dictionary_is_made_of_what_contents_share(tree, tmp_path, monkeypatch, sketched):
    tables, original = [], groundwork.builder

    def telling(counts, size, **options):
        tables.append((counts, options["threshold"]))
        return original(counts, size, **options)

    monkeypatch.setattr(groundwork, "builder", telling)
    coarsely(monkeypatch)
    pack(tree, tmp_path / "a.ucz", level=6)
    ((counts, threshold),) = tables
    contents = {path.read_bytes() for path in tree.rglob("*") if path.is_file() and path.name != "noise"}
    each = [count_patterns(data, 16, threshold=(1 << 57) - 1)["hash"] for data in contents]
    hashes, documents = np.unique(np.concatenate(each), return_counts=True)
    assert threshold == (1 << 57) - 1
    assert np.array_equal(counts["hash"], hashes[documents >= 2])
    assert len(sketched) == 1, "sampled once for order and dictionary"


@pytest.mark.parametrize(("contents", "most"), [(1000, 32), (100, 16)])
def test_sketches_of_a_closer_sample_are_larger_unless_contents_are_many(
    tree, tmp_path, monkeypatch, sketched, contents, most
):
    coarsely(monkeypatch)
    monkeypatch.setattr(sketching, "MANY_CONTENTS", contents)
    pack(tree, tmp_path / "a.ucz", level=6)
    ((_, _, sketches),) = sketched
    assert np.diff(sketches.starts).max() == most


def test_trees_that_analysis_samples_as_closely_are_not_sampled_again(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(sketching, "sample_closely", None)  # a call would be an error
    pack(tree, tmp_path / "a.ucz", level=6)
    coarsely(monkeypatch, MOST=1 << 11)
    pack(tree, tmp_path / "b.ucz", level=6)


def test_the_closer_sample_is_as_close_as_the_tree_its_largest_file_and_the_level_allow() -> None:
    closest, most, of_one = closer.CLOSEST_SHIFT, closer.MOST, closer.MOST_OF_ONE

    def shift_of(*sizes, level=6, shift=20):
        return closer.closer_shift(np.array(sizes, dtype=np.int64), level, shift)

    part = of_one << closest
    assert shift_of(part) == closest
    assert shift_of(2 * part) == closest + 1
    assert shift_of(*[part] * (most // of_one)) == closest
    assert shift_of(*[part] * (2 * most // of_one)) == closest + 1
    assert shift_of(part, shift=closer.CLOSE_SHIFT) == closer.CLOSE_SHIFT
    assert shift_of(part, shift=closer.CLOSE_SHIFT + 1) == closest
    assert shift_of(*[part] * (8 * most // of_one), shift=8) == 8
    assert shift_of(part, level=3) == 20
    assert shift_of(part, level=9) == closest
    assert shift_of() == closest


def test_the_twin_of_a_file_that_changed_is_sampled_in_its_place(tree, tmp_path, monkeypatch, sketched):
    coarsely(monkeypatch)
    pack(tree, tmp_path / "a.ucz", level=6)
    original = sketching.sample_closely

    def changed(context, contents, shift):
        context.held.allow(0)
        first = next(content for content in contents if len(content.sources) == 2).sources[0]
        with open(first, "r+b") as file:
            file.write(b"other")
        return original(context, contents, shift)

    monkeypatch.setattr(sketching, "sample_closely", changed)
    pack(tree, tmp_path / "b.ucz", level=6)
    for name, column in sketched[0][2]._asdict().items():
        assert np.array_equal(getattr(sketched[1][2], name), column), name
    with Archive(tmp_path / "b.ucz") as archive:
        assert archive.verify().ok


def test_workers_of_other_processes_sample_for_the_same_bytes(tree, tmp_path, monkeypatch, sketched):
    coarsely(monkeypatch)
    expected = pack(tree, tmp_path / "a.ucz", level=6)[1]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        assert pack(tree, tmp_path / "b.ucz", level=6, executor=executor)[1] == expected
    assert len(sketched) == 2
