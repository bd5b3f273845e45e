"""Work spread over an executor: order, bound, cancellation, errors; what a worker keeps between its tasks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from ucompress.errors import DatabaseError, InterruptedJobError, ParallelProcessingError
from ucompress.pipeline.reading.contents import ContentsChangedError
from ucompress.pipeline.running.executors import (
    insist_on_being_wanted,
    kept_in_worker,
    linked_map,
    ordered_map,
)


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


def test_results_come_in_the_order_of_the_items() -> None:
    gates = {number: threading.Event() for number in range(4)}

    def task(number: int) -> int:
        if number:
            gates[number - 1].set()
        gates[number].wait(10)
        return number

    gates[3].set()
    with ThreadPoolExecutor(4) as executor:
        assert list(ordered_map(executor, task, range(4), in_flight=4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("in_flight", [1, 3, 8])
def test_no_more_is_in_flight_than_was_allowed(in_flight: int) -> None:
    taken = yielded = most = 0

    def items() -> Iterator[int]:
        nonlocal taken, most
        for number in range(20):
            taken += 1
            most = max(most, taken - yielded)
            yield number

    with ThreadPoolExecutor(2) as executor:
        for _ in ordered_map(executor, abs, items(), in_flight=in_flight):
            yielded += 1
    assert (taken, yielded) == (20, 20)
    assert most <= in_flight + 1  # an item is asked for while the last result is in its taker's hands


def test_items_are_taken_only_as_fast_as_results() -> None:
    taken: list[int] = []
    with ThreadPoolExecutor(1) as executor:
        results = ordered_map(executor, abs, (taken.append(n) or n for n in range(100)), in_flight=3)  # type: ignore[func-returns-value]
        assert next(results) == 0
        assert len(taken) == 3
        results.close()  # type: ignore[attr-defined]
    assert len(taken) == 3


def test_what_poll_raises_ends_the_map_and_cancels_what_has_not_begun() -> None:
    begun: list[int] = []
    release = threading.Event()
    stop = False

    def task(number: int) -> int:
        nonlocal stop
        begun.append(number)
        stop = True
        release.wait(10)
        return number

    def poll() -> None:
        if stop:
            release.set()
            raise InterruptedJobError("stop")

    with ThreadPoolExecutor(1) as executor, pytest.raises(InterruptedJobError):
        list(ordered_map(executor, task, range(50), in_flight=10, poll=poll))
    assert len(begun) < 10


@pytest.mark.parametrize(
    "error", [PermissionError(13, "no"), MemoryError(), DatabaseError("full"), ContentsChangedError([b"a"])]
)
def test_what_a_task_may_raise_comes_out_as_it_is(error: Exception) -> None:
    def task(number: int) -> int:
        if number == 2:
            raise error
        return number

    with ThreadPoolExecutor(2) as executor:
        results = ordered_map(executor, task, range(9), in_flight=4)
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(type(error)) as caught:
            next(results)
    assert caught.value is error


def test_what_a_task_must_not_raise_is_an_error_of_ours() -> None:
    with ThreadPoolExecutor(1) as executor, pytest.raises(ParallelProcessingError, match="ZeroDiv") as caught:
        list(ordered_map(executor, (1).__truediv__, [0], in_flight=1))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.exit_code == 15


def test_an_executor_that_was_shut_down_is_an_error_of_ours() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(ParallelProcessingError, match="shutdown"):
        list(ordered_map(executor, abs, [1], in_flight=1))


def test_a_worker_that_dies_is_an_error_of_ours() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        with pytest.raises(ParallelProcessingError, match="BrokenProcessPool"):
            list(ordered_map(executor, os._exit, [1], in_flight=1))
        with pytest.raises(ParallelProcessingError, match="BrokenProcessPool"):
            list(ordered_map(executor, abs, [1], in_flight=1))


LINKS = {1: 0, 4: 2, 5: 0, 6: 3, 7: 3, 9: 8}


@pytest.mark.parametrize("in_flight", [1, 2, 3, 9])
@pytest.mark.parametrize("threads", [1, 3])
def test_linked_tasks_get_what_they_need_and_come_in_order(in_flight: int, threads: int) -> None:
    yielded: list[str] = []

    def make(number: int, needed: str | None) -> str:
        if number in LINKS and needed is None:
            needed = yielded[LINKS[number]]
        return f"{number}" if number not in LINKS else f"{number} after {needed}"

    with ThreadPoolExecutor(threads) as executor:
        for result in linked_map(executor, str, range(12), make, links=LINKS, in_flight=in_flight):
            yielded.append(result)
    assert yielded == [f"{n} after {LINKS[n]}" if n in LINKS else f"{n}" for n in range(12)]


def test_linked_tasks_go_on_from_a_number() -> None:
    given: list[tuple[int, str | None]] = []

    def make(number: int, needed: str | None) -> str:
        given.append((number, needed))
        return str(number)

    with ThreadPoolExecutor(1) as executor:
        assert list(linked_map(executor, str, range(4, 8), make, links=LINKS, in_flight=2)) == list("4567")
    assert sorted(given) == [(4, None), (5, None), (6, None), (7, None)]


def test_others_go_on_while_a_linked_task_waits() -> None:
    """The task after the one that is needed is not waited for: the next free one is begun."""
    begun = threading.Event()

    def task(number: int) -> int:
        if number == 0:
            assert begun.wait(10), "task 2 has to begin while task 0 still runs"
        if number == 2:
            begun.set()
        return number

    with ThreadPoolExecutor(2) as executor:
        found = linked_map(executor, task, range(3), lambda number, _: number, links={1: 0}, in_flight=2)
        assert list(found) == [0, 1, 2]


def test_an_error_of_a_needed_task_is_told_as_any() -> None:
    with ThreadPoolExecutor(2) as executor, pytest.raises(ParallelProcessingError):
        list(linked_map(executor, (1).__truediv__, range(3), lambda n, _: n, links={1: 0, 2: 0}, in_flight=3))


def test_tasks_run_while_something_else_has_to_be_done_before_the_first_result() -> None:
    """Up to twice as many as are in flight; and nothing is yielded too early."""
    done: list[int] = []
    enough = threading.Event()

    def task(number: int) -> int:
        done.append(number)
        if len(done) == 4:
            enough.set()
        return number

    def first() -> None:
        assert enough.wait(10), "four tasks have to run meanwhile"
        done.append(-1)

    with ThreadPoolExecutor(2) as executor:
        after = executor.submit(first)
        found = linked_map(executor, task, range(9), lambda n, _: n, links={}, in_flight=2, after=after)
        assert next(found) == 0
        assert done.index(-1) == 4
        assert list(found) == list(range(1, 9))


def test_what_has_to_be_done_first_may_fail() -> None:
    with ThreadPoolExecutor(2) as executor, pytest.raises(OSError, match="full"):
        after: Future[None] = Future()
        after.set_exception(OSError("full"))
        list(linked_map(executor, abs, range(9), lambda n, _: n, links={}, in_flight=2, after=after))


@pytest.mark.parametrize("linked", [False, True])
def test_a_long_task_learns_that_nobody_waits_for_it(linked: bool) -> None:
    begun = threading.Event()

    def task(number: int) -> int:
        if number == 0:
            begun.wait(60)
            raise DatabaseError("the first one fails")
        begun.set()
        while True:
            insist_on_being_wanted()

    with ThreadPoolExecutor(2) as executor:
        results = (
            linked_map(executor, task, range(2), lambda number, _: number, links={}, in_flight=2)
            if linked
            else ordered_map(executor, task, range(2), in_flight=2)
        )
        with pytest.raises(DatabaseError):
            list(results)
        assert list(ordered_map(executor, lambda number: insist_on_being_wanted(), range(4), in_flight=4))


def test_outside_of_a_map_every_task_is_wanted() -> None:
    """Also in a thread that worked for one which has ended."""
    insist_on_being_wanted()
    with ThreadPoolExecutor(1) as executor:
        assert list(ordered_map(executor, str, [1], in_flight=1)) == ["1"]
        executor.submit(insist_on_being_wanted).result()
