"""What a worker keeps between its tasks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ucompress.pipeline.executors import kept_in_worker, ordered_map


def test_a_worker_makes_a_thing_once_as_long_as_it_is_the_same() -> None:
    made: list[tuple[str, ...]] = []

    def make(*names: str) -> list[str]:
        made.append(names)
        return list(names)

    def task(name: str) -> list[str]:
        return kept_in_worker(make, name, "x")

    with ThreadPoolExecutor(1) as executor:
        things = list(ordered_map(executor, task, ["a", "a", "b", "b", "a"], in_flight=2))
    assert made == [("a", "x"), ("b", "x"), ("a", "x")]
    assert things[0] is things[1]
    assert things[0] is not things[4]
