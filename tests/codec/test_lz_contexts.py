"""Contexts of the LZ codec are kept for the next block, whatever became of the last one."""

import pytest

from ucompress._core import Decoder, Encoder, PrimedDictionary
from ucompress.codec import lz
from ucompress.codec.lz import LzCompressor, LzDecompressor
from ucompress.errors import CorruptArchiveError

TEXT = b"the same words again and again, and then some others; " * 40
OTHER = b"some others, and then words; " * 60


class Made:
    """Counts the contexts that are made, and those of them that are asked to work."""

    def __init__(self, monkeypatch, kind) -> None:
        self.all = []

        def make(*arguments):
            self.all.append(kind(*arguments))
            return self.all[-1]

        monkeypatch.setattr(lz, kind.__name__, make)


def test_an_encoder_that_failed_is_kept(monkeypatch) -> None:
    made = Made(monkeypatch, Encoder)
    compressor = LzCompressor(6, largest_reference=1 << 20)
    expected = compressor.compress(TEXT)
    for _ in range(3):
        with pytest.raises(ValueError, match="size"):
            compressor.compress(TEXT, (expected, 0))
        assert compressor.compress(TEXT) == expected
    assert len(made.all) == 1


def test_a_decoder_that_met_damage_is_kept_and_serves_no_reference_first(monkeypatch) -> None:
    coder = LzCompressor(6)
    payload = coder.compress(TEXT)
    after = coder.compress(OTHER, (payload, len(TEXT)))
    made = Made(monkeypatch, Decoder)
    decompressor = LzDecompressor(PrimedDictionary(b"", encode=False))
    with pytest.raises(CorruptArchiveError):
        decompressor.decompress(payload[:-20], len(TEXT))
    assert [past for _, past in decompressor._contexts._idle] == [None]
    assert decompressor.decompress(payload, len(TEXT)) == TEXT
    assert [past for _, past in decompressor._contexts._idle] == [(payload, len(TEXT))]
    with pytest.raises(CorruptArchiveError):
        decompressor.decompress(after[:-5], len(OTHER), reference=(payload, len(TEXT)))
    assert [past for _, past in decompressor._contexts._idle] == [None]
    assert decompressor.decompress(after, len(OTHER), reference=(payload, len(TEXT))) == OTHER
    assert len(made.all) <= 2
