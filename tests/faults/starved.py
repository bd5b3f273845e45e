"""Lets each allocation that a kernel makes fail once, in a child that has memory.c before the C library.

    LD_PRELOAD=memory.so python -m faults.starved NAME...

A *scenario* makes a subject, and acts on it. For each allocation of the act there is a round: with a subject
of its own the act fails by MemoryError, or does without the allocation; then the same act on the same subject
gives what it always gives, twice, or fails again where the subject is one that counts; and when the subject
is gone, so is all that the extensions took. Prints a line of JSON: how many allocations each scenario makes.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import json
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from threads.test_shared_buffers import BLOCK, DATA, LINES, PAST, PATTERNS, READING, SAMPLE, plain
from ucompress import _core

LEAST = 4096
"""Bytes from which on Python's and NumPy's own allocations fail, too."""

MEMORY = ctypes.CDLL(None)
ROOM = 16 << 10
WHOLE = bytes(DATA)
WELL = WHOLE[12_000:21_000]
HASHES = np.unique(_core.count_patterns(DATA)["hash"])


class Scenario(NamedTuple):
    """What is made in peace, and what is then done with it.

    Attributes:
        act: called with what `make` gives.
        make: makes a subject.
        lasts: whether a subject that failed once fails from then on.
    """

    act: Callable[[Any], object]
    make: Callable[[], Any] = lambda: None
    lasts: bool = False


def lz(level: int, *, encode: bool) -> Any:
    """An encoder or a decoder, its dictionary primed."""
    kind = _core.Encoder if encode else _core.Decoder
    return kind(_core.PrimedDictionary(PAST, level, encode=encode), ROOM, ROOM)


def mix(level: int) -> _core.ModelCoder:
    """A coder, its model primed."""
    return _core.ModelCoder(_core.PrimedModel(PAST, level), ROOM)


def filled(decoder: Any, payload: bytes, size: int, *reference: tuple[bytes, int]) -> bytes:
    """What `decode_into` gives; where it fails, not a byte was touched."""
    out = bytearray(b"\xa5" * size)
    try:
        decoder.decode_into(payload, out, *reference)
    except MemoryError:
        assert out == b"\xa5" * size
        raise
    return bytes(out)


def lz_scenarios() -> dict[str, Scenario]:
    """The LZ codec: its dictionary primed, its coders, with the state after a reference and without."""
    made = {}
    for level in (4, 5, 6):
        encoder = lz(level, encode=True)
        alone = encoder.encode(BLOCK)
        past = (alone, len(BLOCK))
        after = encoder.encode(WELL, past)

        def both(decoder: Any, alone: bytes = alone, after: bytes = after) -> tuple[bytes, bytes]:
            first = decoder.decode(alone, len(BLOCK))
            return first, decoder.decode(after, len(WELL), (alone, len(BLOCK)))

        def turns(coder: Any, past: tuple[bytes, int] = past, after: bytes = after) -> object:
            coder.forget()
            return coder.decode(after, len(WELL), past, first=4000), coder.decode(after, len(WELL), past)

        encoders, decoders = (partial(lz, level, encode=encode) for encode in (True, False))
        made |= {
            f"lz {level} primed": Scenario(lambda _, make=encoders: make().encode(BLOCK)),
            f"lz {level} primed to decode": Scenario(
                lambda _, make=decoders, coded=alone: make().decode(coded, len(BLOCK))
            ),
            f"lz {level} encode": Scenario(lambda coder: coder.encode(BLOCK), encoders),
            f"lz {level} encode after": Scenario(lambda coder, past=past: coder.encode(WELL, past), encoders),
            f"lz {level} decode": Scenario(
                lambda coder, coded=alone: coder.decode(coded, len(BLOCK)), decoders
            ),
            f"lz {level} decode after": Scenario(
                lambda coder, coded=after, past=past: coder.decode(coded, len(WELL), past), decoders
            ),
            f"lz {level} decode both": Scenario(both, decoders),
            f"lz {level} decode in turns": Scenario(turns, decoders),
            f"lz {level} decode into": Scenario(
                lambda coder, coded=alone: filled(coder, coded, len(BLOCK)), decoders
            ),
            f"lz {level} decode into after": Scenario(
                lambda coder, coded=after, past=past: filled(coder, coded, len(WELL), past), decoders
            ),
        }
    return made


def mix_scenarios() -> dict[str, Scenario]:
    """The mixing codec."""
    made = {}
    for level in (7, 8, 9):
        coders = partial(mix, level)
        coded = coders().encode(BLOCK)
        made |= {
            f"mix {level} primed": Scenario(lambda _, make=coders: make().encode(BLOCK)),
            f"mix {level} encode": Scenario(lambda coder: coder.encode(BLOCK), coders),
            f"mix {level} decode": Scenario(
                lambda coder, coded=coded: coder.decode(coded, len(BLOCK)), coders
            ),
            f"mix {level} decode into": Scenario(
                lambda coder, coded=coded: filled(coder, coded, len(BLOCK)), coders
            ),
        }
    return made


def counted(counter: _core.PatternCounter) -> int:
    """Two documents: how many patterns."""
    counter.update(DATA, 7)
    counter.update(LINES, 8)
    return len(counter)


def built(_: object) -> bytes:
    """A dictionary of several documents."""
    builder = _core.DictionaryBuilder(_core.count_patterns(DATA))
    for document in range(4):
        builder.offer(WHOLE[document * 2000 : document * 2000 + 4000], document)
    return builder.select(6000).tobytes()


def located(_: object) -> bytes:
    """Where patterns stand, and how often."""
    locator, tally = _core.PatternLocator(HASHES, 16), _core.PatternTally(PATTERNS, 16)
    locator.update(DATA, 1)
    locator.merge_samples([SAMPLE])
    tally.update(DATA)
    tally.update_sampled(DATA, SAMPLE)
    return bytes(locator.places().tobytes() + tally.counts().tobytes())


def sampled(_: object) -> object:
    """Samples of many documents, and what they count to."""
    samples = _core.PatternSampler(16).sample_all([WHOLE, BLOCK, LINES])
    return samples, _core.merge_samples(samples).tobytes()


def segmented(_: object) -> object:
    """Copies among windows."""
    index = _core.SegmentIndex(1 << 20)
    found = index.candidates(bytes(LINES), 0)
    return found.tobytes(), index.candidates(bytes(LINES), len(LINES)).tobytes()


def likened(_: object) -> object:
    """Contents beside those that are like them."""
    sketches = [_core.sketch(WHOLE[at : at + 6000]) for at in range(0, 18_000, 6000)]
    features = np.array([np.resize(sketch, 16) for sketch in sketches])
    return plain(_core.order_by_likeness(features, [0] * len(features), [6000] * len(features)))


def other_scenarios() -> dict[str, Scenario]:
    """Every other kernel that allocates."""
    made = {name: Scenario(lambda _, call=call: plain(call())) for name, call in READING.items()}
    return made | {
        "counter": Scenario(counted, lambda: _core.PatternCounter(16), lasts=True),
        "branch counter": Scenario(lambda _: _core.BranchCounter(PAST).repeats(DATA)),
        "dictionary builder": Scenario(built),
        "locator and tally": Scenario(located),
        "samples": Scenario(sampled),
        "segments": Scenario(segmented),
        "likeness": Scenario(likened),
        "merge_counts": Scenario(
            lambda _: _core.merge_counts([_core.count_patterns(DATA), _core.count_patterns(LINES)]).tobytes()
        ),
        "list_folder": Scenario(lambda _: _core.list_folder(b"/")),
        "look_at_files": Scenario(lambda _: _core.look_at_files([b"/"])),
        "read_and_look": Scenario(lambda _: _core.read_and_look([(__file__.encode(), 0, 6000)] * 3)[0]),
        "read_spans": Scenario(lambda _: _core.read_spans([(__file__.encode(), 0, 6000)] * 3)),
        "prefixed strings": Scenario(joined),
    }


def joined(_: object) -> list[bytes]:
    """Strings told by what they share, and put together again."""
    lines = LINES.splitlines()
    shared, _suffixes = _core.split_prefixed(lines)
    lengths = np.frombuffer(shared, np.uint64)
    return _core.join_prefixed(shared, [line[int(n) :] for line, n in zip(lines, lengths, strict=True)])


FAMILIES = {"lz": lz_scenarios, "mix": mix_scenarios, "others": other_scenarios}


def starve(name: str, scenario: Scenario) -> int:
    """All rounds of a scenario; the allocations of its act."""
    expected = scenario.act(scenario.make())
    for at in count(1):
        gc.collect()
        before = MEMORY.memory_held()
        subject = scenario.make()
        found, allocations = starved(scenario, subject, at)
        assert found is None or found == expected, (name, at, "is other than in peace")
        for turn in range(2):
            assert again(scenario, subject, broken=found is None) == expected, (name, at, turn, "is spoilt")
        del subject, found
        gc.collect()
        assert MEMORY.memory_held() == before, (name, at, "what was taken is not given back")
        if allocations < at:
            return allocations
    raise AssertionError


def again(scenario: Scenario, subject: object, *, broken: bool) -> object:
    """What the same act gives afterwards, with memory; of a subject whose failure lasts, another one."""
    if not (broken and scenario.lasts):
        return scenario.act(subject)
    with contextlib.suppress(MemoryError):
        scenario.act(subject)
        raise AssertionError("it counts on as if nothing were missing")
    return scenario.act(scenario.make())


def starved(scenario: Scenario, subject: object, at: int) -> tuple[object, int]:
    """What an act gives whose allocation number `at` fails, None for MemoryError; how many it has made."""
    found = None
    MEMORY.memory_watch(ctypes.c_long(at), ctypes.c_size_t(LEAST))
    try:
        found = scenario.act(subject)
    except (MemoryError, OSError) as error:
        assert isinstance(error, MemoryError) or error.errno == errno.ENOMEM, (error, at)
    finally:
        allocations = MEMORY.memory_count()
    return found, allocations


def main() -> None:
    """The command line."""
    made = {
        name: starve(name, scenario)
        for family in sys.argv[1:]
        for name, scenario in FAMILIES[family]().items()
    }
    print(json.dumps(made))


if __name__ == "__main__":
    main()
