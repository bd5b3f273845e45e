"""The native core can be used from outside: an extension that only knows the installed package."""

import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ucompress

SETUP = """
from Cython.Build import cythonize
from setuptools import Extension, setup
setup(name="consumer", ext_modules=cythonize([Extension("consumer", ["consumer.pyx"])]))
"""


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """The consumer, compiled against the package as it is imported here, far from its sources."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copy(Path(__file__).with_name("consumer.pyx"), folder)
    (folder / "setup.py").write_text(SETUP)
    environment = {**os.environ, "PYTHONPATH": str(Path(ucompress.__file__).parents[1]), "CFLAGS": "-O1"}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (module,) = (path for path in folder.glob("consumer*") if path.suffix in (".so", ".pyd"))
    spec = importlib.util.spec_from_file_location("consumer", module)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_kernels_run_on_the_consumers_memory(consumer):
    data = b"a" * 100 + bytes(5000) + b"b"
    assert consumer.zero_runs(data, 4096) == [(100, 5100)]
    assert consumer.common_prefix(b"abcd" * 9 + b"x", b"abcd" * 9 + b"y") == 36
    assert consumer.common_suffix(b"x" + b"abcd" * 9, b"yy" + b"abcd" * 9) == 36


def test_the_door_and_the_consumer_agree(consumer):
    from ucompress import _core

    for data in (b"plain text\n" * 100, bytes(range(256)) * 4, os.urandom(4096)):
        assert consumer.class_of(data) == _core.classify(data)


def test_extension_types_are_known_outside(consumer):
    from ucompress._core import SegmentIndex

    index = SegmentIndex(1 << 16)
    assert consumer.length_of(index) == index.length
    with pytest.raises(TypeError):
        consumer.length_of(b"something else")


def test_hashes_agree(consumer):
    from ucompress import _core

    data = os.urandom(64)
    assert consumer.first_hash(data, 16) == int(_core.rolling_hash(data, 16)[0])


def test_the_codec_works_on_memory_that_python_does_not_know(consumer):
    from ucompress._core import Decoder, Encoder, PrimedDictionary

    primed = PrimedDictionary(b"for key, value in table.items():\n" * 20, 6)
    coded, same = consumer.there_and_back(
        Encoder(primed), Decoder(primed), b"for key, value in table:\n" * 400
    )
    assert same
    assert 0 < coded < 200


def test_the_mixing_codec_gives_a_blocks_beginning(consumer):
    from ucompress._core import ModelCoder, PrimedModel

    data = b"for key, value in table:\n" * 400
    for first in (0, 33, len(data)):
        coded, part = consumer.mixed_and_back(ModelCoder(PrimedModel(b"", 7)), data, first)
        assert part == data[:first]
        assert 0 < coded < 400


def raw(rows):
    """The bytes of an array."""
    return rows.reshape(-1).view(np.uint8)


TEXT = b"".join(b"%d: for key, value in table.items():\n" % (i * i % 97) for i in range(120))


def test_counts_merge_as_behind_the_door(consumer):
    from ucompress import _core

    tables = [_core.count_patterns(TEXT[at : at + 1500], document=at) for at in (0, 700, 2000)]
    rows = np.concatenate(tables)
    for capacity in (0, 100):
        expected = _core.merge_counts(tables, capacity=capacity)
        out = np.zeros(len(rows), dtype=rows.dtype)
        assert consumer.merged(raw(rows), capacity, raw(out)) == len(expected)
        assert out[: len(expected)].tobytes() == expected.tobytes()
        few = np.zeros(7, dtype=rows.dtype)
        assert consumer.merged(raw(rows), capacity, raw(few)) == len(expected)
        assert few.tobytes() == expected[:7].tobytes()


def test_counters_and_builders_are_those_behind_the_door(consumer):
    from ucompress import _core

    every = 2**64 - 1
    rows = _core.count_patterns(TEXT, threshold=every, document=7)
    out = np.zeros_like(rows)
    assert consumer.counted(TEXT, 16, every, raw(out)) == len(rows) > 100
    assert out.tobytes() == rows.tobytes()

    patterns = [b"key, value in table", b"for key, value in"]
    hashes = np.unique(_core.rolling_hash(TEXT[:200], 16))
    ours, theirs = (
        (_core.PatternCounter(), _core.PatternLocator(hashes), _core.PatternTally(patterns)) for _ in "ab"
    )
    consumer.updated(*ours, TEXT)
    for kernel, shown in zip(theirs, (7, 7, 3), strict=True):
        kernel.update(TEXT, shown)
    assert ours[0].counts().tobytes() == theirs[0].counts().tobytes()
    assert ours[1].places().tobytes() == theirs[1].places().tobytes()
    assert ours[2].counts().tobytes() == theirs[2].counts().tobytes()
    assert ours[2].counts()["frequency"].tolist() == [360, 360]

    ours, theirs = (_core.DictionaryBuilder(rows, threshold=every) for _ in "ab")
    for builder in (ours, theirs):
        builder.offer(TEXT[900:], 8)
    theirs.offer(TEXT, 7)
    expected = theirs.select(400)
    out = np.zeros_like(expected)
    assert consumer.chosen(ours, TEXT, 400, raw(out)) == len(expected) > 0
    assert out.tobytes() == expected.tobytes()


def test_every_function_on_pointers_is_called_by_the_consumer():
    here = Path(__file__).with_name("consumer.pyx").read_text()
    declared = (Path(ucompress.__file__).parent / "_core.pxd").read_text()
    names = set(re.findall(r"\buc_\w+(?=\()", declared))
    assert len(names) > 20
    assert {name for name in names if f"{name}(" not in here} == set()


def test_patterns_grow_as_behind_the_door(consumer):
    from ucompress import _core

    starts = [at for at in range(len(TEXT)) if TEXT.startswith(b"key, value in ta", at)][:40]
    contexts = np.array([(at, 0, len(TEXT), 0) for at in starts], dtype=_core.CONTEXT_DTYPE)
    groups = np.array([0, 10, 25, 40], dtype=np.int64)
    expected = _core.extend_patterns(TEXT, contexts, groups)
    out = np.zeros_like(expected)
    assert consumer.grown(TEXT, raw(contexts), groups, 16, 2, raw(out)) == 0
    assert out.tobytes() == expected.tobytes()
    assert (out["end"] - out["begin"] > 30).all()


def test_places_that_do_not_fit_are_refused(consumer):
    from ucompress import _core

    contexts = np.array([(0, 0, 100, 0)] * 70, dtype=_core.CONTEXT_DTYPE)
    out = np.zeros((2, 2), dtype=_core.EXTENT_DTYPE)
    for groups, length, support, high in (
        ([0, 65, 70], 16, 2, 100),  # more places than a d-mer may have
        ([0, 0, 10], 16, 2, 100),
        ([0, 20, 10], 16, 2, 100),
        ([1, 20, 40], 16, 2, 100),
        ([0, 20, 40], 0, 2, 100),
        ([0, 20, 40], 101, 2, 100),
        ([0, 20, 40], 16, 0, 100),
        ([0, 20, 40], 16, 2, 101),
    ):
        contexts["high"] = high
        bounds = np.array(groups, dtype=np.int64)
        assert consumer.grown(b"x" * 100, raw(contexts), bounds, length, support, raw(out)) == -1
    assert not out.tobytes().strip(b"\0")


def test_cuts_are_those_behind_the_door(consumer):
    from ucompress import _core

    data = os.urandom(4096)
    hashes = _core.rolling_hash(data)
    out = np.zeros_like(hashes)
    found = consumer.cuts(hashes, 20, out)
    assert found > 10
    assert sorted(out[:found]) == _core.find_cuts(data, 16, 20).tolist()


def test_long_copies_are_those_behind_the_door(consumer):
    from ucompress import _core

    chance = random.Random(6)
    part = chance.randbytes(6000)
    data = part + chance.randbytes(3000) + part[500:]
    spacing = consumer.spacing_of(len(data))
    assert spacing == _core.anchor_spacing(len(data))
    assert consumer.spacing_of(1 << 40) == _core.anchor_spacing(1 << 40)
    for apart in (1, 7, spacing):
        expected = _core.find_anchors(data, apart, 48)
        rows = np.zeros((len(data) + 1, 2), dtype=np.uint64)
        assert consumer.anchors(data, apart, 48, rows) == len(expected)
        assert rows[: len(expected)].tolist() == expected.tolist()
    assert consumer.anchors(data, 0, 48, rows) == -1

    ours, theirs = (_core.SegmentIndex(2 * len(data), length=48) for _ in range(2))
    hits = np.zeros((len(expected), 2), dtype=np.int64)
    for base in (0, len(data)):
        known = theirs.trace(expected, base, base)
        assert consumer.traced(ours, expected, base, hits) == len(known) > 0
        assert hits[: len(known)].tolist() == known.tolist()

    copies = np.zeros((len(data) // 1024, 3), dtype=np.int64)
    assert consumer.segments(data, 1024, copies) == 1
    assert copies[:1].tolist() == _core.find_segments(data).tolist() == [[9000, 500, 5500]]
    assert consumer.segments(data, 0, copies) == -1


def test_sketches_and_the_order_are_those_behind_the_door(consumer):
    from ucompress import _core

    contents = [TEXT[at : at + 400] for at in range(0, 4000, 130)]
    features = np.full((len(contents), 16), _core.NO_HASH, dtype=np.uint64)
    for row, content in zip(features, contents, strict=True):
        found = consumer.sketch(content, 16, row)
        assert row[:found].tolist() == _core.sketch(content).tolist()
    assert consumer.sketch(content, 257, np.zeros(4, dtype=np.uint64)) == -1

    features = features[np.random.default_rng(5).permutation(len(contents))]
    classes = np.zeros(len(contents), dtype=np.uint8)
    sizes = np.full(len(contents), 400, dtype=np.int64)
    weights = np.ones(16, dtype=np.uint16)
    out = np.zeros(len(contents), dtype=np.int32)
    assert consumer.ordered(features, classes, sizes, weights, 2000, 64, out) == 0
    assert out.tolist() == _core.order_by_likeness(features, classes, sizes, block=2000).tolist()
    assert sorted(out) == list(range(len(contents)))
    weights[3] = 64
    assert consumer.ordered(features, classes, sizes, weights, 2000, 64, out) == -1


def test_what_a_consumer_needs_is_shipped():
    package = Path(ucompress.__file__).parent
    for name in ("__init__.pxd", "_core.pxd", "_core.pyi", "py.typed"):
        assert (package / name).is_file(), name
