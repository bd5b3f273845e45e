"""Packed samples: what they say, what is made of them, and what is no sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ucompress._core import rolling_hash
from ucompress.patterns import (
    HIGHEST_HASH,
    PatternLocator,
    PatternSampler,
    PatternTally,
    count_patterns,
    is_sample,
    merge_counts,
    merge_samples,
)

PLACES = 1024
documents = st.lists(st.binary(max_size=60).map(lambda data: bytes(byte % 3 for byte in data)), max_size=6)


def number(value):
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def packed(data, length, threshold):
    """The sample as its description says, one d-mer after the other."""
    found = {}
    for place, value in enumerate(rolling_hash(data, length).tolist()):
        if value <= threshold:
            found.setdefault(value, []).append(place)
    rows = []
    for value in sorted(found):
        places = found[value][:PLACES]
        steps = [places[0], *np.diff(places).tolist()]
        rows.append(number(min(len(found[value]), 65535)) + b"".join(map(number, steps)))
    hashes = b"".join(value.to_bytes(8, "little") for value in sorted(found))
    return len(found).to_bytes(4, "little") + hashes + b"".join(rows)


@given(documents, st.integers(1, 5), st.sampled_from([HIGHEST_HASH, 1 << 62]), st.integers(1, 9))
def test_a_sample_is_what_its_description_says(texts, length, threshold, window):
    sampler = PatternSampler(length, threshold)
    for text in texts:
        expected = packed(text, length, threshold)
        assert sampler.sample(text) == expected
        assert is_sample(expected)
        sampler.begin()
        for at in range(0, len(text), window):
            sampler.feed(text[at : at + window])
        assert sampler.take() == expected


@pytest.mark.parametrize("threshold", [HIGHEST_HASH, HIGHEST_HASH >> 4])
def test_runs_of_every_byte_are_sampled_as_any_bytes(threshold):
    rng = np.random.default_rng(8)
    for byte in range(256):
        text = rng.bytes(byte % 3) + bytes([byte]) * 2_000 + rng.bytes(byte % 2 * 200)
        assert PatternSampler(16, threshold).sample(text) == packed(text, 16, threshold)


def test_long_documents_and_short_cycles():
    rng = np.random.default_rng(7)
    data = rng.bytes(18_000)
    for text in (data, data[:3_000] * 10, b" " * 66_000, b"ab" * 20_000 + data[:4_000]):
        assert PatternSampler(16).sample(text) == packed(text, 16, HIGHEST_HASH)


@given(documents, st.integers(1, 4), st.sampled_from([0, 3]))
def test_counts_of_samples_are_those_of_the_documents(texts, length, capacity):
    sampler = PatternSampler(length)
    merged = merge_samples(map(sampler.sample, texts), capacity=capacity)
    counted = merge_counts([count_patterns(text, length) for text in texts], capacity=capacity)
    for column in ("hash", "frequency", "documents"):
        assert merged[column].tolist() == counted[column].tolist()
    assert not merged["offset"].any()
    assert merge_samples(map(sampler.sample, texts[::-1]), capacity=capacity).tolist() == merged.tolist()


@given(documents, st.integers(2, 4), st.integers(1, 64))
def test_samples_tell_the_places_that_a_search_finds(texts, length, bound):
    hashes = merge_counts([count_patterns(text, length) for text in texts])["hash"][:20]
    found = PatternLocator(hashes, length, bound)
    for at, text in enumerate(texts):
        found.update(text, at)
    told = PatternLocator(hashes, length, bound)
    told.merge_samples(list(map(PatternSampler(length).sample, texts)))
    assert told.places().tolist() == found.places().tolist()


@settings(max_examples=300)
@given(st.binary(max_size=40), st.data())
def test_whatever_is_no_sample_is_refused(noise, data):
    sample = PatternSampler(3).sample(b"abcabcabdabc")
    at = data.draw(st.integers(0, len(sample)))
    kept, lost = sample[:at], sample[at:]
    for changed in (noise, kept + noise, kept, sample + noise, kept + noise + lost):
        if is_sample(changed):
            assert len(merge_samples([changed])) == int.from_bytes(changed[:4], "little")
            continue
        with pytest.raises(ValueError, match="sample 1"):
            merge_samples([sample, changed])
        with pytest.raises(ValueError, match="sample 1"):
            PatternLocator(np.arange(9), 3).merge_samples([sample, changed])


def test_hashes_that_do_not_rise_and_places_that_do_not_are_refused():
    head = (2).to_bytes(4, "little")
    low, high = (5).to_bytes(8, "little"), (9).to_bytes(8, "little")
    assert is_sample(head + low + high + b"\1\7\2\7\1")
    assert not is_sample(head + high + low + b"\1\7\2\7\1")
    assert not is_sample(head + low + low + b"\1\7\2\7\1")
    assert not is_sample(head + low + high + b"\1\7\2\7\0")
    assert not is_sample(head + low + high + b"\0\7\2\7\1")
    assert not is_sample(head + low + high + b"\1\7\2\7" + b"\xff" * 8 + b"\x7f")


def test_places_that_only_come_back_to_the_document_by_overflow_are_refused():
    far = (1 << 59) - 1
    steps = [5, *[far] * 32, 33]
    assert sum(steps) % (1 << 64) == 6
    value = rolling_hash(b"0123456789abcdef").tolist()[0]
    forged = (1).to_bytes(4, "little") + value.to_bytes(8, "little") + number(len(steps))
    forged += b"".join(map(number, steps))
    assert not is_sample(forged)
    with pytest.raises(ValueError, match="no sample"):
        PatternTally([b"0123456789abcdef"]).update_sampled(bytes(100), forged)
