"""The targets below the archive: block codecs, filters, frames, samples.

A target is prepared once, and then given a `random.Random` for each case. What bad input may raise is in its
text; any other exception, a wrong byte, or two answers to one question is a finding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import Random

from fuzz.mutate import mutate, odd_bytes, odd_size
from guarded import decode_guarded
from lz import oracle as lz_oracle
from mix import oracle as mix_oracle
from ucompress import _core
from ucompress.codec.block import BlockCompressor, BlockDecompressor, Reference
from ucompress.codec.dictionary import Dictionary
from ucompress.codec.filters import DIFFERENCES, PLANES, Filter
from ucompress.codec.levels import MIX
from ucompress.errors import ArchiveError, CorruptArchiveError, UnsupportedArchiveError

Case = Callable[[Random], None]

ROOM = 1 << 16
TEXT = b"".join(b"key_%d = value(%d)  # %x\n" % (k, k * k, k * 2654435761 % 65537) for k in range(300))
DICTIONARY = b"".join(b"key_%d = value(%d)\n" % (k, k * k) for k in range(200))


def _seeds(seed: int, count: int, most: int) -> list[bytes]:
    """Blocks that a corpus is made of: text, and what `odd_bytes` gives."""
    pick = Random(seed)
    return [TEXT[:most], TEXT[2000:2700], b"a", *(odd_bytes(pick, most) for _ in range(count))]


def lz() -> Case:
    """LZ payloads, alone and after a reference: both paths say the same, and stay fit for the next block."""
    primed = _core.PrimedDictionary(DICTIONARY, 6)
    decoders = [_core.Decoder(primed, ROOM, ROOM)]
    decoders.append(_core.Decoder(_core.PrimedDictionary(DICTIONARY, 4, portable=True), ROOM, ROOM))
    blocks = _seeds(1, 12, 6000)
    corpus = []
    for number, block in enumerate(blocks):
        encoder = _core.Encoder(_core.PrimedDictionary(DICTIONARY, 4 + number % 3), ROOM, ROOM)
        past = (encoder.encode(TEXT[:3000]), 3000)
        corpus += [(encoder.encode(block), block, None), (encoder.encode(block, past), block, past)]
    payloads = [payload for payload, _, _ in corpus]

    def case(pick: Random) -> None:
        payload, block, past = pick.choice(corpus)
        wrong = mutate(pick, payload, payloads)
        size = odd_size(pick, len(block), ROOM)
        if pick.random() < 0.3:
            past = (mutate(pick, corpus[1][2][0], payloads), odd_size(pick, 3000, ROOM) or 1)
        answers = [_decoded(decoder, wrong, size, past) for decoder in decoders]
        assert answers[0] == answers[1]
        if past is None:
            assert decode_guarded(decoders[0], wrong, size) == answers[0]
        payload, block, past = pick.choice(corpus)
        if payload[:1] != b"\0" or past is None:
            assert decoders[pick.randrange(2)].decode(payload, len(block), past) == block

    return case


def _decoded(
    decoder: _core.Decoder, payload: bytes, size: int, past: tuple[bytes, int] | None
) -> bytes | None:
    try:
        return decoder.decode(payload, size, past)
    except ValueError as error:
        assert "damaged" in str(error)
        return None


def _mix(level: int) -> Case:
    """Mixed payloads of one level: both paths say the same, and stay fit for the next block."""
    blocks = _seeds(2, 8, 1200)
    coders = [
        _core.ModelCoder(_core.PrimedModel(DICTIONARY, level, portable=portable), ROOM)
        for portable in (False, True)
    ]
    corpus = [(coders[0].encode(block), block) for block in blocks]
    payloads = [payload for payload, _ in corpus]

    def case(pick: Random) -> None:
        payload, block = pick.choice(corpus)
        wrong = mutate(pick, payload, payloads)
        size = odd_size(pick, len(block), 3000)
        first, second = (decode_guarded(coder, wrong, size) for coder in coders)
        assert first == second
        payload, block = pick.choice(corpus)
        assert coders[pick.randrange(2)].decode(payload, len(block)) == block

    return case


def mix_7() -> Case:
    """`_mix` at level 7."""
    return _mix(7)


def mix_8() -> Case:
    """`_mix` at level 8."""
    return _mix(8)


def mix_9() -> Case:
    """`_mix` at level 9."""
    return _mix(9)


def second_decoders() -> Case:
    """Short LZ and mixed payloads: the second decoders refuse what ours does, and read what ours reads."""
    past = DICTIONARY[:150]
    blocks = [TEXT[at : at + size] for at, size in ((0, 90), (40, 9), (777, 60))] + [bytes(70), b"ab" * 30]
    primed = _core.PrimedDictionary(past, 6)
    decoder, encoder = _core.Decoder(primed, 1 << 10, 1 << 10), _core.Encoder(primed, 1 << 10, 1 << 10)
    behind = (encoder.encode(blocks[0]), len(blocks[0]))
    coders = {level: _core.ModelCoder(_core.PrimedModel(past, level), 1 << 10) for level in (7, 8)}
    corpus: list[tuple[int, bytes, int, tuple[bytes, int] | None]] = []
    for block in blocks:
        corpus += [(6, encoder.encode(block, after), len(block), after) for after in (None, behind)]
        corpus += [(level, coder.encode(block), len(block), None) for level, coder in coders.items()]
    payloads = [payload for _, payload, _, _ in corpus]

    def case(pick: Random) -> None:
        level, payload, size, after = pick.choice(corpus)
        wrong = mutate(pick, payload, payloads)
        size = odd_size(pick, size, 100)
        if after is not None and pick.random() < 0.3:
            after = (mutate(pick, after[0], payloads), odd_size(pick, after[1], 100) or 1)
        ours = theirs = None
        with contextlib.suppress(ValueError):
            ours = coders[level].decode(wrong, size) if level > 6 else decoder.decode(wrong, size, after)
        with contextlib.suppress(lz_oracle.DamagedError):
            if level > 6:
                theirs = mix_oracle.decode(wrong, size, past, level)
            else:
                theirs = lz_oracle.decode(wrong, size, past, after)
        assert ours == theirs

    return case


def filters() -> Case:
    """Both filters undo and do, of any bytes, in both directions."""

    def case(pick: Random) -> None:
        data = mutate(pick, odd_bytes(pick, 3000))
        assert _core.filter_branches(_core.restore_branches(data)) == data
        assert _core.restore_branches(_core.filter_branches(data)) == data
        for number in (PLANES, DIFFERENCES):
            used = Filter(number, pick.choice((1, 2, 3, 4, 8, 254, 255, pick.randrange(1, 256))))
            assert used.undo(bytes(used.apply(data))) == data
            assert used.apply(used.undo(data)) == data
        _core.find_stride(data)
        _core.BranchCounter(mutate(pick, data)).repeats(data)

    return case


def blocks() -> Case:
    """Payloads under any codec, filter, size and reference: decoded, or refused as corrupt or unsupported."""
    corpus: list[tuple[int, bytes, int]] = []
    for level in (1, 3, 4, 6, 7):
        compressor = BlockCompressor(level, DICTIONARY)
        for block in _seeds(level, 5, 3000):
            corpus.append((*compressor.compress(block), len(block)))
    table = b"".join(n.to_bytes(4, "little") for n in range(5000))
    corpus += [(*BlockCompressor(level, DICTIONARY).compress(table), len(table)) for level in (2, 5)]
    payloads = [payload for _, payload, _ in corpus]
    decoder = BlockDecompressor(DICTIONARY, 7)

    def case(pick: Random) -> None:
        codec, payload, size = pick.choice(corpus)
        reference = None
        if pick.random() < 0.5:
            past = pick.choice(corpus)
            past_codec = pick.choice((past[0], past[0], past[0] ^ 1 << pick.randrange(8)))
            past_payload = pick.choice((past[1], mutate(pick, past[1], payloads)))
            reference = Reference(past_codec, past_payload, odd_size(pick, past[2], 1 << 17))
        if pick.random() < 0.3:
            codec ^= 1 << pick.randrange(8)
        wrong = mutate(pick, payload, payloads)
        size = odd_size(pick, size, 1 << 17)
        if codec & 15 == MIX:
            size = min(size, 4000)
        with contextlib.suppress(CorruptArchiveError, UnsupportedArchiveError):
            assert len(decoder.decompress(codec, wrong, size, reference)) == size

    return case


def round_trips() -> Case:
    """Odd blocks, at every level, after odd dictionaries and references: they come back, by either path."""
    decoders = {}
    dictionaries = (b"", b"a", DICTIONARY, bytes(70_000), TEXT * 9)
    for number in range(len(dictionaries)):
        for level in range(1, 10):
            if level < 7 or number == 2 or (level == 7 and number < 2):
                decoders[level, number] = (
                    BlockCompressor(level, dictionaries[number]),
                    BlockDecompressor(dictionaries[number], level if level > 6 else None),
                )
    keys = sorted(decoders)

    def case(pick: Random) -> None:
        level, number = pick.choice(keys)
        compressor, decompressor = decoders[level, number]
        data = odd_bytes(pick, 2000 if level > 6 else 20_000)
        if pick.random() < 0.1:
            data = dictionaries[number][:2000]
        view = pick.choice((data, memoryview(data), memoryview(bytearray(data))))
        reference = None
        if pick.random() < 0.5:
            past = odd_bytes(pick, 5000) or b"p"
            codec, payload = compressor.compress(past)
            reference = Reference(codec, payload, len(past))
        codec, payload = compressor.compress(view, reference)
        assert (codec, payload) == compressor.compress(data, reference)
        assert len(payload) <= len(data)
        if reference is not None and not reference.serves(codec):
            reference = None
        assert decompressor.decompress(codec, payload, len(data), reference) == data

    return case


def frames() -> Case:
    """Frames of single buffers: the buffer, or an error; never more than the caller allows."""
    dictionary = Dictionary(DICTIONARY)
    made = [dictionary.compress(block, level) for block in _seeds(3, 4, 3000) for level in (1, 4, 7)]

    def case(pick: Random) -> None:
        frame = mutate(pick, pick.choice(made), made)
        with contextlib.suppress(ArchiveError):
            assert len(dictionary.decompress(frame, max_size=1 << 20)) <= 1 << 20

    return case


def samples() -> Case:
    """Packed samples from anywhere: what is made of them stays within their document."""
    patterns = [TEXT[at : at + 24] for at in range(0, 2000, 97)]
    tally = _core.PatternTally(patterns, 16)
    sampler = _core.PatternSampler(16, tally.threshold)
    documents = [TEXT[at : at + size] for at in (0, 500, 4000) for size in (16, 100, 3000)]
    documents.append(TEXT[:40] * 100)
    taken = [sampler.sample(document) for document in documents]
    hashes = _core.merge_samples(taken)["hash"]

    def case(pick: Random) -> None:
        number = pick.randrange(len(documents))
        wrong = mutate(pick, taken[number], taken)
        if pick.random() < 0.3:
            wrong = _dense_sample(pick, taken[number])
        _core.is_sample(wrong)
        with contextlib.suppress(ValueError):
            tally.update_sampled(pick.choice(documents), wrong, pick.choice((0, 1, 0xFFFFFFFF)))
        with contextlib.suppress(ValueError):
            _core.merge_samples([wrong])
        locator = _core.PatternLocator(hashes, 16, pick.choice((1, 8)))
        with contextlib.suppress(ValueError):
            locator.merge_samples([taken[number], wrong])
        assert (locator.places()["offset"] >> 59 == 0).all()

    return case


def _dense_sample(pick: Random, honest: bytes) -> bytes:
    """One row of an honest sample's hash, with places and steps as large as they can be written."""
    at = pick.randrange(max(1, int.from_bytes(honest[:4], "little")))
    hash_ = honest[4 + 8 * at : 12 + 8 * at].ljust(8, b"\0")
    count = pick.choice((1, 2, 33, 200))
    edge = pick.choice((1, 1 << 32, (1 << 59) - 1, (1 << 63) - 1))
    steps = [pick.choice((edge, edge, edge - 1, 5)) for _ in range(count)]
    return (1).to_bytes(4, "little") + hash_ + b"".join(map(_varint, (count, *steps)))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes((*out, value))
