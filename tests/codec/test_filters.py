"""Filters: undone by the second decoder and by themselves, whatever the bytes; chosen where they pay."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_decoder.filters import displacements, ends_an_opcode
from support import create_machine_code
from ucompress._core import BranchCounter, filter_branches, restore_branches
from ucompress.codec.block import LZ, ZSTD, BlockCompressor, BlockDecompressor
from ucompress.codec.filters import BRANCHES, FILTER_SHIFT, NONE, FilterChooser, undo_filter
from ucompress.codec.lz import LzCompressor
from ucompress.codec.zstd import FrameCompressor
from ucompress.errors import UnsupportedArchiveError

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


def test_it_is_chosen_for_code_and_for_nothing_else():
    chooser = FilterChooser(b"", 4)
    assert chooser.choose(create_machine_code(1 << 18)) == BRANCHES
    assert chooser.choose(create_machine_code(9000)) == BRANCHES
    noise = random.Random(2)
    for other in (b"", b"\xe8", TEXT, noise.randbytes(1 << 18), bytes(1 << 18), b"\xe8\0\0\0\0" * 9000):
        assert chooser.choose(other) == NONE


def test_it_is_not_chosen_where_the_dictionary_has_the_code():
    code = create_machine_code(1 << 18)
    assert FilterChooser(TEXT, 4).choose(code) == BRANCHES
    assert FilterChooser(TEXT + code, 4).choose(code) == NONE
    found, broken = BranchCounter(code).repeats(code)[::-1]
    assert broken > 10 * found


def test_a_little_code_among_text_is_not_worth_a_pass():
    assert FilterChooser(b"", 4).choose(TEXT[: 1 << 17] + create_machine_code(2000)) == NONE


@pytest.mark.parametrize(
    ("level", "codec", "coder"),
    [
        (1, ZSTD, FrameCompressor),
        (3, ZSTD, FrameCompressor),
        (4, LZ, LzCompressor),
        (6, LZ, LzCompressor),
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


def test_unknown_filters_are_unsupported():
    codec_id, payload = BlockCompressor(3).compress(TEXT)
    with pytest.raises(UnsupportedArchiveError, match="filter 15"):
        BlockDecompressor().decompress(codec_id | 15 << FILTER_SHIFT, payload, len(TEXT))
    with pytest.raises(UnsupportedArchiveError, match="codec"):
        BlockDecompressor().decompress(BRANCHES << FILTER_SHIFT, TEXT, len(TEXT))
    assert undo_filter(NONE, TEXT) is TEXT
