"""Distinct contents in columns against plain dicts, and samples in one buffer against a list."""

import itertools
import os

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ucompress.checksum import digest
from ucompress.patterns import PatternSampler
from ucompress.pipeline.analysis import samples
from ucompress.pipeline.analysis.samples import Samples
from ucompress.pipeline.reading.distinct import Contents, ManifestNames, PathNames, group_contents
from ucompress.pipeline.reading.rows import Rows
from ucompress.scan import MemberKind, scan

# Some differ in their first 8 bytes only, some in all others.
DIGESTS = [bytes([head] * 8 + [tail] * 24) for head in range(3) for tail in range(3)]


def grouped(identities):
    paths = [b"%03d" % number for number in range(len(identities))]
    columns = (
        np.arange(len(identities)),
        np.arange(1, len(identities) + 1),
        np.frombuffer(b"".join(identities), np.uint8).reshape(-1, 32),
        np.arange(len(identities)).astype(np.uint8),
    )
    return paths, group_contents(PathNames(paths), *columns)


@given(st.lists(st.sampled_from(DIGESTS), max_size=40))
def test_files_are_grouped_by_their_whole_digest_and_numbered_by_the_first(identities):
    paths, (contents, firsts) = grouped(identities)
    expected = {}
    for number, identity in enumerate(identities):
        expected.setdefault(identity, []).append(number)
    assert len(contents) == len(expected)
    assert firsts.tolist() == [files[0] for files in expected.values()]
    for row, (identity, files) in zip(contents, expected.items(), strict=True):
        assert (row.digest, row.path, row.size) == (identity, paths[files[0]], files[0] + 1)
        assert (row.kind_class, row.multiplicity) == (files[0], len(files))
        assert row.sources == [paths[number] for number in files]
    of_entry = contents.of_entries(len(identities) + 1).tolist()
    assert of_entry[:-1] == [list(expected).index(identity) for identity in identities]
    assert of_entry[-1] == -1
    digests = Rows(len(contents), contents.digest)
    assert list(digests) == list(expected) == digests[:]
    assert contents.paths() == contents.first_sources() == [paths[files[0]] for files in expected.values()]
    again = Contents.of(contents[:])
    assert again[:] == contents[:]
    assert again.digests == contents.digests


def test_every_name_of_a_hard_linked_file_is_a_source(tmp_path):
    root = tmp_path / "t"
    root.mkdir()
    datas = {"a": b"one", "c": b"two", "d": b"one"}
    for name, data in datas.items():
        (root / name).write_bytes(data)
    os.link(root / "a", root / "b")
    manifest = scan([root])
    files = np.array([at for at, kind in enumerate(manifest.kinds) if kind == MemberKind.FILE])
    digests = [digest(data) for data in datas.values()]
    contents, _ = group_contents(
        ManifestNames(manifest),
        files,
        np.array([manifest.sizes[at] for at in files]),
        np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32),
        np.zeros(len(files), np.uint8),
    )
    folder = os.fsencode(root)
    assert contents.sources(0) == [folder + b"/a", folder + b"/b", folder + b"/d"]
    assert contents.all_sources([1, 0]) == [[folder + b"/c"], contents.sources(0)]
    assert contents.multiplicities.tolist() == [2, 1]
    assert [row.path for row in contents] == [b"t/a", b"t/c"]


@given(st.lists(st.binary(max_size=300), max_size=12))
def test_samples_in_one_buffer_are_those_of_each_document(documents):
    sampler = PatternSampler(4, (1 << 63) - 1)
    packed = sampler.sample_all(documents)
    assert packed == [sampler.sample(data) for data in documents]
    lengths = np.array([len(sample) for sample in packed], dtype=np.int64)
    ends = np.cumsum(lengths)
    kept = Samples(bytearray(b"".join(packed)), ends - lengths, ends)
    assert list(kept) == kept[:] == [kept[at] for at in range(len(kept))] == packed
    hashes, starts = kept.hashes()
    expected = [samples.hashes(sample).tolist() for sample in packed]
    assert [hashes[a:b].tolist() for a, b in itertools.pairwise(starts)] == expected
