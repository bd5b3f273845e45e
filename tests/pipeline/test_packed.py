"""Files that are compressed already: they cost what storing them costs, and are known before work begins."""

import bz2
import gzip
import lzma
import random
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

import ucompress
from tests.pipeline.runs import pack
from ucompress.codec.block import BlockCompressor
from ucompress.codec.levels import STORED
from ucompress.database import PatternDatabase
from ucompress.pipeline.analysis.analyzer import ParallelAnalyzer
from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor
from ucompress.progress import ProgressReporter
from ucompress.segments import DENSE

WORDS = [bytes(random.Random(seed).choices(b"etaoinshrdlu", k=3 + seed % 9)) for seed in range(900)]
PACKERS = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "zz": zlib.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


def text(seed: int, words: int) -> bytes:
    return b" ".join(random.Random(seed).choices(WORDS, k=words))


def members() -> dict[str, bytes]:
    """Large members of every kind, and noise, by name; the names tell nothing."""
    packed = [pack_up(text(seed, 30_000)) for seed, pack_up in enumerate(list(PACKERS.values()) * 3)]
    noise = [random.Random(seed).randbytes(150_000) for seed in range(4)]
    return {f"{number:02}.txt": data for number, data in enumerate(packed + noise)}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("packed") / "tree"
    root.mkdir()
    for name, data in members().items():
        (root / name).write_bytes(data)
    return root


@pytest.mark.parametrize("level", [1, 3, 4, 6, 8, 9])
def test_they_cost_no_more_than_being_stored(tree, tmp_path, level):
    size = sum(path.stat().st_size for path in tree.iterdir())
    result, archive = pack(tree, tmp_path / "a.ucz", level=level)
    assert len(archive) <= size + size // 1000
    assert result.statistics.dictionary_bytes == 0
    with ucompress.open(tmp_path / "a.ucz") as opened:
        for path in tree.iterdir():
            assert opened.read(f"tree/{path.name}") == path.read_bytes()


def test_they_are_known_by_their_bytes_and_not_searched_for_patterns(tree):
    with ThreadPoolExecutor(1) as pool, PatternDatabase(":memory:") as database:
        analyzer = ParallelAnalyzer(16, 3, database, ProgressReporter(), ParallelFileProcessor(pool))
        for path in tree.iterdir():
            analysis = analyzer.analyze_single_file(path)
            assert (analysis.kind_class, analysis.patterns_found) == (DENSE, 0), path


@pytest.mark.parametrize("level", [1, 3, 4, 6])
@pytest.mark.parametrize("kind", ["gz", "zz", "noise"])
def test_the_codec_leaves_them_alone(level, kind):
    data = PACKERS.get(kind, lambda _: random.Random(1).randbytes(200_000))(text(1, 90_000))
    assert BlockCompressor(level).compress(data) == (STORED, data)
