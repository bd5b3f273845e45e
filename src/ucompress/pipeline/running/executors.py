"""Work spread over an executor, with a bound on what is in flight.

Any `concurrent.futures.Executor` will do: every task is a module-level function with
arguments that pickle, so workers need not share memory with the orchestrator.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from ucompress.errors import CompressionError, ParallelProcessingError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
    from concurrent.futures import Executor

Item = TypeVar("Item")
Result = TypeVar("Result")

POLL_SECONDS = 0.1
_worker = threading.local()


class StoppedError(Exception):
    """Nobody waits for what a worker does any more."""


def kept_in_worker(make: Callable[..., Result], *arguments: Hashable) -> Result:
    """`make(*arguments)`, made again in a worker only when it last made something else.

    For what costs more to make than a task costs to do, such as tables over all patterns. The
    worker's next task finds it as this one left it.
    """
    if getattr(_worker, "recipe", None) != (make, arguments):
        _worker.made = make(*arguments)
        _worker.recipe = (make, arguments)
    made: Result = _worker.made
    return made


def insist_on_being_wanted() -> None:
    """For long tasks, now and then: give up where the map that they belong to has ended early.

    A signal is heard by the main thread alone, which waits for its workers before it leaves. Workers of
    other processes are never told.

    Raises:
        StoppedError: it has ended.
    """
    stop: threading.Event | None = getattr(_worker, "stop", None)
    if stop is not None and stop.is_set():
        raise StoppedError


def ordered_map(
    executor: Executor,
    task: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    in_flight: int,
    poll: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Results of `task` over `items`, in the order of the items.

    Args:
        executor: where the tasks run.
        task: a function that pickles, for executors of other processes.
        items: consumed only as fast as tasks finish.
        in_flight: the most tasks submitted and not yet yielded.
        poll: called about ten times a second while waiting; what it raises ends the map.

    Yields:
        One result an item. Tasks not yet started are cancelled when the map ends early.

    Raises:
        CompressionError, OSError, MemoryError: as a task raised it.
        ParallelProcessingError: a task raised something else, or a worker died.
    """
    waiting: deque[Future[Result]] = deque()
    stop = threading.Event()
    try:
        for item in items:
            poll()
            waiting.append(_submitted(executor, task, item, stop))
            if len(waiting) >= in_flight:
                yield _result(waiting, poll)
        while waiting:
            yield _result(waiting, poll)
    finally:
        stop.set()
        for future in waiting:
            future.cancel()
        wait(waiting)


def linked_map(
    executor: Executor,
    task: Callable[[Item], Result],
    numbers: range,
    make: Callable[[int, Result | None], Item],
    *,
    links: Mapping[int, int],
    in_flight: int,
    poll: Callable[[], None] = lambda: None,
    after: Future[None] | None = None,
) -> Iterator[Result]:
    """Results of numbered tasks in their order, where some need the result of an earlier one.

    Args:
        executor, task, in_flight, poll: as in `ordered_map`. Up to twice as many results wait for their turn.
        numbers: the tasks.
        make: what a task is given: its number, and the result of the task that it needs; None where it
            needs none, or where that result has been yielded before.
        links: the task that a task needs, an earlier one that needs none itself.
        after: what must be done before the first result is yielded; tasks run meanwhile.

    Yields, raises:
        As `ordered_map`.
    """
    running: dict[int, Future[Result]] = {}
    put_off: list[int] = []
    coming = iter(numbers)
    ahead = next(coming, None)
    stop = threading.Event()
    before = () if after is None else (after,)
    try:
        for turn in numbers:
            poll()
            while turn not in running or not all(future.done() for future in (running[turn], *before)):
                ready = [number for number in put_off if _is_ready(links[number], turn, running)]
                while sum(not future.done() for future in running.values()) < in_flight:
                    if ready:
                        number = ready.pop(0)
                        put_off.remove(number)
                    elif ahead is not None and ahead < turn + 2 * in_flight:
                        number, ahead = ahead, next(coming, None)
                        if number in links and not _is_ready(links[number], turn, running):
                            put_off.append(number)
                            continue
                    else:
                        break
                    needed = running.get(links.get(number, -1))
                    item = make(number, None if needed is None else _outcome(needed))
                    running[number] = _submitted(executor, task, item, stop)
                unfinished = [future for future in (*running.values(), *before) if not future.done()]
                wait(unfinished, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                poll()
            if after is not None:
                _outcome(after)
            yield _outcome(running.pop(turn))
    finally:
        stop.set()
        for future in running.values():
            future.cancel()
        wait(running.values())


def _is_ready(number: int, turn: int, running: dict[int, Future[Result]]) -> bool:
    """Whether a task before `turn`, or one that runs, has its result."""
    return number < turn or (number in running and running[number].done())


def _result(waiting: deque[Future[Result]], poll: Callable[[], None]) -> Result:
    future = waiting[0]
    while not wait((future,), timeout=POLL_SECONDS).done:
        poll()
    waiting.popleft()
    return _outcome(future)


def _outcome(future: Future[Result]) -> Result:
    try:
        return future.result()
    except (CompressionError, OSError, MemoryError):
        raise
    except Exception as error:
        raise _failed(error) from error


def _submitted(
    executor: Executor, task: Callable[[Item], Result], item: Item, stop: threading.Event
) -> Future[Result]:
    try:
        if isinstance(executor, ThreadPoolExecutor):
            return executor.submit(_done_while_wanted, stop, task, item)
        return executor.submit(task, item)
    except RuntimeError as error:  # its workers died, or it was shut down
        raise _failed(error) from error


def _done_while_wanted(stop: threading.Event, task: Callable[[Item], Result], item: Item) -> Result:
    """A task in a thread of this process, which learns by `stop` that it is wanted no more."""
    _worker.stop = stop
    try:
        return task(item)
    finally:
        _worker.stop = None  # what the thread does next belongs to no map, or to another one


def _failed(error: Exception) -> ParallelProcessingError:
    return ParallelProcessingError(f"a worker failed ({type(error).__name__}: {error})")
