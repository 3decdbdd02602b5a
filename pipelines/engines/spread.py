"""One function over many things, in worker processes of this machine: for work that is not a recording's step.

A worker that dies costs its item another try; the item that kills three times ends the run with a clear error.
"""

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol, Self, TypeVar

from pipelines.engines.again import ONE_THREAD
from schemas.errors import AffectloomError, UsageError

T = TypeVar("T")
R = TypeVar("R")
DEATHS = 3
"""Of workers at one item, before it is given up: once or twice may be chance."""


class Spread(Protocol):
    """Applies a picklable function to items, in whatever processes and order."""

    def __call__(self, function: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]:
        """What the function gives for each item.

        A worker that dies costs its item another try. Raises what the function raises, if it is ours, and UsageError
        for an item that kills again.
        """
        ...


def here(function: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]:
    """In this process, one after the other."""
    return map(function, items)


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    function: object = None
    """That it holds."""
    item: object = None
    deaths: int = 0
    """Of the item, so far."""


class Workers:
    """Processes of this machine, started when there is work for them, that stay for more of it; one at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_of: object) -> None:
        for worker in self._idle:
            _end(worker)

    def __call__(self, function: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]:
        """What `function` gives for each item, in any order. Items are taken as workers become free.

        A single worker is this process. Raises what the function raises, if it is ours; other workers are ended.
        """
        iterator = iter(items)
        first = list(itertools.islice(iterator, self._most))
        if len(first) < 2:  # noqa: PLR2004 - a process for one item would only cost its start
            yield from map(function, itertools.chain(first, iterator))
            return
        busy: list[_Worker] = []
        try:
            for item in first:
                busy.append(self._idle.pop() if self._idle else _start())
                _give(busy[-1], function, item)
            while busy:
                yield from self._collect(busy, iterator, function)
        finally:
            for worker in busy:
                worker.process.terminate()
            for worker in busy:
                _end(worker)

    def _collect(self, busy: list[_Worker], items: Iterator[T], function: Callable[[T], R]) -> Iterator[R]:
        """Take what is ready, and hand out what follows."""
        ready = wait([worker.pipe for worker in busy])
        for worker in [one for one in busy if one.pipe in ready]:
            try:
                told = worker.pipe.recv()
            except (EOFError, ConnectionResetError):
                busy[busy.index(worker)] = _again(worker, function)
                continue
            if isinstance(told, AffectloomError):
                raise told
            for item in itertools.islice(items, 1):
                _give(worker, function, item)
                break
            else:
                busy.remove(worker)
                self._idle.append(worker)
            result: R = told
            yield result


def spread(workers: int, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """As `Workers`, for one function."""
    with Workers(workers) as processes:
        yield from processes(function, items)


def _give(worker: _Worker, function: object, item: object) -> None:
    new = None if function is worker.function else function
    worker.function, worker.item, worker.deaths = function, item, 0
    with suppress(BrokenPipeError, ConnectionResetError):  # found by who waits for the answer
        worker.pipe.send((new, item))


def _again(dead: _Worker, function: Callable[[T], object]) -> _Worker:
    """Another worker with the dead one's item. Raises UsageError for an item that has killed before."""
    _end(dead)
    deaths = dead.deaths + 1
    if deaths >= DEATHS:
        code = dead.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise UsageError(
            f"a worker died {DEATHS} times ({how}) at {dead.item!s:.200}",
            do="what is finished is kept: run the same command again; if memory was short, with fewer --workers",
        )
    worker = _start()
    _give(worker, function, dead.item)
    worker.deaths = deaths
    return worker


def _start() -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)  # read by libraries when a worker imports them
    try:
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        process.start()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    theirs.close()
    return _Worker(process, ours)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.join(timeout=5)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _work(pipe: Connection) -> None:
    """A worker's whole life. Ctrl-C is the driver's business; without a driver there is nothing to live for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_the_driver, daemon=True).start()
    function: Callable[[object], object] | None = None
    while True:
        try:
            new, item = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)  # libraries that clean up at exit may hang or complain: all is written
        function = new or function
        if function is None:
            raise AssertionError
        try:
            answer: object = function(item)
        except AffectloomError as error:
            answer = error
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)


def _die_with_the_driver() -> None:
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
        os._exit(1)
