"""One function over many things, as Ray tasks: for work that is not a recording's step."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pipelines.engines.spread import DEATHS
from schemas.errors import AffectloomError, UsageError

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 2
"""Tasks for each worker that are handed to Ray: one works, one waits."""


def spread(workers: int | None, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `function` gives for each item, in any order; Ray is there.

    workers: tasks at a time, at most; else as many as the cluster has processors, asked for anew as it grows.
    """
    import ray

    task = ray.remote(max_retries=DEATHS - 1, num_cpus=1)(_tried)
    shared = ray.put(function)
    iterator = iter(items)
    waiting: dict[Any, T] = {}
    try:
        while True:
            most = workers or _AHEAD * int(ray.cluster_resources().get("CPU", 1))
            for item in iterator:
                waiting[task.remote(shared, item)] = item
                if len(waiting) >= most:
                    break
            if not waiting:
                return
            (ready, *_), _rest = ray.wait(list(waiting), num_returns=1)
            item = waiting.pop(ready)
            try:
                told = ray.get(ready)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
                raise UsageError(
                    f"a worker died {DEATHS} times at {item!s:.200}",
                    do="what is finished is kept: run the same command again; if memory was short, with more of it",
                ) from error
            if isinstance(told, AffectloomError):
                raise told
            result: R = told
            yield result
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)


def _tried(function: Callable[[T], R], item: T) -> R | AffectloomError:
    try:
        return function(item)
    except AffectloomError as error:  # as a value: Ray would wrap it in its own, with a page of traceback
        return error
