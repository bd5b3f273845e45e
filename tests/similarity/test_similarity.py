"""The order by likeness against a slow, obvious one, and what it promises."""

import random
from collections import Counter
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress import _core, similarity
from ucompress._core import NO_HASH, order_by_likeness
from ucompress.similarity import folder_and_extension, order_of, sketches


def naive_order(features, classes, sizes, weights, block):
    """Rescore everything for each step; among equals the one raised last, then the lowest."""
    left = list(range(len(features)))
    order: list[int] = []
    seen: set[int] = set()
    scores: dict[int, int] = {}
    raised: dict[int, tuple[int, int]] = {}
    fill = clock = 0
    while left:
        scored = [i for i in left if scores.get(i)]
        best = min(scored, key=lambda i: (-scores[i], [-t for t in raised[i]])) if scored else left[0]
        left.remove(best)
        order.append(best)
        fill += sizes[best]
        if fill >= block:
            fill = 0
            seen, scores, raised = set(), {}, {}
        for column, feature in enumerate(features[best]):
            if feature == NO_HASH or feature in seen:
                continue
            seen.add(feature)
            clock += 1
            for i in left:
                if classes[i] == classes[best] and feature in features[i]:
                    scores[i] = scores.get(i, 0) + weights[column]
                    raised[i] = (clock, -i)
    return order


@st.composite
def problems(draw: st.DrawFn):
    count = draw(st.integers(0, 25))
    columns = draw(st.integers(1, 4))
    values = st.sampled_from([NO_HASH, *range(12)])
    rows = [
        draw(
            st.lists(values, min_size=columns, max_size=columns).filter(
                lambda row: len({v for v in row if v != NO_HASH}) == sum(v != NO_HASH for v in row)
            )
        )
        for _ in range(count)
    ]
    classes = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    sizes = draw(st.lists(st.integers(0, 100), min_size=count, max_size=count))
    weights = draw(st.lists(st.integers(1, 3), min_size=columns, max_size=columns))
    return rows, classes, sizes, weights, draw(st.sampled_from([1, 50, 200, 10_000]))


@given(problems())
def test_order_is_the_naive_one(problem) -> None:
    rows, classes, sizes, weights, block = problem
    features = np.array(rows, dtype=np.uint64).reshape(len(rows), len(weights))
    order = order_by_likeness(features, classes, sizes, weights=weights, block=block)
    assert order.tolist() == naive_order(rows, classes, sizes, weights, block)


@given(problems(), st.sampled_from([1, 2, 5]))
def test_order_is_a_permutation_for_any_span(problem, span: int) -> None:
    rows, classes, sizes, weights, block = problem
    features = np.array(rows, dtype=np.uint64).reshape(len(rows), len(weights))
    order = order_by_likeness(features, classes, sizes, weights=weights, block=block, span=span)
    assert sorted(order.tolist()) == list(range(len(rows)))


def test_order_refuses_what_does_not_fit() -> None:
    features = np.zeros((3, 2), dtype=np.uint64)
    with pytest.raises(ValueError, match="one row"):
        order_by_likeness(features, [0, 0], [1, 1, 1])
    with pytest.raises(ValueError, match="one row"):
        order_by_likeness(features, np.zeros((3, 0)), [1, 1, 1])
    with pytest.raises(ValueError, match="positive"):
        order_by_likeness(features, [0] * 3, [1] * 3, weights=np.zeros((2, 0)))
    with pytest.raises(ValueError, match="positive"):
        order_by_likeness(features, [0] * 3, [1] * 3, weights=[1, 0])
    with pytest.raises(ValueError, match="1024"):
        order_by_likeness(features, [0] * 3, [1] * 3, weights=[1, 600])
    with pytest.raises(ValueError, match="span"):
        order_by_likeness(features, [0] * 3, [1] * 3, span=0)
    # The same feature twice in one row must not lead out of the lists.
    twice = np.full((50, 4), 7, dtype=np.uint64)
    order = order_by_likeness(twice, [0] * 50, [1] * 50, weights=[255] * 4)
    assert sorted(order.tolist()) == list(range(50))


def similarity_order(paths, classes, sizes=(), sketched=()) -> list[int]:
    """`order_of` contents that have a sketch each, or none has."""
    hashes = np.concatenate(sketched) if sketched else np.empty(0, dtype=np.uint64)
    starts = np.cumsum([0, *map(len, sketched)], dtype=np.int64)
    order = order_of(paths, np.array(classes, np.int64), np.array(sizes, np.int64), hashes, starts)
    return order.tolist()


def test_copies_with_small_changes_become_neighbours() -> None:
    rng = random.Random(1)
    originals = [rng.randbytes(9000) for _ in range(30)]
    datas = []
    for version in range(3):
        for data in originals:
            at = 100 * version
            datas.append(data[:at] + bytes([version]) + data[at:])
    paths = [b"v%d/%02d.bin" % divmod(i, 30) for i in range(90)]
    likenesses = sketches([_core.count_patterns(data, threshold=2**58)["hash"] for data in datas])
    order = similarity_order(
        paths, [1] * 90, [len(data) for data in datas], [one.sketch for one in likenesses]
    )
    rank = {i: r for r, i in enumerate(order)}
    for i in range(30):
        places = sorted(rank[i + 30 * version] for version in range(3))
        assert places[2] - places[0] == 2


def test_order_does_not_depend_on_the_order_of_input() -> None:
    rng = random.Random(2)
    pool = [np.uint64(rng.randrange(2**64 - 1)) for _ in range(60)]
    rows = [
        (b"d%d/%d.py" % (i % 7, i), i % 2, rng.randrange(50_000), np.array(sorted(rng.sample(pool, 8))))
        for i in range(80)
    ]
    expected = [rows[i][0] for i in similarity_order(*zip(*rows, strict=True))]
    for _ in range(5):
        rng.shuffle(rows)
        assert [rows[i][0] for i in similarity_order(*zip(*rows, strict=True))] == expected


def test_small_contents_of_a_folder_stay_together_as_they_stand_by_path() -> None:
    """Each of folder a is like one of folder b and like no other; larger contents follow that."""
    rng = random.Random(5)
    pools = [np.array(sorted(rng.randrange(2**64 - 1) for _ in range(8)), dtype=np.uint64) for _ in range(40)]
    paths = [b"a/%02d.json" % i for i in range(40)] + [b"b/%02d.json" % i for i in range(40)]

    def followers(size: int) -> int:
        order = similarity_order(paths, [0] * 80, [size] * 80, pools + pools)
        return sum(later - earlier == 1 for earlier, later in pairwise(order))

    assert followers(300) >= 76  # four units of 28 and 12
    assert followers(similarity.UNIT) < 10


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 20_000), st.integers(0, 5)),
        max_size=40,
    )
)
def test_units_are_all_contents_each_once_and_none_goes_on_beyond_its_size(rows) -> None:
    paths = [b"%d/%03d.%d" % (folder, i, kind) for i, (folder, kind, _, _) in enumerate(rows)]
    pools = [np.arange(likeness, likeness + 3, dtype=np.uint64) for *_, likeness in rows]
    order = similarity_order(paths, [0] * len(rows), [size for *_, size, _ in rows], pools)
    assert sorted(order) == list(range(len(rows)))
    by_path = sorted(range(len(rows)), key=lambda i: paths[i])
    first = similarity._units(
        np.zeros(len(rows), dtype=np.uint8),
        np.array([int(paths[i][:1] + paths[i][-1:]) for i in by_path], dtype=np.int64),
        np.array([rows[i][2] for i in by_path], dtype=np.int64),
    ).tolist()
    for begin, end in pairwise([*first, len(rows)]):
        unit = by_path[begin:end]
        sizes = [rows[i][2] for i in unit]
        assert len(unit) == 1 or sum(sizes[:-1]) < similarity.UNIT > max(sizes)
        assert len({(paths[i][:1], paths[i][-1:]) for i in unit}) == 1


def test_without_sketches_the_order_is_by_class_extension_and_path() -> None:
    paths = [b"b/x.py", b"a/y.TXT", b"a/x.py", b"c/z.png", b"a/.hidden", b"a/Makefile"]
    order = similarity_order(paths, [0, 0, 0, 2, 0, 0])
    assert [paths[i] for i in order] == [
        b"a/.hidden", b"a/Makefile", b"a/x.py", b"b/x.py", b"a/y.TXT", b"c/z.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"a/b.PY", (b"a", b"py")),
        (b"a.b/c", (b"a.b", b"")),
        (b"a/b/.bashrc", (b"a/b", b"")),
        (b"x.tar.gz", (b"", b"gz")),
        (b"x.", (b"", b"")),
        (b"", (b"", b"")),
    ],
)
def test_folders_and_extensions(path: bytes, expected: tuple[bytes, bytes]) -> None:
    assert folder_and_extension(path) == expected


def test_sketches_leave_out_what_is_alone_and_what_is_everywhere() -> None:
    header = random.Random(3).randbytes(400)
    shared = random.Random(4).randbytes(400)
    alone = [random.Random(100 + i).randbytes(400) for i in range(300)]
    datas = [header + alone[i] + (shared if i < 10 else b"") for i in range(300)]
    hashes = [np.unique(_core.rolling_hash(data, 16)) for data in datas]
    whole = sketches(hashes, 10_000)
    chosen = {int(h) for h in whole[0].sketch}
    assert chosen >= {int(h) for h in _core.rolling_hash(shared, 16)}
    assert not chosen & {int(h) for h in _core.rolling_hash(header, 16)}
    # Two bodies may happen to begin with the same byte, behind the header.
    assert len(whole[299].sketch) < 3
    assert 600 < whole[0].repeats < 700
    for short, long in zip(sketches(hashes), whole, strict=True):
        assert short.sketch.tolist() == long.sketch[: similarity.SKETCH_SIZE].tolist()
        assert short.repeats == long.repeats


@given(st.lists(st.sets(st.integers(0, 60), max_size=20), max_size=12), st.integers(1, 50))
def test_hashes_are_counted_alike_in_any_number_of_ranges(sets: list[set[int]], together: int) -> None:
    contents = [np.array(sorted(hashes), dtype=np.uint64) << np.uint64(52) for hashes in sets]
    starts = np.cumsum([0, *map(len, contents)])
    joined = np.concatenate([np.empty(0, dtype=np.uint64), *contents])
    whole = similarity.sketches_of(joined, starts, 4)
    with mock.patch.object(similarity, "TOGETHER", together):
        found = similarity.sketches_of(joined, starts, 4)
    for name, column in whole._asdict().items():
        assert np.array_equal(getattr(found, name), column), name
    having = Counter(value for hashes in sets for value in hashes)
    assert (found.shared >> np.uint64(52)).tolist() == sorted(v for v, n in having.items() if n >= 2)


def test_sketches_of_nothing_and_of_contents_without_hashes() -> None:
    none = np.empty(0, dtype=np.uint64)
    one = np.array([1, 5], dtype=np.uint64)
    assert sketches([]) == []
    likenesses = sketches([none, one, none, one, none])
    assert [like.repeats for like in likenesses] == [0] * 5
    assert [like.repeats for like in sketches([one] * 7 + [one[:1]])] == [500] * 7 + [1000]
    assert [like.sketch.tolist() for like in likenesses] == [[], [1, 5], [], [1, 5], []]


@given(
    st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(b"ab"), max_size=300).map(bytes)),
    st.integers(1, 300),
    st.integers(1, 20),
)
def test_sketch_of_a_buffer_is_its_lowest_hashes(data: bytes, k: int, length: int) -> None:
    expected = sorted({int(h) for h in _core.rolling_hash(data, length)})[:k]
    assert _core.sketch(data, k, length).tolist() == expected
    assert _core.count_patterns(data, length)["hash"][:k].tolist() == expected


@pytest.mark.parametrize("size", [8207, 8208, 100_000])
@pytest.mark.parametrize("k", [1, 16, 5000])
def test_sketch_of_a_long_buffer(size: int, k: int) -> None:
    data = random.Random(size).randbytes(size // 2) * 2
    assert _core.sketch(data, k).tolist() == np.unique(_core.rolling_hash(data))[:k].tolist()


def test_sketch_refuses_what_is_out_of_range() -> None:
    assert len(_core.sketch(b"short")) == 0
    for k, length in ((0, 16), (16, 0), (16, 257)):
        with pytest.raises(ValueError, match="must be from 1 to"):
            _core.sketch(b"some text", k, length)
