"""Speed of the kernels: `python -m pytest -p benchmark benchmarks/test_kernels.py`.

`MB/s` (10**6 bytes a second, by the fastest round, one thread) stands with each result in `--benchmark-json`.
"""

from __future__ import annotations

from typing import Any

import pytest

import kernels
from ucompress import _core, patterns


def report(benchmark: Any, size: int) -> None:
    """Note the speed of the fastest round."""
    if benchmark.stats is not None:
        benchmark.extra_info["MB/s"] = round(size / benchmark.stats.stats.min / 1e6, 1)


@pytest.mark.parametrize("kernel", kernels.KERNELS, ids=lambda kernel: kernel.name)
def test_kernel(benchmark: Any, kernel: kernels.Kernel) -> None:
    """One span of text."""
    data = kernels.text()[: kernel.span]
    job = kernel.prepare()
    job(data)
    benchmark.pedantic(job, args=(data,), rounds=5, iterations=1)
    report(benchmark, len(data))


def test_lz_round_trip(benchmark: Any) -> None:
    """What decoding gives is what was coded: the speed of a wrong decoder is none."""
    data = kernels.text()[: 1 << 20]
    decoder = _core.Decoder(_core.PrimedDictionary(kernels.dictionary(), 6, encode=False), 1 << 20)
    coded = kernels.payload(data)
    assert benchmark.pedantic(decoder.decode, args=(coded, len(data)), rounds=5) == data
    report(benchmark, len(data))
    benchmark.extra_info["ratio"] = round(len(coded) / len(data), 4)


@pytest.mark.parametrize("level", [4, 6])
def test_priming(benchmark: Any, level: int) -> None:
    """What opening an archive and starting a run pay for a dictionary of a mebibyte."""
    benchmark.pedantic(_core.PrimedDictionary, args=(kernels.dictionary(), level), rounds=5)
    report(benchmark, len(kernels.dictionary()))


def test_merge_counts(benchmark: Any) -> None:
    """Sixteen tables of workers become one."""
    text = kernels.text()
    step = len(text) // 16
    tables = [
        _core.count_patterns(text[at : at + step], threshold=kernels.SAMPLED, document=at // step)
        for at in range(0, len(text), step)
    ]
    merged = benchmark.pedantic(_core.merge_counts, args=(tables,), rounds=5)
    assert merged["frequency"].sum() == sum(table["frequency"].sum() for table in tables)


def test_find_patterns(benchmark: Any) -> None:
    """All three passes: counted candidates, grown to maximal patterns, counted exactly."""
    text = kernels.text()[: 4 << 20]
    documents = [text[at : at + 65536] for at in range(0, len(text), 65536)]
    options = {"threshold": kernels.SAMPLED}
    found = benchmark.pedantic(patterns.find_patterns, args=(documents,), kwargs=options, rounds=3)
    assert found[0].frequency == sum(count_overlapping(found[0].pattern, part) for part in documents)
    report(benchmark, len(text))


def count_overlapping(pattern: bytes, text: bytes) -> int:
    """Positions at which a pattern stands, the slow and obvious way."""
    return sum(text.startswith(pattern, at) for at in range(len(text)))
