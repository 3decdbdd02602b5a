"""The local engine: worker processes on this machine, one model load a process.

The driver keeps nothing but ids in flight. A worker that dies costs its batch a second try, one by one; the
recording that kills it again becomes a failure record.
"""

import itertools
import logging
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TypeVar

from pipelines.acquiring.acquire import is_current
from pipelines.engines.again import forget_failures, give_up
from pipelines.engines.child import ACQUIRING, Child, Task, start, stop
from pipelines.engines.spread import Spread, Workers
from pipelines.machine import cores, gpus
from pipelines.plan import Plan, is_todo
from pipelines.recording import StoredRecording
from pipelines.runner import ACQUIRE, Runner, outcome
from pipelines.store import Store
from schemas.errors import UsageError
from schemas.outcome import Outcome
from schemas.source import SourceRow

T = TypeVar("T")

log = logging.getLogger(__name__)

_AHEAD = 4
"""Recordings in flight for each worker: enough that no worker waits, few enough that the driver stays small."""


class LocalEngine:
    """Runs a plan over sources with `workers` processes (in this process where the store is in its memory)."""

    def __init__(self, workers: int | None = None, *, retry: bool = False, options: Sequence[str] = ()) -> None:
        if options:
            raise UsageError(f"the local engine has no options, found {' '.join(options)}")
        self.workers = workers or cores()
        self.retry = retry

    def run(self, plan: Plan, rows: Iterable[SourceRow], store: Store) -> Iterator[Outcome]:
        """Outcomes as they come, several for each recording. Raises what ends a run: see Runner.run."""
        if not store.is_shared:
            yield from _in_this_process(plan, rows, store, retry=self.retry)
            return
        driver = _Driver(plan, rows, store, self.workers, retry=self.retry)
        try:
            yield from driver.run()
        finally:
            driver.stop()

    @contextmanager
    def spreading(self, _store: Store) -> Iterator[Spread]:
        """Work that is not a recording's step, in processes of this machine."""
        with Workers(self.workers) as processes:
            yield processes


def _in_this_process(plan: Plan, rows: Iterable[SourceRow], store: Store, *, retry: bool) -> Iterator[Outcome]:
    runner = Runner(plan, store)
    needs = [step.needs.where(len(gpus())) for step in runner.lineage.steps]
    for batch in _batches(rows, max(need.batch for need in needs)):
        ids = []
        for row in batch:
            recording = store.open(row.id, runner.lineage)
            if retry:
                forget_failures(recording, runner.lineage.steps)
            told = runner.acquire(row)
            yield told
            if told.state != "failed":
                ids.append(row.id)
        for index, need in enumerate(needs):
            for some in _batches(ids, need.batch):
                yield from runner.run(index, some)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


class _Driver:
    def __init__(self, plan: Plan, rows: Iterable[SourceRow], store: Store, workers: int, *, retry: bool) -> None:
        self.plan = plan
        self.store = store
        self.lineage = plan.lineage
        self.steps = self.lineage.steps
        self.rows = iter(rows)
        self.retry = retry
        self.most = workers
        self.workers: list[Child] = []
        self.ready: dict[int, deque[Task]] = {index: deque() for index in range(ACQUIRING, len(self.steps))}
        self.alone: deque[Task] = deque()
        self.deaths: Counter[tuple[int, str]] = Counter()
        self.in_flight = 0
        self.exhausted = False
        self.gpus = gpus()
        self.needs = [step.needs.where(len(self.gpus)) for step in self.steps]
        self.ahead = workers * _AHEAD + 2 * max((need.batch for need in self.needs), default=1)

    def run(self) -> Iterator[Outcome]:
        while True:
            yield from self._take_in()
            self._hand_out()
            busy = [worker for worker in self.workers if worker.task is not None]
            if not busy:
                if self.exhausted and not self.in_flight:
                    return
                continue
            yield from self._collect(busy)

    def _take_in(self) -> Iterator[Outcome]:
        while not self.exhausted and self.in_flight < self.ahead:
            row = next(self.rows, None)
            if row is None:
                self.exhausted = True
                return
            recording = self.store.open(row.id, self.lineage)
            if self.retry:
                forget_failures(recording, self.steps)
            if not is_current(row, recording):
                self.in_flight += 1
                self.ready[ACQUIRING].append(Task(ACQUIRING, (row.id,), row))
                continue
            forget_failures(recording, self.steps, only_retryable=True)
            yield Outcome(row.id, ACQUIRE, "kept")
            self.in_flight += 1
            yield from self._go_on(recording, 0)

    def _go_on(self, recording: StoredRecording, index: int) -> Iterator[Outcome]:
        """Queue the recording for the next step that has something to do for it, telling what is passed over."""
        for place in range(index, len(self.steps)):
            step = self.steps[place]
            if is_todo(recording, step):
                self.ready[place].append(Task(place, (recording.id,)))
                return
            yield outcome(recording, step, 0.0, worked=False)
        self.in_flight -= 1

    def _hand_out(self) -> None:
        while any(self._give(worker) for worker in self.workers if worker.task is None) or self._one_more():
            pass

    def _give(self, worker: Child) -> bool:
        task = self._choose(worker)
        if task is not None:
            worker.give(task)
        return task is not None

    def _one_more(self) -> bool:
        """Start another worker where there is work that nobody is there for; the first get a GPU each."""
        free = [gpu for gpu in self.gpus if gpu not in {worker.gpu for worker in self.workers}]
        if not free and any(worker.task is None for worker in self.workers):
            return False
        if not (self.alone or any(self.ready.values())) or len(self.workers) >= self.most:
            return False
        self.workers.append(start(self.plan, self.store.url, free[0] if free else None))
        return True

    def _may(self, worker: Child, index: int) -> bool:
        """Whether the worker may run the step: what takes a GPU is for those that have one of their own."""
        return index == ACQUIRING or not self.gpus or not self.needs[index].gpus or worker.gpu is not None

    def _choose(self, worker: Child) -> Task | None:
        """The furthest step that the worker has a model for, else the furthest: recordings are finished, not begun."""
        for task in self.alone:
            if self._may(worker, task.index):
                self.alone.remove(task)
                return task
        full = [index for index in self.ready if self._may(worker, index) and self._is_full(index)]
        if not full:
            return None
        index = max(full, key=lambda index: (index in worker.loaded, index))
        if index == ACQUIRING:
            return self.ready[index].popleft()
        size = self.needs[index].batch
        queue = self.ready[index]
        ids = [queue.popleft().ids[0] for _ in range(min(size, len(queue)))]
        return Task(index, tuple(ids))

    def _is_full(self, index: int) -> bool:
        """A batch is worth starting when it is full, or when nothing that could fill it is on its way."""
        queue = self.ready[index]
        if not queue:
            return False
        if index == ACQUIRING or len(queue) >= self.needs[index].batch:
            return True
        on_the_way = any(self.ready[before] for before in range(ACQUIRING, index)) or any(
            worker.task is not None and worker.task.index < index for worker in self.workers
        )
        return not on_the_way

    def _collect(self, busy: Sequence[Child]) -> Iterator[Outcome]:
        ready = wait([worker.pipe for worker in busy])
        for worker in busy:
            if worker.pipe not in ready or worker.task is None:
                continue
            task = worker.task
            answer = worker.answer()
            if answer is None:
                yield from self._bury(worker, task)
                continue
            for told in answer:
                yield told
                yield from self._after(told, task.index)

    def _after(self, told: Outcome, index: int) -> Iterator[Outcome]:
        if index == ACQUIRING and told.state == "failed":
            self.in_flight -= 1
            return
        yield from self._go_on(self.store.open(told.recording, self.lineage), index + 1)

    def _bury(self, worker: Child, task: Task) -> Iterator[Outcome]:
        """A worker died: its batch is tried again one by one; a recording that kills twice alone is given up."""
        self.workers.remove(worker)
        how = worker.bury()
        log.warning("a worker died (%s) at %s of %s", how, self._name(task.index), ", ".join(task.ids[:3]))
        if len(task.ids) > 1:
            self.alone.extend(Task(task.index, (one,)) for one in task.ids)
            return
        recording_id = task.ids[0]
        self.deaths[task.index, recording_id] += 1
        if self.deaths[task.index, recording_id] < 2:  # noqa: PLR2004 - once may be chance
            self.alone.append(task)
            return
        recording = self.store.open(recording_id, self.lineage)
        told = give_up(recording, None if task.index == ACQUIRING else self.steps[task.index], how)
        yield told
        yield from self._after(told, task.index)

    def _name(self, index: int) -> str:
        return ACQUIRE if index == ACQUIRING else self.steps[index].key

    def stop(self) -> None:
        """End all workers."""
        stop(self.workers)
