"""Filters: undone by the second decoder and by themselves, whatever the bytes; chosen where they pay."""

import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_decoder.filters import displacements, ends_an_opcode, records
from support import create_machine_code
from ucompress._core import (
    BranchCounter,
    filter_branches,
    filter_planes,
    find_stride,
    restore_branches,
    restore_planes,
)
from ucompress.codec.block import BlockCompressor, BlockDecompressor, Reference
from ucompress.codec.filters import BRANCHES, DIFFERENCES, FILTER_SHIFT, PLANES, Filter, FilterChooser
from ucompress.codec.levels import LZ, MIX, ZSTD
from ucompress.codec.lz import LzCompressor
from ucompress.codec.mix import MixCompressor
from ucompress.codec.zstd import FrameCompressor
from ucompress.errors import CorruptArchiveError, UnsupportedArchiveError

SIGNS = bytes.fromhex("e8 05 0d 15 3d 0f 38 3a c5 c4 03 8b 8d 89 84 00 ff fe 01")
SNIPPETS = st.lists(st.one_of(st.sampled_from([bytes((sign,)) for sign in SIGNS]), st.binary(max_size=6)))
BYTES = st.one_of(st.binary(max_size=300), SNIPPETS.map(b"".join))
TEXT = b"Every sequence of bytes can be turned back. " * 4000


def targets(data: bytes) -> bytes:
    """The filter as section 11.1 has it, for a writer."""
    out = bytearray(data)
    before, at = 0, 1
    while at + 4 <= len(data):
        if ends_an_opcode(data[before:at]):
            value = int.from_bytes(data[at : at + 4], "little", signed=True)
            if value in range(-(1 << 24), 1 << 24):
                moved = (value + at + (1 << 24)) % (1 << 25) - (1 << 24)
                out[at : at + 4] = moved.to_bytes(4, "little", signed=True)
            before, at = at + 4, at + 5
        else:
            at += 1
    return bytes(out)


@given(BYTES)
def test_the_filter_is_the_formats(data):
    assert filter_branches(data) == targets(data)


@given(BYTES)
def test_undoing_is_the_formats(data):
    assert restore_branches(data) == displacements(data)


@given(BYTES)
def test_every_input_has_one_image_and_one_origin(data):
    assert restore_branches(filter_branches(data)) == data
    assert filter_branches(restore_branches(data)) == data


def test_large_blocks_are_the_formats():
    code = create_machine_code(1 << 18) + random.Random(1).randbytes(1 << 16) + bytes(5000)
    filtered = filter_branches(code)
    assert filtered == targets(code)
    assert sum(a != b for a, b in zip(code, filtered, strict=True)) > 20_000
    assert restore_branches(memoryview(filtered)) == code == displacements(filtered)


@pytest.mark.parametrize(
    "instruction",
    ["e8", "488b05", "8d15", "0f1005", "660f6f0d", "660f380005", "c5f82805", "c4e2791805", "c605", "483b3d"],
)
def test_operands_of_one_target_become_equal(instruction):
    opcode = bytes.fromhex(instruction)

    def reaches(target, at):
        return opcode + (target - at - len(opcode) - 4).to_bytes(4, "little", signed=True)

    length = len(opcode) + 4
    code = reaches(4000, 0) + bytes(length) + reaches(4000, 2 * length)
    assert code[:length] != code[2 * length :]
    filtered = filter_branches(code)
    assert filtered[:length] == filtered[2 * length :]


@pytest.mark.parametrize("other", ["0f8405", "0f8005", "eb05", "7505", "9005", "ff"])
def test_other_operands_stay(other):
    code = bytes.fromhex(other) + b"\x10\0\0\0"
    assert filter_branches(code) == code


def test_displacements_of_16_mib_and_more_stay():
    for value, moves in ((1 << 24) - 1, True), (1 << 24, False), (-(1 << 24), True), (-(1 << 24) - 1, False):
        code = b"\xe8" + value.to_bytes(4, "little", signed=True)
        assert (filter_branches(code) != code) is moves
        assert restore_branches(filter_branches(code)) == code


def chosen(data: bytes, dictionary: bytes = b"") -> Filter:
    return FilterChooser(dictionary, 4, FrameCompressor(3, dictionary).compress).choose(data)


def test_branches_are_chosen_for_code_and_for_nothing_else():
    assert chosen(create_machine_code(1 << 18)) == Filter(BRANCHES)
    assert chosen(create_machine_code(9000)) == Filter(BRANCHES)
    noise = random.Random(2)
    for other in (b"", b"\xe8", TEXT, noise.randbytes(1 << 18), bytes(1 << 18), b"\xe8\0\0\0\0" * 9000):
        assert chosen(other).id != BRANCHES


def test_branches_are_not_chosen_where_the_dictionary_has_the_code():
    code = create_machine_code(1 << 18)
    assert chosen(code, TEXT) == Filter(BRANCHES)
    assert chosen(code, TEXT + code) == Filter()
    broken, found = BranchCounter(code).repeats(code)
    assert broken > 10 * found


def test_a_little_code_among_text_is_not_worth_a_pass():
    assert chosen(TEXT[: 1 << 17] + create_machine_code(2000)) == Filter()


@pytest.mark.parametrize(
    ("level", "codec", "coder"),
    [
        (1, ZSTD, FrameCompressor),
        (3, ZSTD, FrameCompressor),
        (4, LZ, LzCompressor),
        (6, LZ, LzCompressor),
        (7, MIX, MixCompressor),
    ],
)
@pytest.mark.parametrize("dictionary", [b"", TEXT[:5000] + create_machine_code(5000, seed=8)])
def test_blocks_of_code_are_filtered_and_smaller(level, codec, coder, dictionary):
    code = create_machine_code(100_000)
    codec_id, payload = BlockCompressor(level, dictionary).compress(code)
    assert codec_id == codec | BRANCHES << FILTER_SHIFT
    assert len(payload) < len(coder(level, dictionary).compress(code))
    reader = BlockDecompressor(dictionary)
    assert reader.decompress(codec_id, payload, len(code)) == code
    assert reader.decompress(codec, payload, len(code)) == filter_branches(code)


STRIDES = st.integers(1, 255)


@given(st.binary(max_size=2000), STRIDES, st.booleans())
def test_planes_are_the_formats(data, stride, differences):
    filtered = filter_planes(data, stride, differences)
    assert len(filtered) == len(data)
    assert records(filtered, stride, differences) == data
    assert restore_planes(data, stride, differences) == records(data, stride, differences)
    assert filter_planes(restore_planes(data, stride, differences), stride, differences) == data


def test_planes_refuse_other_strides():
    for stride in (0, 256, -1):
        with pytest.raises(ValueError, match="stride"):
            filter_planes(TEXT, stride)
        with pytest.raises(ValueError, match="stride"):
            restore_planes(TEXT, stride)


def table(rows: int, length: int, seed: int = 0) -> bytes:
    """Records with a sign, a number that grows, one that does not, and zeros up to their length."""
    chance = random.Random(seed)
    row = b"REC" + b"%b" + chance.randbytes(2)
    steps = (chance.randrange(300) for _ in range(rows - 1))
    numbers = (number.to_bytes(4, "little") for number in accumulate(steps, initial=1 << 20))
    return b"".join((row % (number + chance.randbytes(2))).ljust(length, b"\0") for number in numbers)


def waves(count: int, *, channels: int) -> bytes:
    """Samples of 16 bits that wander."""
    chance = random.Random(count)
    levels = [0] * channels
    out = bytearray()
    for _ in range(count):
        for channel in range(channels):
            levels[channel] = max(-30_000, min(30_000, levels[channel] + chance.randrange(-300, 300)))
            out += levels[channel].to_bytes(2, "little", signed=True)
    return bytes(out)


@pytest.mark.parametrize("length", [12, 13, 24, 40, 64])
def test_the_length_of_records_is_found(length):
    assert find_stride(table(4000, length)) == length


@pytest.mark.parametrize("channels", [1, 2])
def test_the_length_of_samples_is_found(channels):
    assert find_stride(waves(50_000 // channels, channels=channels)) == 2 * channels


def test_no_records_are_seen_in_other_bytes():
    noise = random.Random(7)
    lines = b"".join(b"%05d  a line of a table of text\n" % number for number in range(9000))
    for other in (b"", TEXT, lines, bytes(1 << 18), noise.randbytes(1 << 18), create_machine_code(1 << 18)):
        assert find_stride(other) == 0
    assert find_stride(table(4000, 24)[:17_000]) == 0


@pytest.mark.parametrize(
    ("level", "coder"),
    [
        (1, FrameCompressor),
        (3, FrameCompressor),
        (4, LzCompressor),
        (6, LzCompressor),
        (7, MixCompressor),
    ],
)
@pytest.mark.parametrize("data", [table(20_000, 24), waves(100_000, channels=2)], ids=["table", "waves"])
def test_blocks_of_records_are_filtered_and_smaller(level, coder, data):
    codec_id, payload = BlockCompressor(level).compress(data)
    assert codec_id >> FILTER_SHIFT in (PLANES, DIFFERENCES)
    assert len(payload) * 20 < len(coder(level).compress(data)) * 19
    assert BlockDecompressor().decompress(codec_id, payload, len(data)) == data


def test_records_that_the_dictionary_has_stay():
    data = table(20_000, 24)
    assert chosen(data).stride == 24
    assert chosen(data, data) == Filter()


@pytest.mark.parametrize("filter_id", [PLANES, DIFFERENCES])
def test_records_without_a_length_are_damage(filter_id):
    codec_id = ZSTD | filter_id << FILTER_SHIFT
    frame = FrameCompressor(3).compress(TEXT)
    for payload in (b"", b"\0" + frame, frame[:-1]):
        with pytest.raises(CorruptArchiveError):
            BlockDecompressor().decompress(codec_id, payload, len(TEXT))
    assert len(BlockDecompressor().decompress(codec_id, b"\xff" + frame, len(TEXT))) == len(TEXT)


def test_unknown_filters_are_unsupported():
    codec_id, payload = BlockCompressor(3).compress(TEXT)
    with pytest.raises(UnsupportedArchiveError, match="filter 15"):
        BlockDecompressor().decompress(codec_id | 15 << FILTER_SHIFT, payload, len(TEXT))
    with pytest.raises(UnsupportedArchiveError, match="codec"):
        BlockDecompressor().decompress(BRANCHES << FILTER_SHIFT, TEXT, len(TEXT))


@pytest.mark.parametrize("level", [4, 6])
def test_a_block_of_records_may_follow_another(level):
    first, second = waves(40_000, channels=2), waves(39_000, channels=2)
    compressor = BlockCompressor(level)
    reference = Reference(*compressor.compress(first), len(first))
    codec_id, payload = compressor.compress(second, reference)
    assert reference.codec_id >> FILTER_SHIFT in (PLANES, DIFFERENCES)
    assert BlockDecompressor().decompress(codec_id, payload, len(second), reference) == second
