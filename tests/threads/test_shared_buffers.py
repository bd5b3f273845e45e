"""Several threads call each kernel on the same buffers and objects: what comes out is what one thread gets.

`SANITIZER=thread scripts/sanitized.sh` runs these under ThreadSanitizer, which sees what no lock orders.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ucompress import _core
from ucompress.codec.block import BlockCompressor, BlockDecompressor, Reference
from ucompress.patterns import PatternCounter

THREADS = 4
ROUNDS = 6
LINES = b"".join(b"key_%d = value(%d)  # %x\n" % (k, k * k, k * 2654435761 % 65537) for k in range(900))
DATA = bytearray(LINES[:30_000] + bytes(5000) + random.Random(1).randbytes(3000))
"""One buffer that all threads read."""
TABLE = b"".join(n.to_bytes(4, "little") for n in range(4000))
PAST = LINES[:4000]
PATTERNS = [LINES[at : at + 24] for at in range(0, 2000, 97)]
BLOCK = bytes(DATA[:9000])


def at_once(action: Callable[[int], object]) -> list[object]:
    """What `action(number)` gives in threads that begin together, some rounds each."""
    gate = threading.Barrier(THREADS)

    def work(number: int) -> list[object]:
        gate.wait()
        return [action(number * ROUNDS + turn) for turn in range(ROUNDS)]

    with ThreadPoolExecutor(THREADS) as pool:
        return [one for found in pool.map(work, range(THREADS)) for one in found]


def plain(found: object) -> object:
    """Arrays as bytes, so that results can be compared."""
    return found.tobytes() if isinstance(found, np.ndarray) else found


SAMPLE = _core.PatternSampler(16).sample(DATA)

READING = {
    "rolling_hash": lambda: _core.rolling_hash(DATA),
    "count_patterns": lambda: _core.count_patterns(DATA),
    "sample": lambda: _core.PatternSampler(16).sample(DATA),
    "is_sample": lambda: _core.is_sample(SAMPLE),
    "merge_samples": lambda: _core.merge_samples([SAMPLE, SAMPLE]),
    "find_cuts": lambda: _core.find_cuts(DATA),
    "find_zero_runs": lambda: _core.find_zero_runs(DATA),
    "classify": lambda: _core.classify(DATA),
    "find_anchors": lambda: _core.find_anchors(DATA, 64),
    "find_segments": lambda: _core.find_segments(DATA),
    "sketch": lambda: _core.sketch(DATA),
    "filter_branches": lambda: _core.filter_branches(DATA),
    "restore_branches": lambda: _core.restore_branches(DATA),
    "filter_planes": lambda: _core.filter_planes(TABLE, 4, True),
    "restore_planes": lambda: _core.restore_planes(TABLE, 4, True),
    "find_stride": lambda: _core.find_stride(TABLE),
    "compress_block": lambda: _core.compress_block(DATA, PAST),
    "build_dictionary": lambda: _core.build_dictionary([BLOCK, bytes(DATA)], 2000),
}


@pytest.mark.parametrize("name", READING)
def test_kernels_that_read_one_buffer(name: str) -> None:
    call = READING[name]
    alone = plain(call())
    assert all(plain(found) == alone for found in at_once(lambda _: call()))


@pytest.mark.parametrize("portable", [False, True])
def test_coders_that_share_a_primed_dictionary(portable: bool) -> None:
    primed = _core.PrimedDictionary(PAST, 6, portable=portable)
    alone = _core.Encoder(primed, 1 << 16, 1 << 16).encode(BLOCK)
    past = (alone, len(BLOCK))
    after = _core.Encoder(primed, 1 << 16, 1 << 16).encode(DATA, past)

    def round_trip(_: int) -> bool:
        encoder, decoder = (kind(primed, 1 << 16, 1 << 16) for kind in (_core.Encoder, _core.Decoder))
        assert (encoder.encode(BLOCK), encoder.encode(DATA, past)) == (alone, after)
        assert decoder.decode(alone, len(BLOCK)) == BLOCK
        return bool(decoder.decode(after, len(DATA), past) == DATA)

    assert all(at_once(round_trip))


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("level", [7, 8])
def test_coders_that_share_a_primed_model(level: int, portable: bool) -> None:
    primed = _core.PrimedModel(PAST, level, portable=portable)
    alone = _core.ModelCoder(primed, 1 << 16).encode(BLOCK[:2500])

    def round_trip(_: int) -> bool:
        coder = _core.ModelCoder(primed, 1 << 16)
        assert coder.encode(BLOCK[:2500]) == alone
        return bool(coder.decode(alone, 2500) == BLOCK[:2500])

    assert all(at_once(round_trip))


@pytest.mark.parametrize("level", [1, 3, 5, 7])
def test_one_compressor_and_one_decompressor(level: int) -> None:
    compressor, decompressor = (
        BlockCompressor(level, PAST),
        BlockDecompressor(PAST, level if level > 6 else None),
    )
    data = BLOCK[:3000] if level > 6 else BLOCK
    codec, payload = compressor.compress(data)
    reference = Reference(codec, payload, len(data)) if 4 <= level <= 6 else None
    coded = compressor.compress(bytes(DATA[:5000]), reference)
    served = reference if reference is not None and reference.serves(coded[0]) else None

    def round_trip(number: int) -> bool:
        if number % 2:
            assert compressor.compress(data) == (codec, payload)
            return bool(decompressor.decompress(codec, payload, len(data)) == data)
        assert compressor.compress(bytes(DATA[:5000]), reference) == coded
        return bool(decompressor.decompress(*coded, 5000, served) == DATA[:5000])

    assert all(at_once(round_trip))


def test_whole_documents_do_not_mix_in_what_all_threads_feed() -> None:
    documents = [bytes(DATA[at : at + 3000]) for at in range(0, 24_000, 1000)]
    hashes = np.unique(_core.count_patterns(DATA)["hash"])
    rows = _core.count_patterns(DATA)

    def made() -> tuple[object, ...]:
        return (
            PatternCounter(16),
            _core.PatternTally(PATTERNS, 16),
            _core.PatternLocator(hashes, 16),
            _core.DictionaryBuilder(rows),
            _core.BranchCounter(PAST),
            _core.PatternSampler(16),
        )

    def feed(objects: tuple[object, ...], number: int) -> object:
        counter, tally, locator, builder, branches, sampler = objects
        document = documents[number]
        counter.update(document, number)
        tally.update(document)
        locator.update(document, number)
        builder.offer(document, number)
        return branches.repeats(document), sampler.sample(document)

    def told(objects: tuple[object, ...]) -> list[object]:
        counter, tally, locator, builder, *_ = objects
        counts = counter.counts()
        places = np.sort(locator.places(), order=["candidate", "document", "offset"])
        return [
            # Which document has a pattern first is for those to say who come first.
            sorted(zip(counts["hash"].tolist(), counts["frequency"].tolist(), strict=True)),
            tally.counts().tobytes(),
            places.tobytes(),
            builder.select(2000).tobytes(),
        ]

    alone, shared = made(), made()
    expected = [feed(alone, number) for number in range(THREADS * ROUNDS)]
    assert at_once(lambda number: feed(shared, number)) == expected
    assert told(shared) == told(alone)
