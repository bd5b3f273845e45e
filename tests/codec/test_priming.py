"""A dictionary that is primed while it is decoded."""

import threading
from collections.abc import Iterator

import pytest

from ucompress._core import Decoder, compress_block
from ucompress.codec import priming
from ucompress.codec.block import BlockCompressor, BlockDecompressor
from ucompress.codec.levels import LZ, STORED
from ucompress.codec.priming import primed_on_the_way
from ucompress.errors import CorruptArchiveError

TEXT = b"".join(b"%d words of many, %d of them new; " % (n * n % 977, n) for n in range(9000))
DATA = TEXT[70_000:90_000]


def pieces(data: bytes = TEXT) -> Iterator[bytes]:
    for at in range(0, len(data), 50_000):
        yield data[at : at + 50_000]


@pytest.mark.parametrize("level", [4, 6, 8])
def test_what_is_primed_on_the_way_decodes_blocks(level: int) -> None:
    dictionary, primed = primed_on_the_way(pieces(), len(TEXT), level)
    assert dictionary == TEXT
    assert primed is not None
    assert primed.level == (4 if level == 4 else 6)
    for coded_at in (4, 5, 6):
        payload = compress_block(DATA, TEXT, coded_at)
        assert Decoder(primed).decode(payload, len(DATA)) == DATA


@pytest.mark.parametrize("size", [len(TEXT) - 1, len(TEXT) + 1])
def test_another_size_than_was_said_primes_nothing(size: int) -> None:
    assert primed_on_the_way(pieces(), size, 6) == (TEXT, None)


def test_an_error_among_the_pieces_comes_through_and_leaves_no_thread() -> None:
    def broken() -> Iterator[bytes]:
        yield TEXT
        raise CorruptArchiveError("broken")

    before = threading.active_count()
    with pytest.raises(CorruptArchiveError, match="broken"):
        primed_on_the_way(broken(), 2 * len(TEXT), 6)
    assert threading.active_count() == before


def test_without_another_thread_nothing_is_primed(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(priming.threading.Thread, "start", start)
    assert primed_on_the_way(pieces(), len(TEXT), 6) == (TEXT, None)


def test_a_block_decompressor_makes_both() -> None:
    codec, payload = BlockCompressor(6).compress(TEXT)
    assert codec == LZ
    dictionary, primed = BlockDecompressor().decompress_and_prime(codec, payload, len(TEXT), 6)
    assert dictionary == TEXT
    assert primed is not None
    block = BlockCompressor(6, TEXT).compress(DATA)
    assert BlockDecompressor(TEXT, 6, primed=primed).decompress(*block, len(DATA)) == DATA
    assert BlockDecompressor().decompress_and_prime(STORED, TEXT, len(TEXT), 6) == (TEXT, None)
    with pytest.raises(CorruptArchiveError, match="damaged"):
        BlockDecompressor().decompress_and_prime(codec, payload[:-9], len(TEXT), 6)
