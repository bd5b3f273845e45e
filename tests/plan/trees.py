"""Small trees with planted copies, zero runs and near duplicates, and the reader of a plan."""

import random
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from ucompress.checksum import run_check
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.placing.plan import HOLE, Content, Plan

SMALL = PlanParameters(
    block_target=8192,
    large_block_target=16384,
    dense_block_target=6000,
    large_from=500,
    whole=4096,
    reach=2048,
    window=16384,
)


def block_bound(size: int, reach: int) -> int:
    """The most blocks that a file of `size` bytes may touch."""
    return 2 + -(-size // reach)


def contents_of(
    datas: Sequence[bytes], classes: Sequence[int] | None = None, repeats: int | None = None
) -> list[Content]:
    return [
        Content(
            i,
            b"tree/%03d.bin" % i,
            len(data),
            kind_class=classes[i] if classes else 0,
            repeats=i * 97 % 1001 if repeats is None else repeats,
        )
        for i, data in enumerate(datas)
    ]


def reader(datas: Sequence[bytes]) -> Callable[[int, int, int], bytes]:
    return lambda ordinal, offset, length: datas[ordinal][offset : offset + length]


def decoded_blocks(plan: Plan, datas: Sequence[bytes]) -> list[bytes]:
    blocks = []
    for runs in plan.blocks:
        parts = [datas[run.content][run.offset : run.offset + run.length] for run in runs]
        assert [run_check(part) for part in parts] == [run.check for run in runs]
        blocks.append(b"".join(parts))
    return blocks


def rebuilt(plan: Plan, datas: Sequence[bytes]) -> list[bytes]:
    """Every content, put together again from blocks and extents."""
    blocks = decoded_blocks(plan, datas)
    return [
        b"".join(
            bytes(e.length) if e.block == HOLE else blocks[e.block][e.offset : e.offset + e.length]
            for e in extents
        )
        for extents in plan.extents
    ]


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[bytes], list[int]]:
    """Contents made of noise, of zeros and of pieces of what came before, and their classes."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    pool = bytearray(rng.randbytes(3000))
    datas = []
    for _ in range(draw(st.integers(0, 8))):
        data = bytearray()
        for kind, size in draw(
            st.lists(st.tuples(st.sampled_from("ncczs"), st.integers(0, 12_000)), max_size=6)
        ):
            if kind == "n":
                data += rng.randbytes(size)
            elif kind == "z":
                data += bytes(size)
            elif kind == "s":
                data += data[:size]
            else:
                start = rng.randrange(len(pool))
                data += pool[start : start + size]
        pool += data
        datas.append(bytes(data))
    classes = draw(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=len(datas), max_size=len(datas)))
    return datas, classes
