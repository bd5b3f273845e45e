"""Dictionaries for single buffers, and that zstd reads what levels 1-3 write."""

import random
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ucompress.codec.block import BlockCompressor
from ucompress.codec.dictionary import Dictionary, train
from ucompress.codec.levels import ZSTD
from ucompress.codec.zstd import zstd
from ucompress.errors import CorruptArchiveError, DictionaryMissingError, UnsupportedArchiveError, UsageError


def record(number: int) -> bytes:
    chooser = random.Random(number)
    return (
        b'{"identifier": %d, "description": "a record of the kind that services exchange", "kind": "%s", '
        b'"position": {"longitude": %d, "latitude": %d}, "permissions": ["read", "write", "administer"]}'
        % (
            number,
            chooser.choice([b"person", b"building", b"vehicle"]),
            chooser.randrange(180),
            chooser.randrange(90),
        )
    )


RECORDS = [record(number) for number in range(400)]
TRAINED = train(RECORDS[:300], 4096)


@pytest.mark.parametrize("sample", ["text", b"bytes", bytearray(b"more"), memoryview(b"view")])
def test_one_buffer_is_no_list_of_samples(sample):
    with pytest.raises(UsageError, match="samples must be several buffers"):
        train(sample)


def test_training_pays():
    assert 0 < len(TRAINED.data) <= 4096
    for level in range(1, 10):
        plain, primed = Dictionary(b""), Dictionary(TRAINED.data)
        trained = sum(len(primed.compress(data, level)) for data in RECORDS[300:])
        assert trained * 3 < 2 * sum(len(plain.compress(data, level)) for data in RECORDS[300:])


def test_identity():
    again = Dictionary(TRAINED.data)
    assert again == TRAINED
    assert hash(again) == hash(TRAINED)
    assert again.id == TRAINED.id != Dictionary(b"").id
    assert len(again.id) == 64
    assert TRAINED.data != TRAINED
    assert TRAINED.id[:16] in repr(TRAINED)
    assert train(RECORDS[:300], 4096) == TRAINED
    with pytest.raises(ValueError, match="at most"):
        Dictionary(bytes((8 << 20) + 1))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2000), st.integers(0, 300), st.integers(1, 6))
def test_round_trip(noise, records, level):
    data = noise + b"".join(RECORDS[:records]) + noise
    frame = TRAINED.compress(data, level)
    assert TRAINED.decompress(frame) == data
    assert TRAINED.decompress(memoryview(bytearray(frame))) == data


def test_one_dictionary_decodes_frames_of_all_levels():
    dictionary = Dictionary(TRAINED.data)
    frames = [dictionary.compress(RECORDS[level] * 5, level) for level in range(1, 10)]
    for level in (9, 1, 7, 8, 6, 7):
        assert dictionary.decompress(frames[level - 1]) == RECORDS[level] * 5


def test_more_than_a_block():
    data = random.Random(1).randbytes(1 << 20) + RECORDS[0] * 6000
    assert TRAINED.decompress(TRAINED.compress(data, 1)) == data


def test_wrong_dictionary():
    frame = TRAINED.compress(RECORDS[0])
    with pytest.raises(DictionaryMissingError, match=TRAINED.id[:16]):
        Dictionary(b"another").decompress(frame)


@pytest.mark.parametrize("level", [1, 3, 4, 6])
def test_damage_never_gives_other_bytes(level):
    data = b"".join(RECORDS[:40])
    frame = TRAINED.compress(data, level)
    for end in range(0, len(frame), 7):
        with pytest.raises(CorruptArchiveError):
            TRAINED.decompress(frame[:end])
    with pytest.raises(CorruptArchiveError):
        TRAINED.decompress(frame + b"x")
    chooser = random.Random(level)
    for _ in range(300):
        broken = bytearray(frame)
        broken[chooser.randrange(len(frame))] ^= 1 << chooser.randrange(8)
        with suppress(CorruptArchiveError, UnsupportedArchiveError, DictionaryMissingError):
            assert TRAINED.decompress(broken) == data  # a bit that nothing depends on


def test_claims_do_not_take_memory():
    frame = bytearray(TRAINED.compress(b"x" * 50))
    huge = bytes(frame[:13]) + b"\xff" * 8 + b"\x7f" + bytes(frame[14:])
    with pytest.raises(CorruptArchiveError):
        TRAINED.decompress(huge)
    with pytest.raises(CorruptArchiveError, match="limit"):
        TRAINED.decompress(frame, max_size=49)
    assert TRAINED.decompress(frame, max_size=50) == b"x" * 50
    endless = bytes(frame[:13]) + b"\xff" * 20
    with pytest.raises(CorruptArchiveError, match="too long"):
        TRAINED.decompress(endless)


def test_many_threads():
    fresh = Dictionary(TRAINED.data)
    jobs = [(number, level) for number in range(60) for level in (1, 3, 4)]
    with ThreadPoolExecutor(4) as pool:
        frames = list(pool.map(lambda job: fresh.compress(RECORDS[job[0]], job[1]), jobs))
        back = list(pool.map(fresh.decompress, frames))
    assert frames == [TRAINED.compress(RECORDS[number], level) for number, level in jobs]
    assert back == [RECORDS[number] for number, _ in jobs]


def by_zstd(frame: bytes, dictionary: bytes, folder) -> bytes:
    """Decoded by the zstd program, or by its library alone where the program is not installed."""
    program = shutil.which("zstd")
    if program is None:
        return zstd.decompress(frame, zstd.ZstdDict(dictionary, is_raw=True))
    (folder / "dictionary").write_bytes(dictionary)
    command = [program, "-d", "-q", "-c", "-D", str(folder / "dictionary")]
    return subprocess.run(command, input=frame, capture_output=True, check=True).stdout


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("records", [1, 50, 5000])
def test_zstd_reads_our_frames(level, records, tmp_path):
    data = b"".join(RECORDS[:400] * (records // 400 + 1))[: records * 200]
    codec_id, frame = BlockCompressor(level, TRAINED.data).compress(data)
    assert codec_id == ZSTD
    info = zstd.get_frame_info(frame)
    assert (info.decompressed_size, info.dictionary_id) == (len(data), 0)
    assert by_zstd(frame, TRAINED.data, tmp_path) == data


def test_finalized_for_zstd():
    finished = TRAINED.finalize_zstd(RECORDS, 8192)
    assert len(finished) <= 8192
    assert finished.endswith(TRAINED.data)
    known = zstd.ZstdDict(finished)
    assert known.dict_id != 0
    data = record(1000)
    frame = zstd.compress(data, zstd_dict=known)
    assert len(frame) < len(zstd.compress(data)) // 2
    assert zstd.decompress(frame, zstd_dict=known) == data


def test_finalizing_nothing():
    with pytest.raises(ValueError, match="no content"):
        Dictionary(b"").finalize_zstd(RECORDS)
    with pytest.raises(ValueError, match="samples"):
        TRAINED.finalize_zstd([])
    with suppress(ValueError):
        assert TRAINED.finalize_zstd([b"x"])


def test_samples_without_anything_in_common():
    assert train([random.Random(n).randbytes(500) for n in range(20)]).data == b""
    assert train([]).data == b""
    for size in (-1, "x", 1.5, True):
        with pytest.raises(UsageError, match="size must be"):
            train(RECORDS, size)
