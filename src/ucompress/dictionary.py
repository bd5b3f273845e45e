"""The shared dictionary: which bytes all blocks have as their past, and how many of them pay.

The windows are chosen from the planned blocks, since what repeats inside one block is found
there without help. They stand best last, so that every suffix of the dictionary is the best
smaller dictionary. A few pieces of the corpus are coded with each suffix, and the one stays
whose gain, its own coded size deducted, is largest.

All arithmetic is on integers, and what is looked at is picked by hash: the same blocks give
the same dictionary.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from ucompress._core import DictionaryBuilder as DictionaryBuilder
from ucompress.checksum import run_check
from ucompress.codec.block import BlockCompressor
from ucompress.codec.levels import DICTIONARY_LIMIT, LEVELS, ZSTD, codec_of, estimating_level
from ucompress.config import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Job = Callable[[], int | None]
    Run = Callable[[Iterable[Job]], Iterable[int | None]]

KIB: Final = 1 << 10

SIZES: Final = (64 * KIB, 256 * KIB, 1 * MIB, 2 * MIB, 4 * MIB, DICTIONARY_LIMIT)
"""Sizes a dictionary may have, besides 0."""

SHARE: Final = 10
"""A dictionary has at most one part in `SHARE` of the bytes that are coded with it,"""

LARGEST_SHARE: Final = 20
"""and the largest one in so many: at level 3 match finders are twice as large behind it."""

WEIGHT_LIMIT: Final = 24
"""Blocks beyond this many add nothing to a window's worth: from 8 to 24 it is all one, more is worse."""

PIECE: Final = 256 * KIB
"""Bytes of one piece of the sample. Fewer and longer ones rank the sizes worse."""

SAMPLE_SHARE: Final = 64
"""The sample is one part in this many of the corpus, within the two bounds below."""

FEWEST_PIECES: Final = 4
MOST_PIECES: Final = 32

_SLOW_FROM: Final = 5  # from this level on, coding takes its time, and
_SLOW_PIECE: Final = 128 * KIB  # of a piece this much is looked at

_FIRST_SHARE: Final = 20  # most corpora are best served by one part in this many of their bytes

_AMPLE: Final = 7  # halves: at levels 1-3, where this many times the cost is saved, less is not tried

_USUAL_TRIALS: Final = 3
_MOST_TRIED: Final = 7  # it ranks sizes as 8 and 9 do
# What a byte that is primed with or coded takes of time, in bytes that the planner looks at; measured.
_QUICK_WORK: Final = 3
_LZ_WORK: Final = 16


def size_limit(level: int, unique_bytes: int) -> int:
    """The largest dictionary that a level may use for so many unique bytes; 0 for none."""
    most = LEVELS[level].dictionary
    shares = {size: LARGEST_SHARE if size == DICTIONARY_LIMIT else SHARE for size in SIZES if size <= most}
    return max((size for size, share in shares.items() if size <= unique_bytes // share), default=0)


def builder(counts: NDArray[np.void], size: int, *, length: int, threshold: int) -> DictionaryBuilder:
    """Takes blocks by `offer(data, number)`, from any thread and in any order.

    Args:
        counts: d-mer counts over the corpus.
        size: the largest dictionary that will be wanted, in bytes.
        length: bytes in a d-mer.
        threshold: the highest hash that was sampled.
    """
    return DictionaryBuilder(counts, length, max(1, size), threshold=threshold, weight_limit=WEIGHT_LIMIT)


def assemble(builder: DictionaryBuilder, size: int, read: Callable[[int, int, int], bytes]) -> bytes:
    """The dictionary of at most `size` bytes, best windows last.

    Args:
        builder: has been offered every block.
        size: in bytes.
        read: `read(block, offset, length)` gives these decoded bytes; asked in ascending order.
    """
    chosen = builder.select(size)
    columns = (chosen[name].tolist() for name in ("document", "offset", "length"))
    places = list(zip(*columns, strict=True))
    windows = {place: read(*place) for place in sorted(places)}
    return b"".join(windows[place] for place in reversed(places))


def sample_pieces(sizes: Sequence[int]) -> list[tuple[int, int, int]]:
    """Which pieces (block, offset, length) stand for the corpus: those of the lowest hashes.

    Args:
        sizes: bytes of every block, in order.
    """
    pieces = [
        (block, offset, min(PIECE, size - offset))
        for block, size in enumerate(sizes)
        for offset in range(0, size, PIECE)
    ]
    return sorted(sorted(pieces, key=_piece_order)[: _piece_count(sum(sizes))])


def _piece_count(unique_bytes: int) -> int:
    return min(max(unique_bytes // SAMPLE_SHARE // PIECE, FEWEST_PIECES), MOST_PIECES)


def work_of_choosing(level: int, unique_bytes: int) -> int:
    """About how much work `choose_suffix` will be, in the unit of its `tried`."""
    limit = size_limit(level, unique_bytes)
    sample = _piece_count(unique_bytes) * (_SLOW_PIECE if level >= _SLOW_FROM else PIECE)
    return _USUAL_TRIALS * _work(level, sample + limit) if limit else 0


def _work(level: int, size: int) -> int:
    return size * (_QUICK_WORK if codec_of(level) == ZSTD else _LZ_WORK)


def _piece_order(piece: tuple[int, int, int]) -> tuple[int, tuple[int, int, int]]:
    block, offset, _ = piece
    return run_check(block.to_bytes(8, "little") + offset.to_bytes(8, "little")), piece


def choose_suffix(
    dictionary: bytes,
    level: int,
    sample: Sequence[bytes],
    unique_bytes: int,
    *,
    gains: dict[int, int] | None = None,
    run: Run | None = None,
    tried: Callable[[int], None] = lambda work: None,
) -> tuple[bytes, int]:
    """The suffix of a dictionary that makes the smallest archive, its own coded size charged.

    Args:
        dictionary: the largest candidate.
        level: the compression level.
        sample: the pieces that `sample_pieces` names.
        unique_bytes: bytes of all blocks.
        gains: what suffixes of some sizes gain, known from before; what is measured now is added.
        run: calls each of some functions that do not need each other, and gives what they return in
            their order; what it raises ends the work. None: one after the other.
        tried: called with the work that each size was, in bytes as the planner takes them.

    Returns:
        The suffix, perhaps empty, and the bytes that it is expected to save.
    """
    if not dictionary or not any(sample):
        return b"", 0
    known = {} if gains is None else gains
    trials = _trials(Measured(dictionary, level, sample, unique_bytes), known, run, tried)
    steps, first = _steps(len(dictionary)), unique_bytes // _FIRST_SHARE
    best = _climb(trials.gain, steps, first, trials.is_ample if codec_of(level) == ZSTD else _never)
    return dictionary[len(dictionary) - best :], trials.gain(best)


class Measured(NamedTuple):
    """What the gains of suffixes depend on: the arguments of `choose_suffix`."""

    dictionary: bytes
    level: int
    sample: Sequence[bytes]
    unique_bytes: int


def gain_of(measured: Measured, size: int) -> int:
    """What the suffix of this size gains: a value of `choose_suffix`'s `gains`."""
    return _trials(measured, {}).gain(size)


def first_sizes(available: int, unique_bytes: int) -> list[int]:
    """The sizes that `choose_suffix` will most likely ask for, of a dictionary of `available` bytes."""
    steps = _steps(available)
    start = _start(steps, unique_bytes // _FIRST_SHARE)
    return [size for size in steps[start - 1 : start + 2] if size]


def _trials(
    measured: Measured,
    known: dict[int, int],
    run: Run | None = None,
    tried: Callable[[int], None] = lambda work: None,
) -> _Trials:
    dictionary, level, sample, unique_bytes = measured
    if level >= _SLOW_FROM:
        sample = [piece[:_SLOW_PIECE] for piece in sample]
    # Quicker levels than 3 and 6 rank sizes wrong, for their tables do not hold a large dictionary.
    # And 4-6 must not ask zstd: their bytes are the same whatever zstd library is installed.
    return _Trials(dictionary, sample, unique_bytes, min(max(level, 3), _MOST_TRIED), known, run, tried)


def _start(steps: Sequence[int], first: int) -> int:
    """The number of the step, not the one of nothing, that is nearest to `first`."""
    return min(range(1, len(steps)), key=lambda i: abs(steps[i] - first))


def _steps(available: int) -> list[int]:
    """The sizes to choose from, none first; all there is counts as a size, too."""
    return [0, *(size for size in SIZES if size < available), available]


def _never(size: int) -> bool:
    return False


def _climb(
    gain: Callable[[int], int], steps: Sequence[int], first: int, is_ample: Callable[[int], bool] = _never
) -> int:
    """The step of the highest gain, sought upwards from the one nearest to `first`, else downwards.

    Gains rise to one summit and fall, so that most sizes need not be tried: none below one whose gain
    is ample. A summit that gains nothing is none: then it is 0.
    """
    start = at = _start(steps, first)
    while at + 1 < len(steps) and gain(steps[at + 1]) > gain(steps[at]):
        at += 1
    if at == start and not is_ample(steps[at]):
        while at > 0 and gain(steps[at - 1]) >= gain(steps[at]):
            at -= 1
    return steps[at] if gain(steps[at]) > 0 else 0


def _one_by_one(jobs: Iterable[Job]) -> Iterable[int | None]:
    return (job() for job in jobs)


def _coded_size(coder: BlockCompressor, piece: bytes) -> int:
    return len(coder.compress(piece)[1])


class _Trials:
    """What the suffixes of a dictionary gain, each measured when it is first asked for."""

    def __init__(
        self,
        dictionary: bytes,
        sample: Sequence[bytes],
        unique_bytes: int,
        level: int,
        known: dict[int, int],
        run: Run | None,
        tried: Callable[[int], None],
    ) -> None:
        self._tried = tried
        self._dictionary = dictionary
        self._sample = sample
        self._unique_bytes = unique_bytes
        self._level = level
        self._run = run or _one_by_one
        self._cost_coder = BlockCompressor(estimating_level(level))
        self._known = known
        self._costs: dict[tuple[int, int], int] = {}
        self._plain: list[int] = []

    def gain(self, size: int) -> int:
        """Bytes that the suffix of this size saves in the whole corpus, its own cost deducted."""
        if not size:
            return 0
        if size not in self._known:
            coded = sum(self._coded_sizes(size))
            saved = (sum(self._plain) - coded) * self._unique_bytes // sum(map(len, self._sample))
            self._known[size] = saved - self._own_cost(size)
            self._tried(_work(self._level, size + sum(map(len, self._sample))))
        return self._known[size]

    def is_ample(self, size: int) -> bool:
        """Whether the suffix of this size saves so much more than it costs that none below does better."""
        cost = self._own_cost(size)
        return 2 * (self.gain(size) + cost) >= _AMPLE * cost

    def _coded_sizes(self, size: int) -> list[int]:
        """Coded bytes of each piece of the sample behind the suffix of this size.

        Priming takes long at some levels, and one thread: what can be told without is told meanwhile.
        """
        primed: list[BlockCompressor] = []

        def prime() -> None:
            primed.append(BlockCompressor(self._level, self._dictionary[len(self._dictionary) - size :]))

        costs = [piece for piece in self._cost_pieces(size) if piece not in self._costs]
        plain = BlockCompressor(self._level)
        known = self._all(
            prime,
            *(self._cost_job(*piece) for piece in costs),
            *(() if self._plain else (partial(_coded_size, plain, piece) for piece in self._sample)),
        )
        self._costs.update(zip(costs, known, strict=False))
        self._plain = self._plain or known[len(costs) :]
        return self._all(*(partial(_coded_size, primed[0], piece) for piece in self._sample))

    def _all(self, *jobs: Job) -> list[int]:
        """What those jobs return that return something."""
        return [result for result in self._run(jobs) if result is not None]

    def _own_cost(self, size: int) -> int:
        """About how many bytes the suffix takes in the archive: every third piece of it, coded.

        Coded as a whole, and less quickly, it takes a quarter less.
        """
        pieces = self._cost_pieces(size)
        costs = [piece for piece in pieces if piece not in self._costs]
        self._costs.update(zip(costs, self._all(*(self._cost_job(*piece) for piece in costs)), strict=True))
        coded = sum(self._costs[piece] for piece in pieces)
        return coded * size * 3 // sum(length for _, length in pieces) // 4

    def _cost_pieces(self, size: int) -> list[tuple[int, int]]:
        """(bytes behind it in the dictionary, length) of every third piece of the suffix."""
        return [(size - end, end - max(end - PIECE, 0)) for end in range(size, 0, -3 * PIECE)]

    def _cost_job(self, behind: int, length: int) -> Job:
        end = len(self._dictionary) - behind
        return partial(_coded_size, self._cost_coder, self._dictionary[end - length : end])
